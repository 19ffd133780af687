"""Campaigns over HTTP: what their authors write, and how they are shown."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from largesse.campaigns import decide
from largesse.campaigns.model import (
    BEACON_CHARACTERS_MAX,
    DRAWS_PER_MAX,
    NAME_CHARACTERS_MAX,
    PPM,
    QUOTA_MAX,
    REWARDS_MAX,
    Beacon,
    CampaignDefinition,
    CampaignType,
    CodeFormat,
    CodeSource,
    Customers,
    DrawPeriod,
    DrawsPer,
    OnExhausted,
    OnRepeat,
    Phase,
    Requirement,
    Reward,
    RewardDefinition,
    RewardKind,
    Saved,
    Status,
    Stock,
    Value,
)
from largesse.codes.model import DEFAULT_PATTERN
from largesse.http.parsing import check_plain
from largesse.http.shapes.lists import ListQuery, Next
from largesse.http.times import (
    Moment,
    ShownMoment,
    moment_ms,
    moment_ms_or_none,
    rfc3339,
    rfc3339_or_none,
)
from largesse.kernel.calendar import local_day
from largesse.kernel.errors import InvalidInputError

Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)]
Count = Annotated[int, Meta(ge=1, le=QUOTA_MAX)]
Zone = Annotated[str, Meta(description="An IANA time zone.", examples=["Asia/Seoul"])]
Metadata = Annotated[
    dict[str, Any], Meta(description="Free-form notes of yours, at most 16 KiB as JSON.")
]


class RewardInput(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a campaign can give. null means no limit."""

    key: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Unique among them.")]
    kind: RewardKind
    value: Annotated[
        Value,
        Meta(
            description="COUPON: {amount, currency}, {basis_points} or {item}; POINTS: {amount}; "
            "CASHBACK: {amount, currency}. Amounts are in minor units."
        ),
    ]
    quota_total: Count | None = None
    quota_daily: (
        Annotated[Count, Meta(description="Per calendar day of the campaign's time zone.")] | None
    ) = None
    per_customer_max: Count | None = None
    code: Annotated[
        CodeFormat | None, Meta(description="How codes look; coupons without it get a default.")
    ] = None
    uses_max: Annotated[
        int, Meta(description="How often a coupon may be used: 1, so far; more is refused.")
    ] = 1
    expires_at: Moment | None = None
    expires_after_s: (
        Annotated[
            int, Meta(ge=1, le=decide.SECONDS_MAX, description="Seconds after it was issued.")
        ]
        | None
    ) = None
    weight_ppm: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=PPM,
                description="Draws only: its share of the chances in parts per million. What all "
                "of them leave of 1,000,000 is no win.",
            ),
        ]
        | None
    ) = None
    metadata: Metadata = {}


class DrawsPerInput(Struct, frozen=True, forbid_unknown_fields=True):
    """How often a customer may draw: n times per local day, or in all."""

    period: DrawPeriod = DrawPeriod.DAY
    n: Annotated[int, Meta(ge=1, le=DRAWS_PER_MAX)] = 1


class BeaconInput(Struct, frozen=True, forbid_unknown_fields=True):
    """Draws and raffles only: a future round of public randomness, bound before the activation.

    Nothing is drawn or picked until an edit brings its `value`, which is all that it may change.
    """

    source: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=BEACON_CHARACTERS_MAX,
            description="Whose rounds these are.",
            examples=["drand quicknet"],
        ),
    ]
    round: Count
    value: Annotated[
        Annotated[str, Meta(min_length=1, max_length=BEACON_CHARACTERS_MAX)] | None,
        Meta(description="What the round brought, as its source writes it."),
    ] = None


class CampaignInput(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that a tenant decides about a campaign."""

    name: Name
    type: CampaignType = CampaignType.CLAIM
    starts_at: Moment
    ends_at: Moment | None = None
    time_zone: Annotated[
        Zone | None, Meta(description="The tenant's where it is left out; rules the day's quota.")
    ] = None
    rewards: Annotated[list[RewardInput], Meta(min_length=1, max_length=REWARDS_MAX)]
    per_customer_max: Count | None = None
    on_repeat: OnRepeat = OnRepeat.REFUSE
    revoke_keeps_cap: Annotated[
        bool, Meta(description="A revoked incentive still counts towards its customer's cap.")
    ] = False
    customers: Annotated[
        Customers, Meta(description="REGISTERED: only who was registered before, else 404.")
    ] = Customers.ANY
    requires: Annotated[
        list[Requirement],
        Meta(description="What must be so of a customer, by what was registered of him."),
    ] = []
    draws_per: Annotated[
        DrawsPerInput | None, Meta(description="Draws only: how often; once a day by default.")
    ] = None
    on_exhausted: Annotated[
        OnExhausted,
        Meta(
            description="Draws only: what a number brings that falls on a reward without stock. "
            "No win; another number over the rewards that have some; or `fallback_reward`."
        ),
    ] = OnExhausted.LOSE
    fallback_reward: str | None = None
    beacon: BeaconInput | None = None
    metadata: Metadata = {}


class NewCampaignInput(CampaignInput, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new campaign."""

    activate: Annotated[bool, Meta(description="Activate it in the same step.")] = False


class CampaignsQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which campaigns to list."""

    status: Annotated[Status | UnsetType, Meta(description="One past its end counts as ENDED.")] = (
        UNSET
    )
    type: CampaignType | UnsetType = UNSET
    name: (
        Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX, description="Contained in the name.")]
        | UnsetType
    ) = UNSET


class CodeView(Struct, frozen=True, omit_defaults=True):
    """How a coupon's code looks."""

    source: CodeSource
    pattern: str | None = None
    charset: str | None = None
    length: int | None = None


class RewardView(Struct, frozen=True, kw_only=True):
    """A reward and its stock at the moment of the answer."""

    key: str
    kind: RewardKind
    value: Value
    quota_total: int | None
    quota_daily: int | None
    per_customer_max: int | None
    code: CodeView | None
    uses_max: int
    expires_at: ShownMoment | None
    expires_after_s: int | None
    weight_ppm: int | None
    metadata: dict[str, Any]
    stock: Stock


class CampaignView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A campaign. `phase` is what a customer would meet now; `warnings` are for its author."""

    id: str
    number: int
    name: str
    type: CampaignType
    status: Status
    phase: Phase
    version: int
    starts_at: ShownMoment
    ends_at: ShownMoment | None
    time_zone: str
    per_customer_max: int | None
    on_repeat: OnRepeat
    revoke_keeps_cap: bool
    customers: Customers
    requires: tuple[Requirement, ...]
    draws_per: DrawsPer | None
    on_exhausted: OnExhausted | None
    fallback_reward: str | None
    beacon: Beacon | None
    metadata: dict[str, Any]
    created_at: ShownMoment
    rewards: list[RewardView]
    warnings: tuple[str, ...] = ()


class CampaignList(Struct, frozen=True):
    """A piece of the list of campaigns, the newest first."""

    items: list[CampaignView]
    next: Next


class CampaignAccepted(Struct, frozen=True):
    """A dry run: the campaign could be created as it is."""

    accepted: bool
    warnings: tuple[str, ...]


def definition(said: CampaignInput, tenant_zone: str) -> CampaignDefinition:
    """What an author means; raises `InvalidInputError` for what no campaign of this type has."""
    check_plain(said.metadata, "/metadata")
    return CampaignDefinition(
        name=said.name,
        type=said.type,
        starts_at_ms=moment_ms(said.starts_at, "/starts_at"),
        ends_at_ms=moment_ms_or_none(said.ends_at, "/ends_at"),
        time_zone=tenant_zone if said.time_zone is None else said.time_zone,
        rewards=tuple(
            _reward(reward, f"/rewards/{index}") for index, reward in enumerate(said.rewards)
        ),
        per_customer_max=said.per_customer_max,
        on_repeat=said.on_repeat,
        revoke_keeps_cap=said.revoke_keeps_cap,
        customers=said.customers,
        requires=tuple(said.requires),
        draws_per=_draws_per(said),
        on_exhausted=said.on_exhausted,
        fallback_reward=said.fallback_reward,
        beacon=None
        if said.beacon is None
        else Beacon(said.beacon.source, said.beacon.round, said.beacon.value),
        metadata=said.metadata,
    )


def show(saved: Saved) -> CampaignView:
    """A campaign as it was at the moment it was saved: the same for each replay."""
    campaign = saved.campaign
    described = campaign.definition
    draws = described.type is CampaignType.DRAW
    day = local_day(described.time_zone, saved.at_ms)
    return CampaignView(
        id=campaign.id,
        number=campaign.number,
        name=described.name,
        type=described.type,
        status=decide.shown_status(campaign, saved.at_ms),
        phase=decide.phase(campaign, saved.at_ms),
        version=campaign.version,
        starts_at=rfc3339(described.starts_at_ms),
        ends_at=rfc3339_or_none(described.ends_at_ms),
        time_zone=described.time_zone,
        per_customer_max=described.per_customer_max,
        on_repeat=described.on_repeat,
        revoke_keeps_cap=described.revoke_keeps_cap,
        customers=described.customers,
        requires=described.requires,
        draws_per=None if described.type is CampaignType.CLAIM else described.draws_per,
        on_exhausted=described.on_exhausted if draws else None,
        fallback_reward=described.fallback_reward,
        beacon=described.beacon,
        metadata=described.metadata,
        created_at=rfc3339(campaign.created_at_ms),
        rewards=[_show_reward(reward, day) for reward in campaign.rewards],
        warnings=saved.warnings,
    )


def _draws_per(said: CampaignInput) -> DrawsPer:
    if said.draws_per is None:
        return DrawsPer()
    if said.type is CampaignType.CLAIM:
        message = "draws_per belongs to draws: leave it out, or use the type DRAW"
        raise InvalidInputError(message, "/draws_per")
    return DrawsPer(said.draws_per.period, said.draws_per.n)


def _reward(said: RewardInput, pointer: str) -> RewardDefinition:
    check_plain(said.metadata, f"{pointer}/metadata")
    code = said.code
    if code is None and said.kind is RewardKind.COUPON:
        code = CodeFormat(pattern=DEFAULT_PATTERN)
    return RewardDefinition(
        key=said.key,
        kind=said.kind,
        value=said.value,
        quota_total=said.quota_total,
        quota_daily=said.quota_daily,
        per_customer_max=said.per_customer_max,
        code=code,
        uses_max=said.uses_max,
        expires_at_ms=moment_ms_or_none(said.expires_at, f"{pointer}/expires_at"),
        expires_after_s=said.expires_after_s,
        weight_ppm=said.weight_ppm,
        metadata=said.metadata,
    )


def _show_reward(reward: Reward, day: int) -> RewardView:
    described = reward.definition
    code = described.code
    return RewardView(
        key=described.key,
        kind=described.kind,
        value=described.value,
        quota_total=described.quota_total,
        quota_daily=described.quota_daily,
        per_customer_max=described.per_customer_max,
        code=None
        if code is None
        else CodeView(code.source, code.pattern, code.charset, code.length),
        uses_max=described.uses_max,
        expires_at=rfc3339_or_none(described.expires_at_ms),
        expires_after_s=described.expires_after_s,
        weight_ppm=described.weight_ppm,
        metadata=described.metadata,
        stock=decide.stock(described, reward.counters, day),
    )
