"""A campaign, its rewards and their stock."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

NAME_CHARACTERS_MAX = 200

REWARDS_MAX = 100
"""Rewards of one campaign: more would be a catalogue."""

QUOTA_MAX = 10**12
"""Units of one reward; keeps every sum and serial far inside 64 bits."""

PPM = 1_000_000
"""Parts of a whole: weights are whole numbers, so that four of them are exactly one."""

DRAWS_PER_MAX = 100
"""Draws of one customer in one period: whoever may draw more often plays a slot machine."""

RAFFLE_WINNERS_MAX = 100_000
"""Winners of one raffle: they are picked and told in one go."""

BEACON_CHARACTERS_MAX = 200
"""Of a beacon's name, and of the value that it brings."""

METADATA_BYTES_MAX = 16_384
"""A campaign's notes travel with each reading of it."""


class CampaignType(StrEnum):
    """How incentives of the campaign come to their customers."""

    CLAIM = "CLAIM"
    DRAW = "DRAW"
    RAFFLE = "RAFFLE"


class Status(StrEnum):
    """Where a campaign stands in its life: DRAFT → ACTIVE ⇄ PAUSED → ENDED."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ENDED = "ENDED"


class Phase(StrEnum):
    """What a customer would meet at this moment: the status and the window together."""

    DRAFT = "DRAFT"
    SCHEDULED = "SCHEDULED"
    OPEN = "OPEN"
    PAUSED = "PAUSED"
    ENDED = "ENDED"


class OnRepeat(StrEnum):
    """What a customer who holds all he may is told: a refusal, or the incentive he holds."""

    REFUSE = "REFUSE"
    RETURN = "RETURN"


class Customers(StrEnum):
    """Whom a campaign takes: anybody, or those alone who were registered before."""

    ANY = "ANY"
    REGISTERED = "REGISTERED"


class Requirement(StrEnum):
    """What must be so of a customer before a campaign gives him anything."""

    PHONE = "phone"
    VERIFIED = "verified"


class DrawPeriod(StrEnum):
    """What a customer's draws are counted by: the campaign's local day, or all of it."""

    DAY = "DAY"
    CAMPAIGN = "CAMPAIGN"


class DrawsPer(Struct, frozen=True, forbid_unknown_fields=True):
    """How often a customer may draw."""

    period: DrawPeriod = DrawPeriod.DAY
    n: int = 1


class OnExhausted(StrEnum):
    """What a draw brings whose number falls on a reward that is out of stock.

    No win; another number over the rewards that are there; or the reward named as the fallback.
    """

    LOSE = "LOSE"
    REDISTRIBUTE = "REDISTRIBUTE"
    FALLBACK = "FALLBACK"


class Beacon(Struct, frozen=True, forbid_unknown_fields=True):
    """A future round of public randomness that a draw or a raffle binds itself to.

    `value` is None until the round has come; nothing is drawn or picked before.
    """

    source: str
    round: int
    value: str | None = None


class RewardKind(StrEnum):
    """What one unit of a reward is."""

    COUPON = "COUPON"
    POINTS = "POINTS"
    CASHBACK = "CASHBACK"


class CodeSource(StrEnum):
    """Where codes come from: a keyed permutation of a counter, or the machine's randomness."""

    PERMUTED = "permuted"
    RANDOM = "random"


class Value(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one unit is worth: money in minor units, basis points, an item, or points."""

    amount: int | None = None
    currency: str | None = None
    basis_points: int | None = None
    item: str | None = None


class CodeFormat(Struct, frozen=True, forbid_unknown_fields=True):
    """How a coupon's code looks: a pattern, or `length` characters of `charset`.

    `charsets` are own classes of characters, which the pattern names in braces.
    """

    pattern: str | None = None
    charsets: dict[str, str] = {}
    charset: str | None = None
    length: int | None = None
    source: CodeSource = CodeSource.PERMUTED


class RewardDefinition(Struct, frozen=True, kw_only=True):
    """What a campaign can give. Quotas and caps are None where there is no limit.

    `code` is None for points and cashback, which need none. An incentive expires at
    `expires_at_ms`, or `expires_after_s` seconds after it was issued, or never. `weight_ppm` is its
    share of a draw's chances, None outside draws.
    """

    key: str
    kind: RewardKind
    value: Value
    quota_total: int | None = None
    quota_daily: int | None = None
    per_customer_max: int | None = None
    code: CodeFormat | None = None
    uses_max: int = 1
    expires_at_ms: int | None = None
    expires_after_s: int | None = None
    weight_ppm: int | None = None
    metadata: dict[str, Any] = {}


class CampaignDefinition(Struct, frozen=True, kw_only=True):
    """All that a tenant decides about a campaign. An edit replaces it whole.

    `draws_per` and `beacon` mean something in draws and raffles, `on_exhausted` and
    `fallback_reward` in draws only.
    """

    name: str
    type: CampaignType = CampaignType.CLAIM
    starts_at_ms: int
    ends_at_ms: int | None = None
    time_zone: str
    rewards: tuple[RewardDefinition, ...]
    per_customer_max: int | None = None
    on_repeat: OnRepeat = OnRepeat.REFUSE
    revoke_keeps_cap: bool = False
    customers: Customers = Customers.ANY
    requires: tuple[Requirement, ...] = ()
    draws_per: DrawsPer = DrawsPer()
    on_exhausted: OnExhausted = OnExhausted.LOSE
    fallback_reward: str | None = None
    beacon: Beacon | None = None
    metadata: dict[str, Any] = {}


class Counters(Struct, frozen=True):
    """What the ledger says of a reward: `quota = left + reserved + issued`, always.

    `serials` is the highest serial ever given; it never goes down, `issued` does with a revoke.
    `issued_day` counts the local day `day` (days since 1970-01-01) only.
    """

    issued: int = 0
    reserved: int = 0
    serials: int = 0
    day: int = 0
    issued_day: int = 0


class Stock(Struct, frozen=True):
    """How many are left, in total and today; None where there is no quota."""

    total: int | None
    issued: int
    reserved: int
    left: int | None
    left_today: int | None


class CodeBlock(Struct, frozen=True):
    """`count` serials of a reward, from `serial` on, use the counter's places from `place` on."""

    serial: int
    place: int
    count: int


class Reward(Struct, frozen=True):
    """A reward as the ledger knows it: by a number, unique in the installation, never reused."""

    number: int
    definition: RewardDefinition
    counters: Counters = Counters()


class Campaign(Struct, frozen=True, kw_only=True):
    """A campaign in one version. `rewards` stand in the order of the definition."""

    number: int
    id: str
    tenant: int
    status: Status
    version: int
    definition: CampaignDefinition
    rewards: tuple[Reward, ...]
    created_at_ms: int


class CampaignFilter(Struct, frozen=True, kw_only=True):
    """Which campaigns a list shows; None shows all.

    `status` is the one people see at `now_ms`: an active campaign past its end counts as ENDED.
    """

    now_ms: int

    status: Status | None = None
    type: CampaignType | None = None
    name_contains: str | None = None


class Saved(Struct, frozen=True):
    """A campaign as it was at `at_ms`, and what its author should know about its codes."""

    campaign: Campaign
    at_ms: int
    warnings: tuple[str, ...] = ()


class Removed(Struct, frozen=True):
    """A campaign that is gone (None), or that could only be ended."""

    ended: Saved | None
