"""What moving a tenant needs of a ledger: one consistent state to read, one transaction to fill."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from largesse.moving.model import Row


class Origin(Protocol):
    """A ledger that a tenant leaves, at one moment."""

    def secret(self) -> bytes:
        """The installation's secret."""

    def tenants(self) -> list[str]:
        """The ids of all tenants."""

    def hindrance(self, tenant: str) -> str | None:
        """Why this tenant cannot leave now, and what to do; None where he can."""

    def numbers(self) -> dict[str, int]:
        """The last number given out in each table of `COUNTED`."""

    def rows(self, tenant: str, section: str) -> Iterator[Row]:
        """The tenant's rows of a section, in an order that never changes."""


class Destination(Origin, Protocol):
    """A ledger that a tenant comes to. All that is written is kept, or nothing of it."""

    def take_secret(self, secret: bytes) -> None:
        """Become another installation; called where no tenant is."""

    def refusal(self, section: str, row: Row) -> str | None:
        """Why this ledger cannot have a row; None where it can."""

    def write(self, tenant: int, section: str, rows: Iterable[Row]) -> None:
        """Add rows of the tenant with this number. Raises `MovingError` where one is there."""

    def count_on(self, numbers: Mapping[str, int]) -> None:
        """Give out no number again that was given out before, there or here."""
