"""What a server shows, as values; of draws and raffles see `draw_model.py`.

Moments are RFC 3339 in UTC with milliseconds, as the server writes them: `datetime.fromisoformat`
reads them. Words like a status are plain strings and fields that are not named here are passed
over, so that a server may learn new ones before its clients do.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """A piece of a list, and the cursor to go on with, or None at its end."""

    items: list[T]
    next: str | None


class Tenant(Struct, frozen=True, kw_only=True):
    """An organisation that runs campaigns."""

    id: str
    name: str
    time_zone: str
    test_mode: bool
    created_at: str


class NewTenant(Tenant, frozen=True, kw_only=True):
    """A tenant just made; `admin_key` is shown this once, and None in a replay."""

    admin_key: str | None


class Key(Struct, frozen=True, kw_only=True):
    """An API key without its secret; `prefix` is how it begins."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class NewKey(Key, frozen=True, kw_only=True):
    """An API key just made; `key` is shown this once, and None in a replay."""

    key: str | None


class CustomerDescription(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a customer; what is left out is forgotten. `phone` is +821012345678."""

    phone: str | None = None
    verified: bool = False
    attributes: Mapping[str, Any] = {}


class Customer(Struct, frozen=True, kw_only=True):
    """A registered customer."""

    customer_id: str
    phone: str | None
    verified: bool
    attributes: dict[str, Any]
    registered_at: str


class CustomerToken(Struct, frozen=True, kw_only=True):
    """By this a customer speaks for himself until `expires_at`; it is shown this once."""

    customer_id: str
    token: str
    expires_at: str


class CodeFormat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How codes look: a pattern, or a charset and a length; and where they come from."""

    source: str = "permuted"
    pattern: str | None = None
    charset: str | None = None
    length: int | None = None


class RewardDefinition(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a campaign can give, as its author writes it. None means no limit."""

    key: str
    kind: str
    value: Mapping[str, Any]
    quota_total: int | None = None
    quota_daily: int | None = None
    per_customer_max: int | None = None
    code: CodeFormat | None = None
    uses_max: int = 1
    expires_at: str | None = None
    expires_after_s: int | None = None
    weight_ppm: int | None = None
    metadata: Mapping[str, Any] = {}


class CampaignDefinition(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that an author decides about a campaign."""

    name: str
    starts_at: str
    rewards: Sequence[RewardDefinition]
    type: str = "CLAIM"
    ends_at: str | None = None
    time_zone: str | None = None
    per_customer_max: int | None = None
    on_repeat: str = "REFUSE"
    revoke_keeps_cap: bool = False
    customers: str = "ANY"
    requires: Sequence[str] = ()
    draws_per: Mapping[str, Any] | None = None
    on_exhausted: str = "LOSE"
    fallback_reward: str | None = None
    beacon: dict[str, Any] | None = None
    metadata: Mapping[str, Any] = {}


class Stock(Struct, frozen=True, kw_only=True):
    """How many units of a reward there are, were issued and are left; None means no limit."""

    total: int | None
    issued: int
    reserved: int
    left: int | None
    left_today: int | None


class Reward(Struct, frozen=True, kw_only=True):
    """A reward and its stock at the moment of the answer."""

    key: str
    kind: str
    value: dict[str, Any]
    quota_total: int | None
    quota_daily: int | None
    per_customer_max: int | None
    code: CodeFormat | None
    uses_max: int
    expires_at: str | None
    expires_after_s: int | None
    weight_ppm: int | None
    metadata: dict[str, Any]
    stock: Stock


class Campaign(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A campaign. `phase` is what a customer would meet now; `warnings` are for its author."""

    id: str
    number: int
    name: str
    type: str
    status: str
    phase: str
    version: int
    starts_at: str
    ends_at: str | None
    time_zone: str
    per_customer_max: int | None
    on_repeat: str
    revoke_keeps_cap: bool
    customers: str
    requires: list[str]
    draws_per: dict[str, Any] | None
    on_exhausted: str | None
    fallback_reward: str | None
    beacon: dict[str, Any] | None
    metadata: dict[str, Any]
    created_at: str
    rewards: list[Reward]
    warnings: list[str] = []


class CampaignAccepted(Struct, frozen=True):
    """A dry run: the campaign could be created as it is."""

    accepted: bool
    warnings: list[str]


class Incentive(Struct, frozen=True, kw_only=True):
    """One unit of a reward, given to one customer."""

    id: str
    campaign_id: str
    reward: str
    customer_id: str
    code: str | None
    serial: int
    status: str
    value: dict[str, Any]
    issued_at: str
    expires_at: str | None


class Wish(Struct, frozen=True, omit_defaults=True):
    """One claim of a batch, under a key of its own."""

    customer_id: str
    key: str
    reward: str | None = None


class Claimed(Struct, frozen=True, omit_defaults=True):
    """The customer holds this incentive; `replayed` where an earlier answer came again."""

    outcome: str
    incentive: Incentive
    replayed: bool = False


class Redeemed(Struct, frozen=True, kw_only=True):
    """The coupon is used, since `redeemed_at`."""

    outcome: str
    incentive: Incentive
    redeemed_at: str


class Refusal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server said instead of doing it: a problem as in RFC 9457.

    `outcome` never changes its meaning (docs/reference/outcomes.md lists all). `transient` says
    whether the same wish may end otherwise later; `retry_after` counts seconds. A refusal in a
    batch has no `type`, `status` and `request_id`, and one by something between here and the
    server has only a status.
    """

    outcome: str = field(name="code")
    type: str | None = None
    title: str | None = None
    status: int | None = None
    detail: str | None = None
    transient: bool = False
    request_id: str | None = None
    pointer: str | None = None
    opens_at: str | None = None
    retry_after: int | None = None
    incentive_id: str | None = None
    draw_id: str | None = None


class Verdict(Struct, frozen=True):
    """A dry run: whether the wish would be accepted, and as what."""

    accepted: bool
    outcome: str
    transient: bool


class Clock(Struct, frozen=True):
    """The present moment of the tenant; outside test mode it is the server's."""

    now: str
    test_mode: bool


class AuditEntry(Struct, frozen=True):
    """Who changed what; `before` or `after` is None where the thing did not exist."""

    at: str
    actor: str
    operation: str
    subject: str
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Violation(Struct, frozen=True):
    """One place where the ledger does not add up."""

    rule: str
    campaign_id: str | None
    reward: str | None
    detail: str


class Webhook(Struct, frozen=True, kw_only=True):
    """An address that gets facts."""

    id: str
    url: str
    description: str
    types: list[str]
    enabled: bool
    disabled_reason: str | None
    disabled_at: str | None
    failing_since: str | None
    waiting: int
    old_secret_until: str | None
    created_at: str


class NewWebhook(Webhook, frozen=True, kw_only=True):
    """A webhook whose secret is new; it is shown this once, and None in a replay."""

    secret: str | None


class Attempt(Struct, frozen=True, kw_only=True):
    """One time that a message was sent; `answer` is how the answer's body begins."""

    at: str
    took_ms: int
    status: int | None
    error: str | None
    answer: str


class Delivery(Struct, frozen=True, kw_only=True):
    """A message to a webhook; `message_id` is what its receiver sees as `webhook-id`."""

    id: str
    message_id: str
    type: str
    status: str
    created_at: str
    due_at: str | None
    done_at: str | None
    attempts: list[Attempt]


class Conservation(Struct, frozen=True):
    """The last proof of the ledger; `checked_at` is None before the first."""

    checked_at: str | None
    campaigns: int
    violations: list[Violation]


class Job(Struct, frozen=True, kw_only=True):
    """Work that outlives the request that asked for it.

    `status` is QUEUED, RUNNING or DONE; or CANCELLING, while what it did is undone, and then
    CANCELLED or FAILED, with the reason among `errors`. `subject` is the id of what it is about.
    """

    id: str
    kind: str
    subject: str
    status: str
    done: int
    total: int
    errors: list[str]
    result_url: str | None
    created_at: str
    ended_at: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing about it will change any more."""
        return self.ended_at is not None


class CodePool(Struct, frozen=True, kw_only=True):
    """Units of a reward set aside for somebody else to hand out, with a code each."""

    id: str
    campaign_id: str
    reward: str
    name: str
    status: str
    count: int
    source: str
    created_at: str
    exports: int
    exported_at: str | None


class CodeFinding(Struct, frozen=True, kw_only=True):
    """What is known of a code that somebody typed; `status` is None where it is not known."""

    code: str
    well_formed: bool
    check_right: bool | None
    known: bool
    status: str | None
    campaign_id: str | None
    reward: str | None
    pool_id: str | None
    incentive_id: str | None
