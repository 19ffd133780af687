"""The ledger at rest: backed up where no server runs, and put back."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import apsw

from largesse.kernel.clock import Clock
from largesse.storage.sqlite.backup.appearing import appearing, refuse_existing
from largesse.storage.sqlite.backup.archive import (
    PIECE_BYTES,
    Archive,
    ArchiveError,
    Header,
)
from largesse.storage.sqlite.backup.check import check_ledger
from largesse.storage.sqlite.backup.live import COPY_SUFFIX
from largesse.storage.sqlite.backup.snapshot import describe
from largesse.storage.sqlite.backup.window import looking_into
from largesse.storage.sqlite.file import (
    LedgerInUseError,
    check_header,
    check_marks,
    lock,
    migrate,
    migrations,
)
from largesse.storage.sqlite.inspection import is_database

BESIDE = ("-wal", "-shm", "-journal")
"""Ends of names that SQLite gives to files beside its own: they are part of the ledger."""

OURS_BESIDE = ("-lock", COPY_SUFFIX)
"""Those that we give."""


@contextmanager
def resting(path: Path, clock: Clock) -> Iterator[tuple[Header, IO[bytes]]]:
    """What an archive of a ledger would say, and its file; no server gets it meanwhile.

    Raises `StartError` where it is no ledger of ours, `ArchiveError` where there is none, a server
    has it, or it cannot be read.
    """
    if not path.exists():
        raise ArchiveError(f"there is no ledger {path}: look at --database")
    try:
        with lock(path):
            check_header(path)
            check_marks(path)
            with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                with path.open("rb") as payload:
                    yield describe(db, clock.now_ms()), payload
    except LedgerInUseError as error:
        message = f"{path} is in use by a server: leave out --database, and that makes the backup"
        raise ArchiveError(message) from error
    except apsw.Error as error:
        raise ArchiveError(f"{path} cannot be read: {error}") from error


def refuse_ledger(path: Path) -> None:
    """Raise `ArchiveError` where a backup under this name would harm a ledger that is there."""
    for end in ("", *BESIDE, *OURS_BESIDE):
        ledger = path.with_name(path.name.removesuffix(end))
        if path.name.endswith(end) and is_database(ledger):
            raise ArchiveError(
                f"{path} belongs to a ledger: a backup never writes over one; choose another name"
            )


def check_archive(archive: Archive, clock: Clock) -> None:
    """Hold the ledger in an archive against itself, where it lies.

    Raises `ArchiveError` where it does not add up, or has another schema than this program.
    """
    header = archive.header
    if header.schema != len(migrations()):
        message = f"{archive.path} has schema {header.schema}, this largesse checks"
        raise ArchiveError(f"{message} {len(migrations())}: use the largesse of the server")
    with looking_into(archive.path, archive.start, header.bytes) as db:
        check_ledger(db, header.counts, clock)


def put_back(archive: Archive, path: Path, clock: Clock) -> None:
    """Make a ledger of an archive, proven before it gets its name.

    Raises `ArchiveError` where there is a ledger already, where the archive's is newer than this
    program or does not add up; `StartError` where a server is about to make one there.
    """
    known = len(migrations())
    if archive.header.schema > known:
        message = f"{archive.path} has schema {archive.header.schema}, this largesse knows {known}"
        raise ArchiveError(f"{message}: install a newer one")
    for name in (path, *(path.with_name(path.name + end) for end in BESIDE)):
        refuse_existing(name)
    with lock(path), appearing(path) as file:
        _unpack(archive, file)
        with closing(apsw.Connection(file.name)) as db:
            migrate(db)
        size = os.fstat(file.fileno()).st_size
        with looking_into(Path(file.name), 0, size) as db:
            check_ledger(db, archive.header.counts, clock)


def _unpack(archive: Archive, file: IO[bytes]) -> None:
    """Write the payload of an archive to a file."""
    with archive.path.open("rb") as packed:
        packed.seek(archive.start)
        left = archive.header.bytes
        while left:
            piece = packed.read(min(left, PIECE_BYTES))
            if not piece:
                raise ArchiveError(f"{archive.path} became shorter while it was read")
            left -= len(piece)
            file.write(piece)
    file.flush()
