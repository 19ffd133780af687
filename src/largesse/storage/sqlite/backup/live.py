"""Backups of a ledger that is in use, sent as they are made, one at a time.

The pages of one moment are copied to a file beside the ledger and sent from there: a client who
reads slowly holds a file, and neither the log nor a claim. The file has lost its name before the
first byte is sent, so that it is gone with whoever has it open.
"""

import asyncio
import shutil
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import IO

import apsw

from largesse.kernel.clock import Clock
from largesse.kernel.errors import BusyError, UnavailableError
from largesse.storage.sqlite.backup.archive import Header, bytes_of, pieces
from largesse.storage.sqlite.backup.snapshot import copy_pages, describe
from largesse.storage.sqlite.file import LedgerFile

SPARE_BYTES = 100 * 2**20
"""Left free beside the copy: a full disk would refuse every claim."""

COPY_SUFFIX = "-copy"


class LiveBackups:
    """Takes backups of the ledger that this process has open."""

    def __init__(self, file: LedgerFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._path = file.path.with_name(file.path.name + COPY_SUFFIX)
        self._path.unlink(missing_ok=True)  # left there by a kill -9; the ledger's lock is ours
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger backup")
        self._copying = False
        self._outgoing: weakref.ref[Outgoing] | None = None
        self._closed = False

    async def take(self) -> "Outgoing":
        """An archive of the ledger as it is now: whatever was acknowledged before is in it.

        Raises `BusyError` while another one is made or sent, and `UnavailableError` where there is
        no room for the copy, or the ledger cannot be read.
        """
        outgoing = None if self._outgoing is None else self._outgoing()
        if self._copying or (outgoing is not None and not outgoing.closed):
            raise BusyError("another backup is being taken: try again when it is done")
        self._copying = True
        try:
            loop = asyncio.get_running_loop()
            header, copy = await loop.run_in_executor(self._thread, self._copy)
        finally:
            self._copying = False
        outgoing = Outgoing(header, copy, self._thread)
        self._outgoing = weakref.ref(outgoing)
        return outgoing

    def close(self) -> None:
        """Give up what is being copied."""
        self._closed = True
        self._thread.shutdown()

    def _copy(self) -> tuple[Header, IO[bytes]]:
        try:
            with closing(self._file.connect_reader()) as db:
                db.execute("BEGIN")
                header = describe(db, self._clock.now_ms())
                _check_room(self._path.parent, header.bytes)
                if not copy_pages(db, self._path, lambda: not self._closed):
                    raise UnavailableError("the server ends: take the backup from the next one")
            return header, self._path.open("rb")
        except (apsw.Error, OSError) as error:
            message = f"the ledger could not be copied: {error}"
            raise UnavailableError(message) from error
        finally:
            self._path.unlink(missing_ok=True)


class Outgoing:
    """An archive on its way out; `length` is how many bytes it will be. Close it in any case."""

    def __init__(self, header: Header, copy: IO[bytes], thread: ThreadPoolExecutor) -> None:
        self.length = bytes_of(header)
        self._copy = copy
        self._thread = thread
        self._pieces: Iterator[bytes] = pieces(header, copy)

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._copy.closed

    def __aiter__(self) -> "Outgoing":
        """Piece by piece."""
        return self

    async def __anext__(self) -> bytes:
        """The next piece, read and hashed in the thread of backups."""
        loop = asyncio.get_running_loop()
        piece = await loop.run_in_executor(self._thread, next, self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        return piece

    def close(self) -> None:
        """Let the copy go."""
        self._copy.close()


def _check_room(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE_BYTES:
        message = (
            f"no room for a copy of {wanted:,} bytes beside the ledger: {free:,} are free, and "
            f"{SPARE_BYTES:,} must remain"
        )
        raise UnavailableError(message)
