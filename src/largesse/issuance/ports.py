"""What issuance asks of the world."""

from collections.abc import Callable, Sequence
from typing import Protocol

from largesse.campaigns.model import Campaign, Counters
from largesse.issuance.model import (
    Conservation,
    Issued,
    LedgerEntry,
    Piece,
    Place,
    Settled,
    Told,
    Wanted,
    Wish,
)
from largesse.kernel.command import Transactions
from largesse.kernel.fact import AuditEntry, Position
from largesse.kernel.lease import Lease

Publish = Callable[[Campaign], None]
"""Told of each campaign that was added or changed, in the loop's thread, before its writer is."""


class IncentiveStore(Protocol):
    """The ledger. Every implementation passes `IncentiveStoreContract`."""

    async def settle(self, wishes: Sequence[Wish]) -> list[Settled]:
        """Settle wishes in order, in one transaction, durable once this returns.

        One answer per wish, in order. `now_ms` of each is set. Either all of the batch is settled
        or, with `UnavailableError`, none of it. A wish for a campaign that is gone is CLOSED.
        """

    def at_once(self, wishes: Sequence[Wish]) -> list[Settled | None]:
        """What can be answered at once, without the ledger and without waiting; None for the rest.

        Whoever repeats a call that brought him something may get its first answer again.
        A refusal is given only where this process can prove that the customer has nothing that
        would change the answer, neither the key nor an incentive that counts, and where it heard
        from the ledger within the last second. Where several processes share the ledger none of
        them can: then nobody is refused here, and `settle` takes a cheaper way where nothing is
        left. Who can passes `RefusalsContract`.
        """

    async def campaigns(self) -> list[Campaign]:
        """All campaigns but drafts: what a process starts with."""

    async def version(self, campaign: int, version: int) -> Campaign:
        """A campaign by its number as one of its versions was."""

    async def entry(self, place: Place) -> LedgerEntry | None:
        """One incentive, or None where the serial was never given."""

    async def entries(
        self, rewards: Sequence[int], after: Place | None, limit: int
    ) -> list[LedgerEntry]:
        """Incentives of these rewards (ascending numbers) by (reward, serial), beyond `after`."""

    async def counters(self, rewards: Sequence[int]) -> list[Counters]:
        """The counters of some rewards, in their order."""

    async def place_of_counter(self, tenant: int, pattern: str, counter: int) -> Place | None:
        """Which reward and serial a place of a permuted pattern's counter belongs to."""

    async def place_of_code(self, tenant: int, canonical: str) -> Place | None:
        """Which incentive has a code that was made at random."""

    async def expire(self, now_ms: Callable[[int], int]) -> int:
        """Write the facts of incentives that have expired by their tenants' time; how many.

        `now_ms` tells a tenant's time by its number. One call writes one bounded batch; 0 means
        that none is left.
        """

    async def prove(self, *, whole: bool) -> Conservation:
        """Hold counters, rows, serials, days, codes and holders against each other.

        `whole` reads the journal from its beginning; else what came since the last proof.
        """


class RandomCodes(Protocol):
    """Makes codes at random for the store, which keeps those that are new."""

    def __call__(self, campaign: Campaign, reward: int, count: int) -> list[tuple[str, str]]:
        """`count` codes for a reward, each as shown and in canonical form."""


class LedgerRecords(Protocol):
    """Single incentives inside one transaction."""

    def entry(self, place: Place) -> LedgerEntry | None:
        """One incentive, or None where the serial was never given."""

    def campaign_at(self, campaign: int, version: int) -> Campaign:
        """A campaign by its number as one of its versions was, with today's counters."""

    def revoke(self, issued: Issued, at_ms: int) -> None:
        """Write the fact and give the unit back, as `decide.give_back` says; once, by a key."""

    def audit(self, entry: AuditEntry) -> None:
        """Keep who did what."""


LedgerStore = Transactions[LedgerRecords]
"""Every implementation passes `LedgerStoreContract`."""


class OutboxStore(Protocol):
    """The journal as the relay reads it. Every implementation passes `OutboxStoreContract`.

    Facts are shared out into `parts` by their aggregate, so that all facts about one thing are in
    one part, in the order in which they happened. A campaign that is gone is told of no more.
    """

    @property
    def parts(self) -> int:
        """How many parts there are; they are numbered from 0 on."""

    async def lease(self, name: str, part: int, holder: str, for_ms: int) -> Lease | None:
        """Take a part of the work called `name` for so long, or keep it so much longer.

        None while another holder has it. A new holder's token is higher than all before; the first
        one starts at `START`.
        """

    async def release(self, lease: Lease) -> None:
        """Let the next holder have it at once; nothing where it was lost already."""

    async def read(self, part: int, after: Position, wanted: Wanted, limit: int) -> Piece:
        """What is wanted among the next rows of a part; at most `limit` rows are looked at.

        Nothing is passed over that a transaction still under way could commit later.
        """

    async def at(self, positions: Sequence[Position]) -> list[Told]:
        """The facts at these positions, ascending; what is gone is left out."""

    async def keep(self, lease: Lease, position: Position) -> None:
        """Note how far the work has come. Raises `LeaseLostError` to who has the lease no more."""


class SharedProofs(Protocol):
    """The last proof of a ledger that several processes serve; one at a time makes the next."""

    async def take_turn(self, for_ms: int) -> bool:
        """Whether this process is to prove, for so long; who has the turn keeps it by asking."""

    async def keep(self, proof: Conservation) -> None:
        """Have a proof shown by all; nothing where somebody else has the turn by now."""

    async def last(self) -> Conservation | None:
        """The last proof that was kept; None before the first."""

    async def leave(self) -> None:
        """Let the next one have the turn at once."""
