"""The files that jobs leave, in this process."""

from collections.abc import Sequence
from io import BytesIO
from typing import BinaryIO

from largesse.jobs.errors import JobFailedError


class _Kept(BytesIO):
    """A file whose content outlives its closing."""

    def close(self) -> None:
        """Do nothing: it is kept."""


class MemoryResults:
    """See `ResultStore`. `bytes_max` are as many as fit."""

    def __init__(self, bytes_max: int) -> None:
        self._files: dict[str, _Kept] = {}
        self._bytes_max = bytes_max

    def write(self, name: str, at: int) -> BinaryIO:
        """See `ResultStore`."""
        self._check_room()
        file = self._files.setdefault(name, _Kept())
        file.truncate(at)
        file.seek(at)
        return file

    def sync(self, file: BinaryIO) -> None:
        """See `ResultStore`."""
        self._check_room()

    def read(self, name: str) -> BinaryIO | None:
        """See `ResultStore`."""
        kept = self._files.get(name)
        return None if kept is None else BytesIO(kept.getvalue())

    def remove(self, names: Sequence[str]) -> None:
        """See `ResultStore`."""
        for name in names:
            self._files.pop(name, None)

    def sizes(self) -> dict[str, int]:
        """See `ResultStore`."""
        return {name: len(file.getvalue()) for name, file in self._files.items()}

    def _check_room(self) -> None:
        if sum(self.sizes().values()) > self._bytes_max:
            message = "results take more than may be kept"
            raise JobFailedError(message)
