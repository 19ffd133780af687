"""Wishes for a draw, draws, and what became of them.

What a draw makes by the thousand is hidden from the garbage collector (`gc=False`): it refers to
nothing that could refer back.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct

from largesse.customers.model import Standing
from largesse.issuance.model import Incentive, Issued, Place
from largesse.kernel.outcome import Outcome

SEED_CHARACTERS_MAX = 255
"""A caller's seed; whoever wants more of his own in it hashes it first."""

Roll = Callable[[int], int]
"""The dice of one draw: the next number from 0 up to, and without, the one given."""


class DrawWish(Struct, gc=False):
    """A customer's wish for a draw; the campaign by its number.

    `seed` is the caller's, or made of the key where he sends none. `now_ms` is the tenant's time,
    read once when the wish's batch is formed. A dry run takes no number and leaves nothing.
    """

    tenant: int
    campaign: int
    customer: str
    key: str
    seed: str
    dry_run: bool = False
    now_ms: int = 0

    @property
    def identity(self) -> tuple[int, str, str]:
        """See `Asking`."""
        return self.campaign, self.customer, self.key


class Drawn(Struct, frozen=True, gc=False):
    """The ledger's row of one draw. It never changes.

    `number` counts the campaign's draws from 1 without gaps, `period` is the local day of the draw,
    or 0 where draws are counted per campaign, `ordinal` counts the customer's draws in it from 1.
    `won` is the incentive that the draw brought, or None. `without_code` are the numbers of rewards
    that it passed over because no code could be had for them: nobody can check that afterwards, so
    it is written down.
    """

    campaign: int
    number: int
    period: int
    ordinal: int
    customer: str
    key: str
    seed: str
    at_ms: int
    version: int
    won: Place | None = None
    without_code: tuple[int, ...] = ()


class Returned(Struct, frozen=True, gc=False):
    """A unit of a draw's reward that a revoke gave back to the stock.

    `position` ascends in the order in which this happened; so many `draws` of the campaign were
    made before.
    """

    position: int
    draws: int
    won: Place
    at_ms: int


class DrawSettled(Struct, frozen=True, gc=False):
    """What became of a wish.

    `drawn` is the draw made now or before, with ALREADY_DRAWN the earliest of the period; `issued`
    what it won, with CUSTOMER_LIMIT_REACHED the earliest incentive that the customer holds.
    """

    outcome: Outcome
    drawn: Drawn | None = None
    issued: Issued | None = None
    replayed: bool = False


class DrawPrior(NamedTuple):
    """What the ledger already knows of a wish's customer in its campaign.

    `bound` is the draw that the wish's key brought about, `drawn` counts those of the period and
    `earliest` is the first of them. `held` counts incentives towards the campaign's cap, `held_of`
    towards those of rewards, by their numbers; `first_held` is the first that counts.
    """

    bound: Drawn | None = None
    drawn: int = 0
    earliest: Drawn | None = None
    held: int = 0
    held_of: Mapping[int, int] = MappingProxyType({})
    first_held: Issued | None = None
    standing: Standing = Standing()


STRANGER = DrawPrior()
"""A customer who never drew, holds nothing, and of whom nothing is known."""


class Draw(Struct, frozen=True, kw_only=True, gc=False):
    """One draw as people see it; `day` is the local day on which it was made."""

    id: str
    campaign_id: str
    customer_id: str
    number: int
    day: int
    version: int
    seed: str
    won: bool
    drawn_at_ms: int


class DrawAnswer(Struct, frozen=True, gc=False):
    """A settled wish as its caller sees it, at the moment `now_ms` that it was settled by."""

    outcome: Outcome
    now_ms: int
    draw: Draw | None = None
    incentive: Incentive | None = None
    replayed: bool = False


class ShownDraw(Struct, frozen=True):
    """A draw with the incentive that it won, as that stands now."""

    draw: Draw
    incentive: Incentive | None
