"""Wishes, what became of them, and incentives.

What a claim makes by the thousand is hidden from the garbage collector (`gc=False`): it refers to
nothing that could refer back.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from largesse.campaigns.model import Campaign, Reward
from largesse.customers.model import Standing
from largesse.kernel.fact import FactKind, Position
from largesse.kernel.outcome import Outcome


class Offer(NamedTuple):
    """What a wish is about: a reward of a campaign, on the campaign's local day `day`."""

    campaign: Campaign
    reward: Reward
    day: int


class Wish(Struct, gc=False):
    """A customer's wish for one unit of a reward; campaign and reward by their numbers.

    `now_ms` is the tenant's time, read once when the wish's batch is formed: it decides window,
    local date and `issued_at`. A dry run is decided and leaves nothing; it needs no key.
    """

    tenant: int
    campaign: int
    reward: int
    customer: str
    key: str
    dry_run: bool = False
    now_ms: int = 0

    @property
    def identity(self) -> tuple[int, str, str]:
        """See `Asking`."""
        return self.campaign, self.customer, self.key


class Place(NamedTuple):
    """Where an incentive stands in the ledger: the reward's number and the serial within it."""

    reward: int
    serial: int


class Typed(NamedTuple):
    """A code that somebody typed, by what it may be in the ledger of a tenant.

    `counters` are the permuted patterns that it fits, each with its place in the pattern's counter;
    `canonical` is what to look for among the codes made at random, None where it is none of them.
    """

    counters: tuple[tuple[str, int], ...]
    canonical: str | None


class Issued(Struct, frozen=True, gc=False):
    """The ledger's row of one incentive. It never changes.

    `place` is where the reward's code stands in the counter of its permuted pattern, `code` the
    text of a code that was made at random; both are None where the reward has no code.
    """

    campaign: int
    reward: int
    serial: int
    customer: str
    key: str
    at_ms: int
    version: int
    place: int | None = None
    code: str | None = None


class Settled(Struct, frozen=True, gc=False):
    """What became of a wish.

    `issued` is the incentive given now or before; with `CUSTOMER_LIMIT_REACHED` it is the earliest
    that the customer holds. `replayed` marks the answer of an earlier call with the same key.
    """

    outcome: Outcome
    issued: Issued | None = None
    replayed: bool = False


class Prior(NamedTuple):
    """What the ledger already knows of a wish's customer in its campaign.

    `bound` is the row that the wish's key brought about. `held` counts towards the campaign's cap,
    `held_of_reward` towards the reward's; `earliest` is the first row that counts. `standing` is
    known where the campaign asks for it.
    """

    bound: Issued | None = None
    held: int = 0
    held_of_reward: int = 0
    earliest: Issued | None = None
    standing: Standing = Standing()


STRANGER = Prior()
"""A customer who holds nothing and of whom nothing is known, neither his key nor himself."""


class IncentiveStatus(StrEnum):
    """Where an incentive stands."""

    ISSUED = "ISSUED"
    REDEEMED = "REDEEMED"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


class LedgerEntry(NamedTuple):
    """An incentive's row and the times of the later facts about it, None until they come."""

    issued: Issued
    expired_at_ms: int | None = None
    revoked_at_ms: int | None = None
    redeemed_at_ms: int | None = None


class Answer(Struct, frozen=True, gc=False):
    """A settled wish as its caller sees it, at the moment `now_ms` that it was settled by.

    `incentive` is as in `Settled.issued`.
    """

    outcome: Outcome
    now_ms: int
    incentive: "Incentive | None" = None
    replayed: bool = False


class Incentive(Struct, frozen=True, kw_only=True, gc=False):
    """One unit of a reward, given to one customer, as people see it."""

    id: str
    campaign_id: str
    version: int
    reward: str
    customer_id: str
    code: str | None
    serial: int
    status: IncentiveStatus
    value: dict[str, Any]
    issued_at_ms: int
    expires_at_ms: int | None


class Revoked(Struct, frozen=True):
    """How a wish to revoke ended: REVOKED by now or before, or left EXPIRED or REDEEMED."""

    status: IncentiveStatus
    issued: Issued
    revoked_at_ms: int | None


class Violation(Struct, frozen=True):
    """One place where the ledger does not add up."""

    rule: str
    reward: int
    detail: str


class Conservation(Struct, frozen=True):
    """The last proof that counters, rows, serials, days and holders agree.

    `checked_at_ms` is the machine's time; `rows` how many rows of the journal the proof covers.
    """

    checked_at_ms: int
    campaigns: int
    rows: int
    violations: tuple[Violation, ...]


class Told(NamedTuple):
    """A row of the journal as the relay reads it: what happened, and to what.

    A fact about an incentive has the incentive's row in `issued`, and is the `sequence`-th about
    it, from 1 on. One about stock names the reward and its last serial. One about a campaign says
    in `status` what the campaign's status became; rows of old files do not. One about a draw has
    the draw's number and customer, and what was won as reward and serial.
    """

    position: Position
    kind: FactKind
    at_ms: int
    tenant: int
    campaign: int
    campaign_id: str
    version: int
    reward: int | None = None
    serial: int | None = None
    issued: Issued | None = None
    sequence: int = 0
    status: str | None = None
    draw: int | None = None
    customer: str | None = None


class Wanted(NamedTuple):
    """Which facts somebody wants to hear: of these tenants and kinds, and beyond `since`."""

    tenants: frozenset[int]
    kinds: frozenset[FactKind]
    since: Position


class Piece(NamedTuple):
    """Some of the facts of one part, in order: all that were wanted in `(after, upto]`.

    `more` says that there are rows beyond.
    """

    rows: list[Told]
    after: Position
    upto: Position
    more: bool
