"""Whether a process may be trusted, and the stopwatch that says how long things took."""

from largesse.kernel.clock import stopwatch_s
from largesse.kernel.health import Health


def test_a_process_is_ready_until_a_check_objects() -> None:
    """Each check has one say at a time; when all is well again, so is the process."""
    health = Health()
    assert health.problems == {}

    health.report("clock", "it was set forward by an hour")
    health.report("disk", "it is full")
    health.report("disk", "it is gone")
    assert health.problems == {"clock": "it was set forward by an hour", "disk": "it is gone"}

    health.report("clock", None)
    health.report("proof", None)
    assert health.problems == {"disk": "it is gone"}

    health.report("disk", None)
    assert health.problems == {}


def test_who_reads_the_problems_cannot_change_them() -> None:
    """What is handed out is a copy of that moment."""
    health = Health()
    health.report("disk", "it is full")

    health.problems.clear()
    read = health.problems
    health.report("disk", None)

    assert read == {"disk": "it is full"}


def test_a_stopwatch_runs_forward() -> None:
    """It tells apart moments that are a thousand turns of a loop apart, and never goes back."""
    readings = [stopwatch_s() for _ in range(1_000)]

    assert readings == sorted(readings)
    assert 0 < readings[-1] - readings[0] < 60
