"""Work that is repeated while the server runs, whatever befalls one of its rounds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from msgspec import Struct

from largesse.kernel.errors import BusyError
from largesse.kernel.health import Health

Work = Callable[[], Awaitable[str | None]]
"""One round of work; returns what it found wrong, or None."""

Wait = Callable[[float], Awaitable[object]]
"""Lets so many seconds pass."""

AGAIN_S = 5.0
"""A round that failed is done again so soon: a fault of a moment is not told for long."""

_log = structlog.get_logger(__name__)


async def set_or_over(event: asyncio.Event, wait: Wait, timeout_s: float) -> None:
    """Wait until somebody sets the event, or until so many seconds are over."""
    ends = (asyncio.ensure_future(event.wait()), asyncio.ensure_future(wait(timeout_s)))
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()


class Timer(Struct, frozen=True):
    """Work done at the start, then again `period_s` seconds after each end; once where None.

    `name` is the check under which `Health` hears of its findings.
    """

    name: str
    period_s: float | None
    work: Work


class Timers:
    """Runs timers side by side: a long one delays no other.

    What a round finds, or what it fails of, stays reported until a later round says otherwise.
    """

    def __init__(self, timers: Sequence[Timer], health: Health, wait: Wait = asyncio.sleep) -> None:
        self._timers = timers
        self._health = health
        self._wait = wait
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin the first round of each timer."""
        assert not self._running, "started twice"
        for timer in self._timers:
            self._running.append(asyncio.create_task(self._repeat(timer), name=timer.name))

    async def stop(self) -> None:
        """End all timers, amid their rounds if need be: every round may be cut off."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    async def _repeat(self, timer: Timer) -> None:
        ended = await self._round(timer)
        while timer.period_s is not None:
            await self._wait(timer.period_s if ended else min(timer.period_s, AGAIN_S))
            ended = await self._round(timer)

    async def _round(self, timer: Timer) -> bool:
        """One round; whether it came to its end."""
        try:
            problem = await timer.work()
        except BusyError:
            # A full queue says nothing of the server's health; the next round will find room.
            _log.info("put off", check=timer.name)
            return True
        except Exception as error:  # noqa: BLE001 - the next round may do better
            self._health.report(timer.name, f"failed: {str(error) or type(error).__name__}")
            _log.exception("check failed", check=timer.name)
            return False
        if problem is not None:
            _log.error("check found a problem", check=timer.name, problem=problem)
        self._health.report(timer.name, problem)
        return True
