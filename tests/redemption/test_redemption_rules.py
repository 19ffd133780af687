"""The rules of redemption, each at its boundary, and which of two comes first."""

import pytest
from msgspec.structs import replace

from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.kernel.errors import InvalidInputError
from largesse.kernel.outcome import Outcome
from largesse.redemption import decide
from largesse.redemption.model import RedemptionPrior, RedemptionSettled, RedemptionWish
from largesse.testing.factories import NOW_MS

ISSUED = Issued(1, 7, 3, "ann", "k", NOW_MS - 1, 1, place=2)
WISH = RedemptionWish(tenant=1, customer="ann", key="use", now_ms=NOW_MS)
CONTENT = decide.content_of(Place(7, 3), "ann")
FREE = RedemptionPrior(CONTENT, None, LedgerEntry(ISSUED), None)
THIEF = replace(WISH, customer="thief")
REVOKED = LedgerEntry(ISSUED, revoked_at_ms=1)
USED = LedgerEntry(ISSUED, redeemed_at_ms=1)


@pytest.mark.parametrize(
    ("wish", "prior", "outcome"),
    [
        (WISH, FREE, Outcome.REDEEMED),
        (WISH, FREE._replace(entry=None), Outcome.UNKNOWN_CODE),
        (THIEF, FREE._replace(entry=REVOKED), Outcome.UNKNOWN_CODE),
        (WISH, FREE._replace(entry=REVOKED, expires_at_ms=NOW_MS), Outcome.REVOKED),
        (WISH, FREE._replace(entry=USED, expires_at_ms=NOW_MS), Outcome.EXHAUSTED),
        (WISH, FREE._replace(expires_at_ms=NOW_MS + 1), Outcome.REDEEMED),
        (WISH, FREE._replace(expires_at_ms=NOW_MS), Outcome.EXPIRED),
        (WISH, FREE._replace(entry=LedgerEntry(ISSUED, expired_at_ms=1)), Outcome.EXPIRED),
        (THIEF, FREE._replace(bound=b"other"), Outcome.IDEMPOTENCY_KEY_REUSED),
        (WISH, FREE._replace(bound=b"other", entry=USED), Outcome.IDEMPOTENCY_KEY_REUSED),
    ],
)
def test_the_first_that_applies(
    wish: RedemptionWish, prior: RedemptionPrior, outcome: Outcome
) -> None:
    """In the order of the outcomes."""
    assert decide.redeem(wish, prior).outcome is outcome


def test_a_bound_key_brings_its_use_again() -> None:
    """At its moment, though it would have expired since."""
    prior = FREE._replace(bound=CONTENT, entry=USED, expires_at_ms=2)
    expected = RedemptionSettled(Outcome.REDEEMED, ISSUED, 1, replayed=True)
    assert decide.redeem(WISH, prior) == expected


def test_what_has_no_code_is_no_coupon() -> None:
    """Which is said only of what could be used otherwise."""
    codeless = LedgerEntry(replace(ISSUED, place=None))
    mine = decide.redeem(WISH, FREE._replace(entry=codeless))
    assert (mine.outcome, mine.is_coupon) == (Outcome.UNKNOWN_CODE, False)
    assert decide.redeem(THIEF, FREE._replace(entry=codeless)).is_coupon
    assert decide.redeem(WISH, FREE._replace(entry=codeless, expires_at_ms=1)).is_coupon


def test_a_wish_is_the_coupon_and_its_customer() -> None:
    """Any other of them is another wish."""
    others = [(Place(7, 4), "ann"), (Place(8, 3), "ann"), (Place(7, 3), "bob")]
    assert CONTENT not in [decide.content_of(*other) for other in others]


@pytest.mark.parametrize(("code", "incentive_id"), [(None, None), ("A", "inc_x")])
def test_a_coupon_is_named_once(code: str | None, incentive_id: str | None) -> None:
    """By its code, or else by its id."""
    with pytest.raises(InvalidInputError):
        decide.check(replace(WISH, code=code, incentive_id=incentive_id))
