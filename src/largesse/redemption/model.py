"""A wish to use a coupon, and the use."""

from msgspec import Struct

from largesse.issuance.model import Incentive, Issued


class RedemptionWish(Struct, frozen=True, kw_only=True):
    """Somebody wants to use a coupon of a customer's: either its code, as typed, or its id."""

    customer: str
    code: str | None = None
    incentive_id: str | None = None


class Redeemed(Struct, frozen=True):
    """The ledger's row of a coupon, and when it was used."""

    issued: Issued
    at_ms: int


class Redemption(Struct, frozen=True):
    """A use as people see it. `incentive` is the coupon as it stands by it."""

    incentive: Incentive
    redeemed_at_ms: int
