"""What the servers of the bench work on, and what is in it behind their backs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from largesse.bench import exactness
from largesse.bench.exactness import Kept, Made, Sold


class Ledger(Protocol):
    """A ledger that servers are started on, one after another or, where it can, several at once.

    It is looked into when they have ended.
    """

    @property
    def folder(self) -> Path:
        """Where the servers' logs go."""

    @property
    def url(self) -> str:
        """What a server is given as its database."""

    def kept(self) -> Kept:
        """Count what it holds."""

    def sold(self) -> dict[str, Sold]:
        """What each campaign gave that gave something, by its id."""

    def moments_ms(self, campaigns: Sequence[str]) -> list[int]:
        """When each unit of some campaigns was given, ascending."""

    def made(self, campaign: str) -> Made:
        """Count the draws of a campaign."""

    def used(self) -> int:
        """How many coupons were used."""

    def disk_bytes(self) -> int:
        """What it takes on disk."""


class FileLedger:
    """A file of SQLite in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder.absolute() / "largesse.db"
        self.url = f"sqlite:///{self.path}"

    def kept(self) -> Kept:
        """See `Ledger`."""
        return exactness.read(self.path)

    def sold(self) -> dict[str, Sold]:
        """See `Ledger`."""
        return exactness.read_sold(self.path)

    def moments_ms(self, campaigns: Sequence[str]) -> list[int]:
        """See `Ledger`."""
        return exactness.read_moments(self.path, campaigns)

    def made(self, campaign: str) -> Made:
        """See `Ledger`."""
        return exactness.read_made(self.path, campaign)

    def used(self) -> int:
        """See `Ledger`."""
        return exactness.read_used(self.path)

    def disk_bytes(self) -> int:
        """See `Ledger`. The journals beside the file count, too."""
        files = self.path.parent.glob(self.path.name + "*")
        return sum(file.stat().st_size for file in files if file.is_file())
