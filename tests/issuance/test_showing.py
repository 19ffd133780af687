"""The ledger's rows as people see them."""

import pytest
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, CodeFormat, Reward, Value
from largesse.issuance.codebook import Codebook
from largesse.issuance.identity import IncentiveIds
from largesse.issuance.model import Incentive, IncentiveStatus, Issued, LedgerEntry, Place
from largesse.issuance.offers import Offers
from largesse.issuance.showing import Showing
from largesse.testing.factories import HOUR_MS, NOW_MS, a_campaign, a_definition, a_reward, edited

IDS = IncentiveIds(bytes(32))
CODE = CodeFormat(pattern="######")
ROW = Issued(campaign=1, reward=1, serial=3, customer="ann", key="k", at_ms=NOW_MS, version=1)
HOUR_LATER_MS = NOW_MS + HOUR_MS


def a_kept_campaign() -> Campaign:
    """A coupon that is good for an hour, and points that are good for ever."""
    hour = a_reward("HOUR", expires_after_s=3600)
    code = a_reward("CODE", code=CODE, value=Value(amount=900, currency="KRW"))
    definition = a_definition(hour, code)
    rewards = tuple(Reward(number, one) for number, one in enumerate(definition.rewards, 1))
    return a_campaign(definition, number=1, rewards=rewards)


def a_showing(*versions: Campaign) -> Showing:
    """A showing that knows some versions of a campaign."""
    offers = Offers()
    for version in versions:
        offers.publish(version)
    return Showing(offers, Codebook(offers, lambda _: bytes(32), bytes), IDS)


def test_a_row_is_shown_with_all_that_is_about_it() -> None:
    """Its id, its reward by key, its value, and when it will expire."""
    [shown] = a_showing(a_kept_campaign()).issued([ROW])

    assert shown == Incentive(
        id=IDS.text(Place(1, 3)),
        campaign_id="camp_launch",
        version=1,
        reward="HOUR",
        customer_id="ann",
        code=None,
        serial=3,
        status=IncentiveStatus.ISSUED,
        value={"amount": 500, "currency": "KRW"},
        issued_at_ms=NOW_MS,
        expires_at_ms=HOUR_LATER_MS,
    )


def test_rows_keep_their_order() -> None:
    """Each with its own code and value; ids lead back."""
    showing = a_showing(a_kept_campaign())
    coded = replace(ROW, reward=2, serial=8, customer="bob", place=5)

    shown = showing.issued([coded, ROW, replace(coded, serial=9, place=6)])

    assert [one.serial for one in shown] == [8, 3, 9]
    assert [one.customer_id for one in shown] == ["bob", "ann", "bob"]
    assert [one.value["amount"] for one in shown] == [900, 500, 900]
    assert [one.expires_at_ms for one in shown] == [None, HOUR_LATER_MS, None]
    assert [len(one.code or "") for one in shown] == [6, 0, 6]
    assert shown[0].code != shown[2].code
    assert [showing.place(one.id) for one in shown] == [(2, 8), (1, 3), (2, 9)]
    assert showing.issued([]) == []


def test_a_row_is_shown_as_its_version_was() -> None:
    """An edit changes what later customers get, and nothing about what was given before it."""
    first = a_kept_campaign()
    dearer = a_reward("HOUR", expires_after_s=60, value=Value(amount=700, currency="KRW"))
    second = edited(first, rewards=(dearer, first.definition.rewards[1]))
    showing = a_showing(first, second)

    old, new = showing.issued([ROW, replace(ROW, serial=4, version=2)])

    assert (old.value["amount"], old.expires_at_ms) == (500, HOUR_LATER_MS)
    assert (new.value["amount"], new.expires_at_ms) == (700, NOW_MS + 60_000)


@pytest.mark.parametrize(
    ("expired_at_ms", "revoked_at_ms", "now_ms", "status"),
    [
        (None, None, NOW_MS, IncentiveStatus.ISSUED),
        (None, None, HOUR_LATER_MS - 1, IncentiveStatus.ISSUED),
        (None, None, HOUR_LATER_MS, IncentiveStatus.EXPIRED),
        (HOUR_LATER_MS, None, HOUR_LATER_MS, IncentiveStatus.EXPIRED),
        (None, NOW_MS, NOW_MS, IncentiveStatus.REVOKED),
        (None, NOW_MS, HOUR_LATER_MS, IncentiveStatus.REVOKED),
    ],
)
def test_where_a_row_stands(
    expired_at_ms: int | None, revoked_at_ms: int | None, now_ms: int, status: IncentiveStatus
) -> None:
    """Expired from the first millisecond on, told or not; revoked for good."""
    showing = a_showing(a_kept_campaign())
    entry = LedgerEntry(ROW, expired_at_ms, revoked_at_ms)

    [shown] = showing.present([entry], now_ms)

    assert shown.status is status
    assert replace(shown, status=IncentiveStatus.ISSUED) == showing.issued([ROW])[0]
