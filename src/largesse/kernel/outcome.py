"""Every way a command can end, in order of precedence: the first that applies is the answer."""

from enum import StrEnum


class Outcome(StrEnum):
    """How a command ended.

    The members stand in the order in which `decide` checks them; `http/errors.py` maps each to a
    status, a problem type and a title, and a test fails when one is missing there.
    """

    KEY_REQUIRED = "KEY_REQUIRED"
    REWARD_REQUIRED = "REWARD_REQUIRED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    NOT_ACTIVE = "NOT_ACTIVE"
    NOT_OPEN_YET = "NOT_OPEN_YET"
    CLOSED = "CLOSED"
    UNKNOWN_CUSTOMER = "UNKNOWN_CUSTOMER"
    PHONE_REQUIRED = "PHONE_REQUIRED"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    ALREADY_DRAWN = "ALREADY_DRAWN"
    CUSTOMER_LIMIT_REACHED = "CUSTOMER_LIMIT_REACHED"
    SOLD_OUT_TODAY = "SOLD_OUT_TODAY"
    SOLD_OUT = "SOLD_OUT"
    POOL_EXHAUSTED = "POOL_EXHAUSTED"
    UNKNOWN_CODE = "UNKNOWN_CODE"
    REVOKED = "REVOKED"
    ALREADY_REDEEMED = "ALREADY_REDEEMED"
    EXHAUSTED = "EXHAUSTED"
    EXPIRED = "EXPIRED"
    BUSY = "BUSY"
    ALREADY_HELD = "ALREADY_HELD"
    ISSUED = "ISSUED"
    DRAWN = "DRAWN"
    REDEEMED = "REDEEMED"

    @property
    def success(self) -> bool:
        """Whether the wish was granted: an incentive is held, a draw made, a coupon used."""
        return self in _SUCCESSES

    @property
    def transient(self) -> bool:
        """Whether the same wish may end otherwise later without anybody changing the campaign."""
        return self in _TRANSIENT


# Tuples: a member is found by identity, without the hash that an enum computes anew each time.
_SUCCESSES = (Outcome.ISSUED, Outcome.ALREADY_HELD, Outcome.DRAWN, Outcome.REDEEMED)
_TRANSIENT = (Outcome.NOT_OPEN_YET, Outcome.SOLD_OUT_TODAY, Outcome.BUSY)
