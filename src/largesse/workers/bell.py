"""A bell that the ledger rings after its commits, and that wakes whoever waits for facts."""

import asyncio
from collections.abc import Callable

from largesse.workers.timers import Wait, set_or_over

PAUSE_S = 0.02
"""It wakes at most so often: a sale commits a thousand times a second."""


class Bell:
    """Rung from any thread at hardly any cost; heard in the loop that waits.

    Between two wake-ups pass at least `PAUSE_S`, or what the listener asks for. A ring while nobody
    waits is kept for the next who does.
    """

    def __init__(self, wait: Wait = asyncio.sleep) -> None:
        self._wait = wait
        self._rung = False
        self._wake: Callable[[], object] | None = None

    def ring(self) -> None:
        """Wake who waits. Any thread may ring."""
        self._rung = True
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    async def heard(self, timeout_s: float, pause_s: float = PAUSE_S) -> None:
        """Wait until it rings, or for so long, but for the pause in any case."""
        await self._wait(pause_s)
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        # Whoever rang before he could see us left a mark; who rings from now on sees us.
        if self._rung:
            self._wake = None
        else:
            await set_or_over(woken, self._wait, timeout_s)
        self._rung = False
