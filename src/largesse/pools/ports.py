"""What code pools ask of the world."""

from collections.abc import Callable, Sequence
from typing import BinaryIO, NamedTuple, Protocol

from largesse.campaigns.model import Campaign, CodeSource
from largesse.campaigns.ports import PatternState
from largesse.issuance.model import LedgerEntry
from largesse.jobs.ports import JobRecords
from largesse.kernel.command import Transactions
from largesse.kernel.fact import AuditEntry
from largesse.pools.model import ExportFormat, Pool


class Drawn(NamedTuple):
    """Where a random code stands in its pool, and the code in canonical form."""

    position: int
    canonical: str


class PoolRecords(Protocol):
    """Code pools inside one transaction, with the jobs that make and export them."""

    @property
    def jobs(self) -> JobRecords:
        """Jobs in the same transaction."""

    def campaign(self, tenant: int, campaign_id: str) -> Campaign | None:
        """A tenant's campaign with the counters of this moment."""

    def pattern(self, tenant: int, pattern: str, source: CodeSource) -> PatternState:
        """A pattern of a tenant's rewards; its `taken` codes are somebody's."""

    def patterns(self, tenant: int) -> list[PatternState]:
        """All patterns that a tenant's rewards ever used."""

    def campaign_at(self, campaign: int, version: int) -> Campaign:
        """A campaign by its number as one of its versions was, with today's counters."""

    def add_pool(self, pool: Pool) -> Pool:
        """Keep a new pool, with its number and the first of its places where it has any.

        Its units are reserved in the same transaction, by a write that holds only where the quota
        bears it.
        """

    def pool(self, tenant: int, pool_id: str) -> Pool | None:
        """A tenant's pool."""

    def pools(self, tenant: int, before: int | None, limit: int) -> list[Pool]:
        """A tenant's pools, newest (highest number) first, those below the number `before`."""

    def save_pool(self, pool: Pool) -> None:
        """Keep what has changed of a pool: its status and its exports."""

    def give_back(self, pool: Pool) -> None:
        """Return a pool's units to the stock. Its codes are used up all the same."""

    def keep_codes(self, pool: Pool, drawn: Sequence[Drawn]) -> int:
        """Keep those random codes that the tenant does not have yet; how many they were."""

    def codes(self, pool: Pool, after: int, limit: int) -> list[Drawn]:
        """A pool's random codes by position, beyond `after`."""

    def pool_of_place(self, tenant: int, pattern: str, place: int) -> Pool | None:
        """The pool that has a place of a permuted pattern's counter."""

    def pool_of_code(self, tenant: int, canonical: str) -> Pool | None:
        """The pool that has a random code."""

    def entry_of_place(self, tenant: int, pattern: str, place: int) -> LedgerEntry | None:
        """The incentive that was issued with the code at a place of a permuted pattern."""

    def entry_of_code(self, tenant: int, canonical: str) -> LedgerEntry | None:
        """The incentive that was issued with a random code."""

    def audit(self, entry: AuditEntry) -> None:
        """Keep who did what."""


PoolStore = Transactions[PoolRecords]
"""Every implementation passes `PoolStoreContract`."""


class CodeSheet(Protocol):
    """A file of codes in the making: one column of numbers from 1 on, one of codes."""

    def write(self, first: int, codes: Sequence[str]) -> None:
        """Add rows, the first of them under the number `first`."""

    def mark(self) -> int | None:
        """The bytes of the file to go on after, or None where it can only be begun anew."""

    def close(self) -> None:
        """Complete the file."""


Secrets = Callable[[int], bytes]
"""A tenant's secret by its number."""

OpenSheet = Callable[[ExportFormat, BinaryIO, int], CodeSheet]
"""Begins a sheet, or goes on with one of so many bytes. `InvalidInputError` where it cannot."""
