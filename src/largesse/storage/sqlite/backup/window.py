"""A part of a file, for SQLite to read as if it were a file.

So the ledger in an archive is checked where it lies, the very bytes that a restore would use, and
without room for a second copy.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import apsw

_numbers = count()


@contextmanager
def looking_into(path: Path, start: int, length: int) -> Iterator[apsw.Connection]:
    """A connection to the database that begins at a byte of a file. Nothing is written."""
    below = _Window(f"largesse-window-{next(_numbers)}", start, length)
    address = path.absolute().as_uri() + "?immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        with closing(apsw.Connection(address, flags=flags, vfs=below.vfs_name)) as db:
            yield db
    finally:
        below.unregister()


class _Window(apsw.VFS):
    """The file system of the machine, but that of the main file only a part is seen."""

    def __init__(self, name: str, start: int, length: int) -> None:
        self.vfs_name = name
        self._below = apsw.vfs_names()[0]
        self._start = start
        self._length = length
        super().__init__(name, self._below)

    def xOpen(  # noqa: N802 - the driver's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        """Open a file; what SQLite opens beside the main one is its own affair."""
        if flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            return _Pane(self._below, name, flags, (self._start, self._length))
        return apsw.VFSFile(self._below, name, flags)


class _Pane(apsw.VFSFile):
    def __init__(
        self,
        below: str,
        name: str | apsw.URIFilename | None,
        flags: list[int],
        part: tuple[int, int],
    ) -> None:
        super().__init__(below, name, flags)
        self._start, self._length = part

    def xFileSize(self) -> int:  # noqa: N802 - the driver's name
        return self._length

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - the driver's name
        within = max(0, min(amount, self._length - offset))
        return super().xRead(within, self._start + offset) if within else b""
