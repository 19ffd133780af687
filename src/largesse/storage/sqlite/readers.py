"""Connections that only read, each used by one thread at a time."""

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import apsw

from largesse.kernel.errors import UnavailableError
from largesse.storage.sqlite.file import LedgerFile

READERS = 2
"""One for the long readings of proofs and lists, and one that is free meanwhile."""

T = TypeVar("T")


class Readers:
    """A few threads that read, never waiting for the writer nor it for them."""

    def __init__(self, file: LedgerFile) -> None:
        self._idle: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()
        for _ in range(READERS):
            self._idle.put(file.connect_reader())
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="ledger reader")

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do work on one consistent state of the ledger; `UnavailableError` if it is unreadable."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, work)

    def close(self) -> None:
        """Finish what is being read and close the connections."""
        self._threads.shutdown()
        while not self._idle.empty():
            self._idle.get().close()

    def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        db = self._idle.get()
        try:
            db.execute("BEGIN")
            return work(db)
        except apsw.Error as error:
            raise UnavailableError from error
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
            self._idle.put(db)
