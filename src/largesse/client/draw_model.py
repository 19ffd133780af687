"""What the server says of draws and raffles. Fields it may add later are passed over."""

from typing import Any

from msgspec import Struct

from largesse.client.model import Incentive


class Draw(Struct, frozen=True, kw_only=True):
    """One draw; `number` counts the campaign's draws without gaps, `date` is its local day."""

    id: str
    campaign_id: str
    customer_id: str
    number: int
    date: str
    version: int
    client_seed: str
    won: bool
    drawn_at: str


class Drawn(Struct, frozen=True, kw_only=True):
    """The customer has drawn; `incentive` is what he won, or None."""

    outcome: str
    won: bool
    draw: Draw
    incentive: Incentive | None


class ShownDraw(Struct, frozen=True, kw_only=True):
    """A draw, and what it won as that stands now."""

    draw: Draw
    incentive: Incentive | None


class Draws(Struct, frozen=True, kw_only=True):
    """A piece of a customer's draws, the newest first, and whether he may draw now."""

    items: list[ShownDraw]
    next: str | None
    may_draw: bool
    outcome: str
    proof_salt: str


class Commitment(Struct, frozen=True, kw_only=True):
    """What one version of a draw committed itself to; `secret` and `terms` once it is over."""

    version: int
    commitment: str
    secret: str | None
    terms: str | None


class Chance(Struct, frozen=True, kw_only=True):
    """What a draw may bring."""

    key: str
    kind: str
    value: dict[str, Any]


class Commitments(Struct, frozen=True, kw_only=True):
    """What a campaign promises about its draws, by version; `told` when it is over."""

    campaign_id: str
    name: str
    type: str
    starts_at: str
    ends_at: str | None
    beacon: dict[str, Any] | None
    rewards: list[Chance]
    told: bool
    items: list[Commitment]


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of a raffle; `number` counts them without gaps, `id` is that of a draw."""

    id: str
    campaign_id: str
    customer_id: str
    number: int
    date: str
    seed: str
    entered_at: str


class Winner(Struct, frozen=True, kw_only=True):
    """A winning entry, by its number, and what it won."""

    entry: int
    reward: str


class Raffle(Struct, frozen=True, kw_only=True):
    """A raffle: `entries` and `root` once it is over, `winners` once they are picked.

    One that is `cancelled` was ended by hand before that: it never has winners.
    """

    campaign_id: str
    name: str
    closed: bool
    entries: int | None
    root: str | None
    winners: list[Winner] | None
    cancelled: bool = False


class ProofKey(Struct, frozen=True, kw_only=True):
    """The key that proofs are signed with, in Base64."""

    algorithm: str
    public_key: str
