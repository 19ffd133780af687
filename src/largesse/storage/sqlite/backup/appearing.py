"""Files that appear under their name whole, or not at all."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from largesse.storage.sqlite.backup.archive import ArchiveError

UNFINISHED_SUFFIX = ".unfinished"

PRIVATE = 0o600
"""A ledger holds the secrets of its codes: nobody else need read it."""


@contextmanager
def appearing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes the name `path` at the end of the block, on the disk by then.

    Until then it is called as its `name` says: `path` and `.unfinished`. What a kill -9 left behind
    under that name is written anew, what fails is removed. Raises `ArchiveError` where `path` is
    there already, or cannot be written.
    """
    unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
    try:
        with _locked(unfinished, path) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                refuse_existing(path)
                unfinished.rename(path)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
        sync_folder(path.parent)
    except OSError as error:
        raise ArchiveError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def _locked(unfinished: Path, path: Path) -> Iterator[IO[bytes]]:
    """The unfinished file, empty, while nobody else writes it."""
    refuse_existing(path)
    with open(unfinished, "r+b", opener=_open_private) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArchiveError(f"{path} is being written by another command") from error
        if not _is_at(file, unfinished):
            raise ArchiveError(f"{path} was just written by another command")
        os.fchmod(file.fileno(), PRIVATE)
        file.truncate(0)
        yield file


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, PRIVATE)


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Whether a file still has its name: else it was finished or removed before the lock."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def refuse_existing(path: Path) -> None:
    """Raise `ArchiveError` where something has this name."""
    if os.path.lexists(path):
        raise ArchiveError(f"{path} is there already and stays as it is: choose another name")


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
