"""Timers: rounds repeat, find, fail and go on; nobody waits for real time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from largesse.kernel.errors import BusyError, UnavailableError
from largesse.kernel.health import Health
from largesse.workers.timers import AGAIN_S, Timer, Timers

Answer = str | Exception | None


class Hours:
    """Lets time pass when the test says so."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self._passed: asyncio.Queue[None] = asyncio.Queue()

    async def wait(self, seconds: float) -> None:
        """What the timers wait with."""
        self.asked.put_nowait(seconds)
        await self._passed.get()

    async def round_over(self) -> float:
        """Wait until a round has ended; the seconds until the next."""
        async with asyncio.timeout(5):
            return await self.asked.get()

    def strike(self) -> None:
        """Let the time of one waiting timer be over."""
        self._passed.put_nowait(None)


def rounds(*answers: Answer) -> Callable[[], Awaitable[str | None]]:
    """Work that ends so, round by round."""
    remaining = iter(answers)

    async def work() -> str | None:
        answer = next(remaining)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return work


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([None], [None]),
        (["leaks", None], ["leaks", None]),
        ([UnavailableError("no room"), None], ["failed: no room", None]),
        ([ZeroDivisionError(), None], ["failed: ZeroDivisionError", None]),
        (["leaks", BusyError(), None], ["leaks", "leaks", None]),
        ([BusyError()], [None]),
    ],
)
async def test_health_hears_of_every_round(answers: list[Answer], told: list[str | None]) -> None:
    """A problem stays reported until a round finds none; a full queue proves nothing."""
    health, hours = Health(), Hours()
    timers = Timers([Timer("pipes", 60, rounds(*answers))], health, hours.wait)
    heard = []

    with capture_logs():
        timers.start()
        for _ in answers:
            waited_s = await hours.round_over()
            heard.append(health.problems.get("pipes"))
            failed = str(heard[-1]).startswith("failed")
            assert waited_s == (AGAIN_S if failed else 60), "a round that failed is repeated soon"
            hours.strike()
        await timers.stop()

    assert heard == told


async def test_failures_are_logged_with_their_cause() -> None:
    """With the name of the check and the traceback."""
    hours = Hours()
    timers = Timers([Timer("pipes", 60, rounds(ZeroDivisionError()))], Health(), hours.wait)

    with capture_logs() as logs:
        timers.start()
        await hours.round_over()
        await timers.stop()

    [line] = logs
    assert (line["event"], line["check"], line["exc_info"]) == ("check failed", "pipes", True)


async def test_a_timer_without_a_period_runs_once() -> None:
    """And asks for no time to pass."""
    hours, done = Hours(), asyncio.Event()

    async def work() -> None:
        done.set()

    timers = Timers([Timer("file", None, work)], Health(), hours.wait)
    timers.start()
    await done.wait()
    await asyncio.sleep(0)
    await timers.stop()

    assert hours.asked.empty()


async def test_a_long_round_delays_no_other_timer() -> None:
    """And is cut off when the server stops."""
    hours = Hours()
    endings = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            endings.append("cut off")

    timers = Timers(
        [Timer("long", 1, forever), Timer("short", 2, rounds(None, None))], Health(), hours.wait
    )
    timers.start()
    assert await hours.round_over() == 2
    hours.strike()
    assert await hours.round_over() == 2
    await timers.stop()

    assert endings == ["cut off"]


async def test_nothing_runs_after_the_stop() -> None:
    """Also when time passes."""
    hours = Hours()
    timers = Timers([Timer("pipes", 1, rounds(None))], Health(), hours.wait)
    timers.start()
    await hours.round_over()
    await timers.stop()
    hours.strike()
    await asyncio.sleep(0)

    assert hours.asked.empty()
