"""A wish to use a coupon, and the use."""

from typing import NamedTuple

from msgspec import Struct

from largesse.issuance.model import Incentive, Issued, LedgerEntry, Place, Typed
from largesse.kernel.outcome import Outcome


class RedemptionWish(Struct, kw_only=True, gc=False):
    """Somebody wants to use a coupon of a customer's: either its code, as typed, or its id.

    `sought` is where that leads in the ledger of the tenant, None where it leads nowhere. `now_ms`
    is the tenant's time, read once when the wish's batch is formed. A dry run is decided and leaves
    nothing; it needs no key.
    """

    tenant: int
    customer: str
    key: str = ""
    code: str | None = None
    incentive_id: str | None = None
    sought: Place | Typed | None = None
    dry_run: bool = False
    now_ms: int = 0

    @property
    def identity(self) -> tuple[int, str]:
        """See `Asking`."""
        return self.tenant, self.key


class RedemptionPrior(NamedTuple):
    """What the ledger already knows of a wish: the coupon at its place, if there is one.

    `content` tells wishes apart: the coupon meant and its customer, as `decide.content_of` has it.
    `bound` is the content that the wish's key has brought about, None where the key is free.
    """

    content: bytes
    bound: bytes | None
    entry: LedgerEntry | None
    expires_at_ms: int | None


class RedemptionSettled(Struct, frozen=True, gc=False):
    """What became of a wish. `used` is the coupon's row, used at `at_ms`: now or, replayed, before.

    `is_coupon` is False where somebody asks for the use of his incentive that has no code: that is
    his mistake, and UNKNOWN_CODE.
    """

    outcome: Outcome
    used: Issued | None = None
    at_ms: int = 0
    replayed: bool = False
    is_coupon: bool = True


class Redemption(Struct, frozen=True, gc=False):
    """A use as people see it. `incentive` is the coupon as it stands by it."""

    incentive: Incentive
    redeemed_at_ms: int


class RedemptionAnswer(Struct, frozen=True, gc=False):
    """A settled wish as its caller sees it; `redemption` is the use that was made now or before.

    `is_coupon` is as in `RedemptionSettled`.
    """

    outcome: Outcome
    redemption: Redemption | None = None
    replayed: bool = False
    is_coupon: bool = True
