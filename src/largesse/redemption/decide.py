"""The rules of redemption: plain functions of their arguments."""

from largesse.issuance.model import LedgerEntry
from largesse.kernel.errors import InvalidInputError
from largesse.kernel.outcome import Outcome
from largesse.redemption.model import RedemptionWish


def check(wish: RedemptionWish) -> None:
    """Raise `InvalidInputError` unless a wish names its coupon in exactly one way."""
    if (wish.code is None) == (wish.incentive_id is None):
        message = "name the coupon by its code, or else by its incentive_id"
        raise InvalidInputError(message, "/code")


def redeem(
    wish: RedemptionWish, entry: LedgerEntry | None, expires_at_ms: int | None, now_ms: int
) -> Outcome:
    """Decide on a use: the first rule that applies is the answer.

    Who asks for another customer's coupon is told what he is told of one that is not there.
    """
    if entry is None or entry.issued.customer != wish.customer:
        return Outcome.UNKNOWN_CODE
    if entry.revoked_at_ms is not None:
        return Outcome.REVOKED
    if entry.redeemed_at_ms is not None:
        return Outcome.EXHAUSTED
    is_over = expires_at_ms is not None and now_ms >= expires_at_ms
    if is_over or entry.expired_at_ms is not None:
        return Outcome.EXPIRED
    return Outcome.REDEEMED


def has_code(entry: LedgerEntry) -> bool:
    """Whether an incentive is a coupon: only what has a code is used by it."""
    return entry.issued.place is not None or entry.issued.code is not None
