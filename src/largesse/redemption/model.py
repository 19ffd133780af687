"""A wish to use a coupon, and the use."""

from msgspec import Struct

from largesse.issuance.model import Incentive, Issued
from largesse.kernel.outcome import Outcome


class RedemptionWish(Struct, kw_only=True):
    """Somebody wants to use a coupon of a customer's: either its code, as typed, or its id.

    `key` is the caller's; a dry run has none.
    """

    tenant: int
    customer: str
    key: str = ""
    code: str | None = None
    incentive_id: str | None = None
    dry_run: bool = False
    now_ms: int = 0


class Redeemed(Struct, frozen=True):
    """The ledger's row of a coupon, and when it was used."""

    issued: Issued
    at_ms: int


class Redemption(Struct, frozen=True):
    """A use as people see it. `incentive` is the coupon as it stands by it."""

    incentive: Incentive
    redeemed_at_ms: int


class RedemptionAnswer(Struct, frozen=True):
    """How a wish ended. A use that was made, by this call or by an earlier one, is in `redemption`.

    `is_coupon` is False where somebody asks for the use of his incentive that has no code: that is
    his mistake, and UNKNOWN_CODE.
    """

    outcome: Outcome
    redemption: Redemption | None = None
    replayed: bool = False
    is_coupon: bool = True
