"""What is called better and worse, and what is left to chance."""

from pathlib import Path

import msgspec
import pytest

from largesse.bench.compare import Kept, Run, compare
from largesse.cli.main import FAILED, run

HERE = {"processor": "x", "cores": 2, "python": "3.11", "load_before": 0.1}
ELSEWHERE = {**HERE, "processor": "y"}


def a_run(*values: float, better: str | None = "higher", unit: str = "claims/s") -> Run:
    """A result with one figure."""
    median = sorted(values)[len(values) // 2]
    return msgspec.convert(
        {
            "scenario": "claim",
            "machine": HERE,
            "exact": True,
            "figures": [
                {"name": "f", "unit": unit, "median": median, "values": values, "better": better}
            ],
        },
        Run,
    )


@pytest.mark.parametrize(
    ("old", "new", "better", "verdict"),
    [
        ((100, 101, 102), (80, 81, 82), "higher", "worse"),
        ((100, 101, 102), (80, 81, 82), "lower", "better"),
        ((100, 101, 102), (120, 121, 122), "higher", "better"),
        ((100, 101, 102), (120, 121, 122), "lower", "worse"),
        ((100, 101, 102), (92, 93, 94), "higher", "same"),  # below the threshold
        ((79, 101, 102), (80, 81, 82), "higher", "same"),  # the runs reach into each other
        ((100,), (80,), "higher", "worse"),
        ((100, 101, 102), (50, 51, 52), None, "not judged"),
        ((0, 0, 0), (0, 0, 0), "lower", "same"),
    ],
)
def test_a_change_counts_beyond_the_threshold_and_the_noise(
    old: tuple[float, ...], new: tuple[float, ...], better: str | None, verdict: str
) -> None:
    """Both of them, whichever side is the better one."""
    [change] = compare(a_run(*old, better=better), a_run(*new, better=better), 0.1)
    assert change.verdict == verdict


@pytest.mark.parametrize(("unit", "verdict"), [("claims/s", "not judged"), ("", "worse")])
def test_other_machines_are_compared_by_ratios_only(unit: str, verdict: str) -> None:
    """Speeds of different machines say nothing of the program."""
    old = a_run(1.0, 1.1, 1.2, unit=unit)
    new = msgspec.structs.replace(a_run(0.5, 0.6, 0.7, unit=unit), machine=ELSEWHERE)
    [change] = compare(old, new, 0.1)
    assert change.verdict == verdict


def test_noise_is_how_far_the_runs_lie_apart() -> None:
    """Of the side that is wider."""
    [change] = compare(a_run(90, 100, 110), a_run(100, 100, 100), 0.1)
    assert change.noise == pytest.approx(0.2)
    assert change.change == 0


def kept(folder: Path, *runs: Run) -> str:
    """A folder of results."""
    folder.mkdir()
    for one in runs:
        (folder / f"{one.scenario}.json").write_bytes(msgspec.json.encode(one))
    return str(folder)


def test_the_status_says_whether_it_got_worse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or gave out a wrong number, however fast; the threshold can be another one."""
    old = kept(tmp_path / "old", a_run(100, 101, 102))
    slow = kept(tmp_path / "slow", a_run(80, 81, 82))
    wrong = kept(tmp_path / "wrong", msgspec.structs.replace(a_run(200, 201, 202), exact=False))
    assert run(["bench-compare", old, old]) == 0
    assert run(["bench-compare", old, slow]) == 1
    out = capsys.readouterr().out
    assert "-19.8%" in out
    assert "worse" in out
    assert run(["bench-compare", old, slow, "--threshold", "0.3"]) == 0
    assert run(["bench-compare", old, wrong]) == 1
    assert "gave out a wrong number" in capsys.readouterr().out
    assert run(["bench-compare", f"{old}/claim.json", slow, "--json"]) == 1
    assert msgspec.json.decode(capsys.readouterr().out)["changes"][0]["verdict"] == "worse"


def test_what_cannot_be_compared_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line."""
    good = kept(tmp_path / "good", a_run(1, 2, 3))
    other = kept(tmp_path / "other", msgspec.structs.replace(a_run(1, 2, 3), scenario="paced"))
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    for one, told in (
        (other, "no scenario in common"),
        (str(tmp_path / "bad.json"), "is no result of the bench"),
        (str(tmp_path / "empty"), "there are no results in"),
        (str(tmp_path / "missing.json"), "cannot read"),
    ):
        assert run(["bench-compare", good, one]) == FAILED
        assert told in capsys.readouterr().err


def test_figures_are_whole() -> None:
    """What the bench keeps is what is read here."""
    assert Kept("f", "", 1.0, (1.0,)).better is None
