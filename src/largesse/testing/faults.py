"""A disk beneath SQLite that can fail, and that remembers what a power cut would leave of it.

The disk is an SQLite VFS over the real file system. While it is the default one, everything that
SQLite opens goes through it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol

import apsw

_numbers = count()


class Did(Enum):
    """What SQLite asked the disk to do."""

    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    DELETE = "delete"


class Step(NamedTuple):
    """One thing that happened: to a file, or a mark of the test's own (no `did`)."""

    did: Did | None
    file: str = ""
    offset: int = 0
    data: bytes = b""

    @property
    def end(self) -> int:
        """Where a write ends."""
        return self.offset + len(self.data)


Refuse = Callable[[Step], apsw.Error | None]
"""Asked before each step; the error to raise in its place, or None."""


class Disk(apsw.VFS):
    """The file system of the machine, with a log of what was done and a way to let it fail."""

    def __init__(self) -> None:
        self.vfs_name = f"largesse-disk-{next(_numbers)}"
        self.below = apsw.vfs_names()[0]
        self.steps: list[Step] = []
        self.refuse: Refuse | None = None
        super().__init__(self.vfs_name, self.below, makedefault=True)

    def xOpen(  # noqa: N802 - the driver's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> "_File":
        """Open a file of the machine."""
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001 - the driver's
        """Delete a file."""
        self.do(Step(Did.DELETE, Path(filename).name))
        super().xDelete(filename, syncdir)

    def do(self, step: Step) -> None:
        """Note a step that is about to be done, or fail instead."""
        error = None if self.refuse is None else self.refuse(step)
        if error is not None:
            raise error
        self.steps.append(step)

    def mark(self) -> None:
        """Note that something was acknowledged now."""
        self.steps.append(Step(None))


class _File(apsw.VFSFile):
    """A file of the disk. Temporary ones have no name and are of no interest."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        text = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(text).name if text else ""
        super().__init__(disk.below, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - the driver's name
        """Write."""
        self._disk.do(Step(Did.WRITE, self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - the driver's name
        """Cut the file."""
        self._disk.do(Step(Did.TRUNCATE, self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - the driver's name
        """Make all that was written so far durable."""
        self._disk.do(Step(Did.SYNC, self._name))
        super().xSync(flags)


@contextmanager
def disk_in_use() -> Iterator[Disk]:
    """A disk that everything is on which SQLite opens meanwhile."""
    disk = Disk()
    try:
        yield disk
    finally:
        disk.unregister()


class Dice(Protocol):
    """What the chances of a cut are taken from: a seeded `random.Random` is one."""

    def random(self) -> float:
        """A number from 0 to 1."""

    def randint(self, a: int, b: int) -> int:
        """A whole number from `a` to `b`."""


@dataclass
class _Image:
    """A file as it is for sure, and what was asked since the last sync, in order."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)


class PowerCuts:
    """What is left on a disk when the power goes after each of its steps.

    Walk forward with `advance`; `leave` writes one of the states that a cut there may leave.
    """

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self._at = 0
        self._images: dict[str, _Image] = {}
        self.marks = 0

    def advance(self, to: int) -> None:
        """Let the disk do its steps up to number `to`."""
        for step in self._steps[self._at : to]:
            if step.did is None:
                self.marks += 1
            elif step.did is Did.DELETE:
                self._images.pop(step.file, None)
            elif step.did is Did.SYNC:
                image = self._images.setdefault(step.file, _Image())
                for one in image.pending:
                    _apply(image.durable, one)
                image.pending.clear()
            else:
                self._images.setdefault(step.file, _Image()).pending.append(step)
        self._at = max(self._at, to)

    def leave(self, folder: Path, dice: Dice) -> None:
        """Write the files as a cut at this moment may leave them.

        Of what was not synced a prefix is kept, or any part of it, and one write may be torn.
        """
        for name, image in self._images.items():
            if name:
                content = bytearray(image.durable)
                for step in _survivors(image.pending, dice):
                    _apply(content, step)
                folder.joinpath(name).write_bytes(content)


def _survivors(pending: list[Step], dice: Dice) -> list[Step]:
    if dice.random() < 0.5:
        kept = pending[: dice.randint(0, len(pending))]
    else:
        kept = [step for step in pending if dice.random() < 0.5]
    if kept and dice.random() < 0.5 and kept[-1].did is Did.WRITE:
        torn = dice.randint(0, len(kept[-1].data))
        kept = [*kept[:-1], kept[-1]._replace(data=kept[-1].data[:torn])]
    return kept


def _apply(content: bytearray, step: Step) -> None:
    if step.did is Did.TRUNCATE:
        del content[step.offset :]
        content.extend(bytes(step.offset - len(content)))
    else:
        content.extend(bytes(max(0, step.offset - len(content))))
        content[step.offset : step.offset + len(step.data)] = step.data
