"""Money, cursors, outcomes and facts."""

import pytest

from largesse.kernel.command import Command
from largesse.kernel.errors import InvalidInputError, KeyReusedError, NotFoundError
from largesse.kernel.fact import AuditEntry, FactKind
from largesse.kernel.money import AMOUNT_MAX, Money, check_money
from largesse.kernel.outcome import Outcome
from largesse.kernel.paging import Cursors


@pytest.mark.parametrize("amount", [1, AMOUNT_MAX])
def test_money_that_makes_sense(amount: int) -> None:
    """From one minor unit to the most there is."""
    check_money(Money(amount, "KRW"), "/value")


@pytest.mark.parametrize(
    ("amount", "currency", "pointer"),
    [
        (0, "KRW", "/value/amount"),
        (-1, "KRW", "/value/amount"),
        (AMOUNT_MAX + 1, "KRW", "/value/amount"),
        (1, "krw", "/value/currency"),
        (1, "XXY", "/value/currency"),
        (1, "", "/value/currency"),
    ],
)
def test_money_that_makes_none(amount: int, currency: str, pointer: str) -> None:
    """The refusal points at what is wrong."""
    with pytest.raises(InvalidInputError) as refusal:
        check_money(Money(amount, currency), "/value")

    assert refusal.value.pointer == pointer


def test_a_cursor_comes_back() -> None:
    """Numbers and text, as they were sealed."""
    cursors = Cursors(b"secret")
    position: list[int | str] = [7, "안녕", -1]

    assert cursors.open(1, "campaigns", cursors.seal(1, "campaigns", position)) == position


@pytest.mark.parametrize(("tenant", "name"), [(2, "campaigns"), (1, "incentives")])
def test_a_cursor_belongs_to_one_list_of_one_tenant(tenant: int, name: str) -> None:
    """Carried elsewhere it opens nothing."""
    cursors = Cursors(b"secret")
    cursor = cursors.seal(1, "campaigns", [7])

    with pytest.raises(InvalidInputError):
        cursors.open(tenant, name, cursor)


@pytest.mark.parametrize("made_up", ["", "A", "AAAA", "!" * 40, "é", "A" * 10_000, "\ud800"])
def test_a_cursor_cannot_be_made_up(made_up: str) -> None:
    """Whatever it is, it is refused as bad input."""
    with pytest.raises(InvalidInputError) as refusal:
        Cursors(b"secret").open(1, "campaigns", made_up)

    assert refusal.value.pointer == "cursor"


def test_a_changed_cursor_is_refused() -> None:
    """Each of its characters counts; nor does another installation's secret open it."""
    cursors = Cursors(b"secret")
    cursor = cursors.seal(1, "campaigns", [7, 8, 9])

    for at, character in enumerate(cursor[:-1]):
        changed = cursor[:at] + ("A" if character != "A" else "B") + cursor[at + 1 :]
        with pytest.raises(InvalidInputError):
            cursors.open(1, "campaigns", changed)
    with pytest.raises(InvalidInputError):
        Cursors(b"other").open(1, "campaigns", cursor)


def test_what_counts_as_granted() -> None:
    """An incentive in the hand or used, or a draw; only three refusals may pass by themselves."""
    granted = {Outcome.ISSUED, Outcome.ALREADY_HELD, Outcome.DRAWN, Outcome.REDEEMED}
    assert {one for one in Outcome if one.success} == granted
    assert {one for one in Outcome if one.transient} == {
        Outcome.NOT_OPEN_YET,
        Outcome.SOLD_OUT_TODAY,
        Outcome.BUSY,
    }


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        (FactKind.INCENTIVE_ISSUED, "incentive.issued"),
        (FactKind.INCENTIVE_EXPIRED, "incentive.expired"),
        (FactKind.STOCK_EXHAUSTED, "stock.exhausted"),
        (FactKind.CAMPAIGN_CHANGED, "campaign.changed"),
    ],
)
def test_facts_have_topics(kind: FactKind, topic: str) -> None:
    """The name under which each travels."""
    assert kind.topic == topic


def test_numbers_of_facts_stay_what_they_are() -> None:
    """The journals of all installations are read by them."""
    assert {kind.name: kind.value for kind in FactKind} == {
        "INCENTIVE_ISSUED": 1,
        "INCENTIVE_REDEEMED": 2,
        "INCENTIVE_EXPIRED": 4,
        "INCENTIVE_REVOKED": 5,
        "STOCK_EXHAUSTED": 6,
        "CAMPAIGN_CHANGED": 7,
        "DRAW_MADE": 8,
    }


def test_an_audit_entry_says_who_when_and_what() -> None:
    """Taken from the envelope of the change."""
    command = Command(
        tenant=3, actor="key_1", operation="edit", now_ms=9, machine_ms=10, request_id="req_1"
    )

    assert AuditEntry.of(command, "camp_1", {"a": 1}, None) == AuditEntry(
        tenant=3,
        at_ms=9,
        actor="key_1",
        operation="edit",
        subject="camp_1",
        request_id="req_1",
        before={"a": 1},
        after=None,
    )


def test_an_error_says_what_is_wrong() -> None:
    """By what was said when it was raised, else by what its class is about."""
    assert str(NotFoundError("there is no tenant 'x' here")) == "there is no tenant 'x' here"
    assert str(KeyReusedError()).startswith("This Idempotency-Key was used for another request")
