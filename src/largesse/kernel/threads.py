"""A thread for what takes the processor, so that nobody else waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Run(Protocol):
    """Does work elsewhere."""

    async def __call__(self, work: Callable[[], T]) -> T:
        """What the work returned, or raised."""


class OneThread:
    """See `Run`. One piece of work at a time, in the order in which they came."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def __call__(self, work: Callable[[], T]) -> T:
        """See `Run`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Finish what is being done."""
        self._thread.shutdown()
