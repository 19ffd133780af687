"""Keeping what this process has in memory as other processes leave it in the ledger."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

import structlog

from largesse.kernel.errors import LargesseError
from largesse.kernel.health import Health
from largesse.workers.bell import Bell

LOOK_S = 5.0
"""While words of changes come in, a look without one is so rare: should one ever get lost, a key
that was revoked works on no longer than this."""

LOOK_DEAF_S = 1.0
"""The same where no words come in."""

CHECK = "changes"
"""The name under which `Health` hears of looks that fail."""

Learn = Callable[[Collection[int] | None], Awaitable[None]]
"""Learns some tenants anew, by their numbers, or all of them where None."""

_log = structlog.get_logger(__name__)


class Others(Protocol):
    """The ledger's side: what other processes do is heard, and looked at."""

    def start(self, ring: Callable[[], None]) -> None:
        """From now on have a call made, in the loop's thread, when there is news."""

    async def stop(self) -> None:
        """Hear no more."""

    @property
    def hears(self) -> bool:
        """Whether news rings; else it must be looked for."""

    async def look(self, learn: Learn) -> None:
        """Learn what is new. Raises `LargesseError` where the ledger does not answer."""


class Following:
    """Looks when it rings, and from time to time in any case."""

    def __init__(self, others: Others) -> None:
        self._others = others
        self._bell = Bell()
        self._task: asyncio.Task[None] | None = None

    def start(self, learn: Learn, health: Health) -> None:
        """Begin to follow."""
        self._others.start(self._bell.ring)
        self._task = asyncio.create_task(self._run(learn, health), name="following")

    async def stop(self) -> None:
        """Follow no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._others.stop()

    async def _run(self, learn: Learn, health: Health) -> None:
        while True:
            await self._bell.heard(LOOK_S if self._others.hears else LOOK_DEAF_S)
            health.report(CHECK, await self._look(learn))

    async def _look(self, learn: Learn) -> str | None:
        """One look; what went wrong with it, or None."""
        try:
            await self._others.look(learn)
        except LargesseError as error:  # the ledger's own check tells more, and when it is back
            return f"what other processes change is unknown: {error}"
        except Exception as error:  # noqa: BLE001 - the next look may do better
            _log.exception("look for changes failed")
            return f"failed: {str(error) or type(error).__name__}"
        return None
