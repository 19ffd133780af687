"""The files that jobs leave, in a folder of their own."""

import errno
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from largesse.jobs.errors import JobFailedError
from largesse.kernel.errors import UnavailableError

FREE_BYTES_MIN = 64 * 1_048_576
"""Left on the disk for the ledger, which may stand on the same one."""

BUFFER_BYTES = 1_048_576
"""What is collected before it is written."""

_FOR_OWNER_ONLY = 0o600
_FOLDER_FOR_OWNER_ONLY = 0o700
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FileResults:
    """See `ResultStore`. All files together take at most `bytes_max`.

    The folder is made with its first file. Codes that nobody has yet are as good as money, so none
    but the server's own user may read them.
    """

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max

    def write(self, name: str, at: int) -> BinaryIO:
        """See `ResultStore`."""
        with _translated():
            self._folder.mkdir(mode=_FOLDER_FOR_OWNER_ONLY, parents=True, exist_ok=True)
            self._check_room()
            path = self._folder / name
            path.touch(_FOR_OWNER_ONLY)
            os.truncate(path, at)
            file = io.BufferedRandom(_ResultFile(path, "r+b"), BUFFER_BYTES)
            file.seek(at)
            return file

    def sync(self, file: BinaryIO) -> None:
        """See `ResultStore`."""
        with _translated():
            self._check_room()
            file.flush()
            os.fdatasync(file.fileno())

    def read(self, name: str) -> BinaryIO | None:
        """See `ResultStore`."""
        with _translated():
            try:
                return (self._folder / name).open("rb")
            except FileNotFoundError:
                return None

    def remove(self, names: Sequence[str]) -> None:
        """See `ResultStore`."""
        with _translated():
            for name in names:
                (self._folder / name).unlink(missing_ok=True)

    def sizes(self) -> dict[str, int]:
        """See `ResultStore`."""
        found: dict[str, int] = {}
        with _translated():
            if not self._folder.is_dir():
                return found
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):  # somebody removes it just now
                    found[path.name] = path.stat().st_size
        return found

    def _check_room(self) -> None:
        """Raise `JobFailedError` where one more byte would be too much."""
        if sum(self.sizes().values()) > self._bytes_max:
            message = (
                f"results take more than {self._bytes_max:,} bytes in {self._folder}: raise "
                "jobs.results_mib_max, or export again when older ones have been removed"
            )
            raise JobFailedError(message)
        if shutil.disk_usage(self._folder).free < FREE_BYTES_MIN:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _ResultFile(io.FileIO):
    """A file whose full disk is told in our words."""

    def write(self, content: Any) -> int:  # noqa: ANN401 — whatever has bytes
        """See `io.FileIO`."""
        with _translated():
            return super().write(content)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            message = "the disk of the results is full: make room, then export again"
            raise JobFailedError(message) from error
        message = f"results cannot be kept: {error.strerror}"
        raise UnavailableError(message) from error
