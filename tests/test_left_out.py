"""The run itself: what it leaves out is told, and may be forbidden."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).with_name("conftest.py")
SWITCH = "LARGESSE_TEST_LEAVE_OUT_NOTHING"

ONE_OF_EACH = """
import pytest

def test_that_runs(): pass

@pytest.mark.skip(reason="wrk is missing: apt-get install wrk")
def test_of_speed(): pass

@pytest.mark.skip(reason="by design: memory does not outlive its process")
def test_of_restart(): pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with our conftest and a configuration of its own."""
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def test_what_is_left_out_is_said_aloud(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason, which says how to get it; the run passes all the same."""
    monkeypatch.delenv(SWITCH, raising=False)
    run.makepyfile(ONE_OF_EACH)

    result = run.runpytest_inprocess()

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "left out: 1 × by design: memory does not outlive its process",
            "left out: 1 × wrk is missing: apt-get install wrk",
            "*1 passed, 2 skipped*",
        ]
    )


@pytest.mark.slow
def test_a_run_that_may_leave_out_nothing_fails(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the build server, where a missing program would go unseen for months."""
    monkeypatch.setenv(SWITCH, "1")
    run.makepyfile(ONE_OF_EACH)

    assert run.runpytest_inprocess("-n", "1").ret == pytest.ExitCode.TESTS_FAILED
    assert run.runpytest_inprocess("-k", "runs or restart").ret == pytest.ExitCode.OK


def test_settings_of_whoever_runs_the_tests_stay_outside(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable of ours that is set outside is gone inside."""
    monkeypatch.setenv("LARGESSE_SERVER_PORT", "1")
    run.makepyfile("import os\ndef test(): assert 'LARGESSE_SERVER_PORT' not in os.environ")

    assert run.runpytest_inprocess().ret == pytest.ExitCode.OK
