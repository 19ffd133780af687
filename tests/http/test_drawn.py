"""The body of a draw that is put together by hand says what msgspec would say."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from largesse.draws.model import Draw, DrawAnswer
from largesse.http.drawn import DrawnBodies
from largesse.http.issued import TEMPLATES_MAX
from largesse.http.shapes.draws import show_drawn
from largesse.issuance.model import Incentive, IncentiveStatus
from largesse.kernel.outcome import Outcome

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
MOMENT_MS = 1_796_126_400_000


def an_incentive(**changes: object) -> Incentive:
    """What a draw won."""
    incentive = Incentive(
        id="inc_00000000000000000000000007",
        campaign_id="camp_00000000000000000000000001",
        version=1,
        reward="STANDARD",
        customer_id="u-1",
        code="나사4831바코07",
        serial=1,
        status=IncentiveStatus.ISSUED,
        value={"amount": 500, "currency": "KRW"},
        issued_at_ms=MOMENT_MS,
        expires_at_ms=None,
    )
    return replace(incentive, **changes)


def an_answer(incentive: Incentive | None = None, **changes: object) -> DrawAnswer:
    """The answer to who has drawn."""
    draw = Draw(
        id="draw_00000000000000000000000009",
        campaign_id="camp_00000000000000000000000001",
        customer_id="u-1",
        number=9,
        day=20_788,
        version=1,
        seed="my seed",
        won=incentive is not None,
        drawn_at_ms=MOMENT_MS,
    )
    return DrawAnswer(Outcome.DRAWN, MOMENT_MS, replace(draw, **changes), incentive)


def by_msgspec(answer: DrawAnswer) -> bytes:
    """The body as the library writes it."""
    return msgspec.json.encode(show_drawn(answer))


@given(customer=TEXTS, seed=TEXTS, number=st.integers(1, 2**62), item=TEXTS, won=st.booleans())
def test_the_same_bytes(customer: str, seed: str, number: int, item: str, won: bool) -> None:  # noqa: FBT001 — Hypothesis names its arguments
    """Whatever customer, seed and value contain; and again from the same template."""
    bodies = DrawnBodies()
    for one in (customer, f"{customer}%s"):
        incentive = an_incentive(customer_id=one, value={"item": item}) if won else None
        answer = an_answer(incentive, customer_id=one, seed=seed, number=number)
        assert bodies.body(answer) == by_msgspec(answer)


@pytest.mark.parametrize(
    "other",
    [
        an_answer(),
        an_answer(an_incentive(reward="OTHER")),
        an_answer(an_incentive(), day=20_789),
        an_answer(an_incentive(version=2, value={"basis_points": 1_000}), version=2),
        an_answer(an_incentive(), campaign_id="camp_00000000000000000000000002"),
        an_answer(an_incentive(), drawn_at_ms=MOMENT_MS + 1),
    ],
)
def test_what_a_template_is_about(other: DrawAnswer) -> None:
    """Another campaign, version or day, and whether it was won, is another template."""
    bodies = DrawnBodies()
    for answer in (an_answer(an_incentive()), other, an_answer(an_incentive())):
        assert bodies.body(answer) == by_msgspec(answer)


def test_templates_are_bounded() -> None:
    """A campaign may go on for years."""
    bodies = DrawnBodies()
    for day in range(TEMPLATES_MAX + 2):
        assert bodies.body(an_answer(day=day)) == by_msgspec(an_answer(day=day))
    assert len(bodies._templates) == 2
