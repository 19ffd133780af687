"""The rules of redemption: plain functions of their arguments."""

from hashlib import sha256

import msgspec

from largesse.issuance.model import LedgerEntry, Place
from largesse.kernel.errors import InvalidInputError
from largesse.kernel.outcome import Outcome
from largesse.redemption.model import RedemptionPrior, RedemptionSettled, RedemptionWish

OPERATION = "redeem"
"""What the ledger keeps the keys of redemptions under."""

CONTENT_BYTES = 32
"""Length of what tells wishes apart."""

UNKNOWN = RedemptionSettled(Outcome.UNKNOWN_CODE)
"""Nothing is known under what was typed; its key stays free."""

_NO_COUPON = RedemptionSettled(Outcome.UNKNOWN_CODE, is_coupon=False)
_REUSED = RedemptionSettled(Outcome.IDEMPOTENCY_KEY_REUSED)


def check(wish: RedemptionWish) -> None:
    """Raise `InvalidInputError` unless a wish names its coupon in exactly one way."""
    if (wish.code is None) == (wish.incentive_id is None):
        message = "name the coupon by its code, or else by its incentive_id"
        raise InvalidInputError(message, "/code")


def content_of(place: Place, customer: str) -> bytes:
    """What a wish says, as a digest: the same code typed otherwise is the same wish."""
    return sha256(msgspec.json.encode([*place, customer])).digest()


def redeem(wish: RedemptionWish, prior: RedemptionPrior) -> RedemptionSettled:
    """Decide on a use: the first rule that applies is the answer.

    Who asks for another customer's coupon is told what he is told of one that is not there.
    """
    entry = prior.entry
    if prior.bound is not None:
        return _again(prior)
    if entry is None or entry.issued.customer != wish.customer:
        return UNKNOWN
    if entry.revoked_at_ms is not None:
        return RedemptionSettled(Outcome.REVOKED)
    if entry.redeemed_at_ms is not None:
        return RedemptionSettled(Outcome.EXHAUSTED)
    is_over = prior.expires_at_ms is not None and wish.now_ms >= prior.expires_at_ms
    if is_over or entry.expired_at_ms is not None:
        return RedemptionSettled(Outcome.EXPIRED)
    if not has_code(entry):
        return _NO_COUPON
    return RedemptionSettled(Outcome.REDEEMED, entry.issued, wish.now_ms)


def has_code(entry: LedgerEntry) -> bool:
    """Whether an incentive is a coupon: only what has a code is used by it."""
    return entry.issued.place is not None or entry.issued.code is not None


def _again(prior: RedemptionPrior) -> RedemptionSettled:
    """The answer to a key that has brought about a use: that same use, to the same wish."""
    if prior.bound != prior.content:
        return _REUSED
    entry = prior.entry
    assert entry is not None
    assert entry.redeemed_at_ms is not None
    return RedemptionSettled(Outcome.REDEEMED, entry.issued, entry.redeemed_at_ms, replayed=True)
