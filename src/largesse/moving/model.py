"""What travels: each kind of row, whatever technology it comes from and goes to.

Rows are arrays in the archive. Times are milliseconds since the epoch. Numbers stay what they were:
an incentive's id is made of its reward's number.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from largesse.kernel.fact import FactKind


class TenantRow(Struct, frozen=True, array_like=True):
    """The tenant himself. `clock_ms` is set in test mode only."""

    number: int
    id: str
    name: str
    time_zone: str
    created_at_ms: int
    secret: bytes
    clock_ms: int | None


class KeyRow(Struct, frozen=True, array_like=True):
    """An API key, by the digest of its secret."""

    id: str
    name: str
    prefix: str
    digest: bytes
    scopes: str
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None


class AuditRow(Struct, frozen=True, array_like=True):
    """Who changed what, in the order of the changes."""

    at_ms: int
    actor: str
    operation: str
    subject: str
    request_id: str
    before: str | None
    after: str | None


class BoundRow(Struct, frozen=True, array_like=True):
    """What the key of a command brought about: a retry gets this answer."""

    operation: str
    key: str
    content: bytes
    answer: str
    at_ms: int


class CustomerRow(Struct, frozen=True, array_like=True):
    """A registered customer; `verified` is 0 or 1."""

    id: str
    phone: str | None
    verified: int
    attributes: str
    registered_at_ms: int


class CampaignRow(Struct, frozen=True, array_like=True):
    """A campaign as it stands."""

    number: int
    id: str
    status: str
    version: int
    created_at_ms: int
    type: str
    name: str
    ends_at_ms: int | None


class VersionRow(Struct, frozen=True, array_like=True):
    """One version of a campaign; `definition` is JSON."""

    campaign: int
    version: int
    definition: str


class RewardRow(Struct, frozen=True, array_like=True):
    """A reward with its stock."""

    number: int
    campaign: int
    key: str
    quota_total: int | None
    quota_daily: int | None
    issued: int
    reserved: int
    serials: int
    day: int
    issued_day: int


class PatternRow(Struct, frozen=True, array_like=True):
    """A code format and how far its counter has come."""

    id: int
    pattern: str
    source: str
    taken: int


class BlockRow(Struct, frozen=True, array_like=True):
    """Places of a pattern's counter that a reward has."""

    pattern: int
    place: int
    count: int
    reward: int
    serial: int


class PoolRow(Struct, frozen=True, array_like=True):
    """A code pool."""

    number: int
    id: str
    campaign: int
    reward: int
    name: str
    status: str
    count: int
    format: str
    pattern: int
    place: int | None
    created_at_ms: int
    exports: int
    exported_at_ms: int | None


class CodeRow(Struct, frozen=True, array_like=True):
    """A code made at random, issued or in a pool."""

    canonical: str
    reward: int
    serial: int
    pool: int | None


class FactRow(Struct, frozen=True, array_like=True):
    """A row of the journal, in the order of the facts; `kind` is a `FactKind`."""

    kind: int
    at_ms: int
    campaign: int | None
    reward: int | None
    serial: int | None
    customer: str | None
    key: str | None
    version: int | None
    detail: str | None
    draw: int | None


class ExpiryRow(Struct, frozen=True, array_like=True):
    """How far the sweep for expired incentives has come."""

    reward: int
    version: int
    serial: int
    due_ms: int
    after_ms: int | None


class BookRow(Struct, frozen=True, array_like=True):
    """How many draws a campaign has made."""

    campaign: int
    draws: int


class WebhookRow(Struct, frozen=True, array_like=True):
    """A webhook; nothing waits for it when it travels."""

    number: int
    id: str
    url: str
    description: str
    kinds: str
    secret: bytes
    old_secret: bytes | None
    old_until_ms: int | None
    disabled: str | None
    disabled_at_ms: int | None
    failing_since_ms: int | None
    created_at_ms: int


Row = Struct

SECTIONS: Mapping[str, type[Row]] = MappingProxyType(
    {
        "tenant": TenantRow,
        "api_key": KeyRow,
        "audit": AuditRow,
        "idempotency": BoundRow,
        "customer": CustomerRow,
        "campaign": CampaignRow,
        "campaign_version": VersionRow,
        "reward": RewardRow,
        "code_pattern": PatternRow,
        "code_block": BlockRow,
        "code_pool": PoolRow,
        "code": CodeRow,
        "journal": FactRow,
        "expiry": ExpiryRow,
        "draw_book": BookRow,
        "webhook": WebhookRow,
    }
)
"""By the table that has them, in an order in which each finds what it leads to."""

STAYS: Mapping[str, str] = MappingProxyType(
    {
        "installation": "travels in the manifest",
        "migration": "the schema's own",
        "job": "work in this installation; none may be under way when a tenant leaves",
        "relay": "where this installation's relay stands",
        "relay_member": "who relays here",
        "webhook_behind": "nothing may wait for a webhook when a tenant leaves",
        "webhook_removed": "the same",
        "webhook_delivery": "what was delivered is told here for some days; nothing may wait",
        "proof": "what was found of this ledger; the next one makes another",
        "change": "what processes here tell each other",
        "run": "a memory that is made anew",
        "extent_added": "where rows stand in this file",
        "extent_moved": "the same",
        "draw_extent": "the same",
    }
)
"""Tables whose rows stay behind, and why."""

MADE_ANEW: Mapping[str, str] = MappingProxyType(
    {
        "audit.position": "the order of the archive",
        "campaign.own_part": "where this database keeps a big campaign's rows",
        "campaign.part": "the same, for all campaigns",
        "campaign.revision": "what processes on one database tell each other",
        "journal.nth": "how many the customer had: counted from the facts",
        "journal.of": "where the row stands that a later fact is about",
        "journal.ordinal": "of a draw; in the archive a part of `detail`",
        "journal.part": "its campaign's",
        "journal.period": "of a draw; in the archive a part of `detail`",
        "journal.seq": "the order of the archive",
        "journal.tx": "the transaction of the import",
        "webhook.since": "what is there by then happened before it was",
        "webhook.waiting": "nothing may wait for a webhook when a tenant leaves",
    }
)
"""Columns of tables that travel which do not, and why. Nor does any `tenant`, who is one."""

COUNTED = ("tenant", "campaign", "reward", "code_pool", "webhook")
"""Tables whose numbers are never used again, also after their row is gone."""

KINDS = frozenset(map(int, FactKind))
"""The kinds of facts that this release can bring elsewhere."""

ENDS = frozenset(
    {FactKind.INCENTIVE_REDEEMED, FactKind.INCENTIVE_EXPIRED, FactKind.INCENTIVE_REVOKED}
)
"""Those that are about an incentive that was issued before."""


class Section(Struct, frozen=True):
    """One part of an archive."""

    name: str
    rows: int
    sha256: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What an archive holds. `secret` is the installation's; `numbers` are the last ones given."""

    format: str
    version: int
    tenant: str
    secret: bytes
    numbers: Mapping[str, int]
    sections: tuple[Section, ...]
