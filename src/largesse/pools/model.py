"""A code pool: units of a reward set aside, with a code each, for somebody else to hand out."""

from enum import StrEnum

from msgspec import Struct

from largesse.campaigns.model import CodeFormat, CodeSource
from largesse.issuance.model import IncentiveStatus

COUNT_MAX = 10_000_000
"""Codes of one pool: a file of them is what a printer still opens. A reward may have many pools."""

NAME_CHARACTERS_MAX = 200

CHECKED_MAX = 1_000
"""Codes that one call checks: some tens of milliseconds."""


class PoolStatus(StrEnum):
    """MAKING → READY → DELETED: while it is made it cannot be exported."""

    MAKING = "MAKING"
    READY = "READY"
    DELETED = "DELETED"


class ExportFormat(StrEnum):
    """How a file of codes is written."""

    CSV = "csv"
    PARQUET = "parquet"


class PoolWish(Struct, frozen=True, kw_only=True):
    """What somebody wants: `count` codes of a reward. Without `reward` the only one is meant."""

    campaign_id: str
    reward: str | None
    name: str
    count: int


class Pool(Struct, frozen=True, kw_only=True):
    """`count` units of a reward that claims can have no more, and a code for each.

    Where the reward's codes are permuted, they stand at the places `place` … `place + count - 1`
    of the counter of `pattern` (its canonical text), which are nobody else's, and none is stored.
    Where they are random, `place` is None and each is kept. `format` says how they are shown.
    """

    number: int = 0
    id: str
    tenant: int
    campaign: int
    campaign_id: str
    reward: int
    reward_key: str
    name: str
    status: PoolStatus = PoolStatus.MAKING
    count: int
    format: CodeFormat
    pattern: str
    place: int | None = None
    created_at_ms: int
    exports: int = 0
    exported_at_ms: int | None = None

    @property
    def source(self) -> CodeSource:
        """Where its codes come from."""
        return self.format.source


class CodeState(StrEnum):
    """Where a code stands that somebody asks about.

    AVAILABLE is a code of a pool: whoever hands it out does not tell us. DELETED is one of a pool
    that was taken back, or of one that is not ready.
    """

    AVAILABLE = "AVAILABLE"
    DELETED = "DELETED"
    ISSUED = IncentiveStatus.ISSUED.value
    REDEEMED = IncentiveStatus.REDEEMED.value
    EXPIRED = IncentiveStatus.EXPIRED.value
    REVOKED = IncentiveStatus.REVOKED.value


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a code that somebody typed.

    `well_formed`: it fits a pattern of the tenant. `check_right`: so do its check symbols, or None
    where it is not well formed or its pattern has none. `status` is None for what was never made.
    """

    code: str
    well_formed: bool
    check_right: bool | None
    known: bool
    status: CodeState | None = None
    campaign_id: str | None = None
    reward: str | None = None
    pool_id: str | None = None
    incentive_id: str | None = None
