"""The bell: heard from any thread, not too often, and never missed."""

import asyncio
import threading

from largesse.workers.bell import PAUSE_S, Bell

LONG_S = 1_000.0


class Waits:
    """Time that passes at once, but for the long wait, which nobody outlives."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.long = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        """Note it; the long one ends by being cancelled."""
        self.asked.append(seconds)
        if seconds == LONG_S:
            self.long.set()
            await asyncio.Event().wait()


async def test_a_ring_wakes() -> None:
    """From another thread, as the ledger's writer rings."""
    waits = Waits()
    bell = Bell(waits)
    hearing = asyncio.create_task(bell.heard(LONG_S))
    await waits.long.wait()
    thread = threading.Thread(target=bell.ring)
    thread.start()
    await hearing
    thread.join()


async def test_a_ring_before_is_kept() -> None:
    """What was committed between the last look and the wait must be seen."""
    waits = Waits()
    bell = Bell(waits)
    bell.ring()
    await bell.heard(LONG_S)
    assert waits.asked == [PAUSE_S]


async def test_it_wakes_once_per_pause() -> None:
    """Many rings make one wake-up, and before each there is the pause."""
    waits = Waits()
    bell = Bell(waits)
    for _ in range(3):
        for _ in range(100):
            bell.ring()
        await bell.heard(LONG_S)
    assert waits.asked == [PAUSE_S] * 3
    silent = asyncio.create_task(bell.heard(LONG_S))
    await waits.long.wait()
    assert not silent.done()
    silent.cancel()


async def test_without_a_ring_it_ends_by_itself() -> None:
    """Polling stands behind the bell."""
    waits = Waits()
    await Bell(waits).heard(0.5)
    assert 0.5 in waits.asked
