"""The body that is put together by hand says what msgspec would say."""

from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.http.issued import TEMPLATES_MAX, IssuedBodies
from largesse.http.shapes.claims import Claimed
from largesse.http.shapes.incentives import show
from largesse.issuance.model import Incentive, IncentiveStatus
from largesse.kernel.outcome import Outcome

CLAIMED = partial(Claimed, Outcome.ISSUED)
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


def an_incentive(**changes: object) -> Incentive:
    """An incentive as a sale gives it."""
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
        issued_at_ms=1_796_126_400_000,
        expires_at_ms=None,
    )
    return msgspec.structs.replace(incentive, **changes)


def by_msgspec(incentive: Incentive) -> bytes:
    """The body as the library writes it."""
    return msgspec.json.encode(Claimed(Outcome.ISSUED, show(incentive)))


@given(
    customer=TEXTS,
    code=st.none() | TEXTS,
    serial=st.integers(1, 2**62),
    item=TEXTS,
    expires_at_ms=st.none() | st.integers(0, 10**13),
)
def test_the_same_bytes(
    customer: str, code: str | None, serial: int, item: str, expires_at_ms: int | None
) -> None:
    """Whatever the customer, the code and the value contain; and again from the same template."""
    bodies = IssuedBodies(CLAIMED)
    for one in (customer, f"{customer}%s"):
        incentive = an_incentive(
            customer_id=one, code=code, serial=serial, value={"item": item},
            expires_at_ms=expires_at_ms,
        )  # fmt: skip
        assert bodies.body(incentive) == by_msgspec(incentive)


@pytest.mark.parametrize(
    "change",
    [
        {"campaign_id": "camp_00000000000000000000000002"},
        {"reward": "OTHER"},
        {"version": 2, "value": {"basis_points": 1_000}},
        {"issued_at_ms": 1_796_126_400_001, "expires_at_ms": 1_796_126_500_001},
    ],
)
def test_what_a_template_is_about(change: dict[str, object]) -> None:
    """Another campaign, reward or version is another template; moments are put in."""
    bodies = IssuedBodies(CLAIMED)
    first, second = an_incentive(), an_incentive(**change)
    assert bodies.body(first) == by_msgspec(first)
    assert bodies.body(second) == by_msgspec(second)


@pytest.mark.parametrize(
    "value",
    [
        {"serial": 1, "issued_at": "2026-12-01T00:00:00.000Z", "code": "나사4831바코07"},
        {"item": "%b %d %%", "id": "inc_00000000000000000000000007"},
        {"amount": 8_070_605_040_302_010, "currency": "KRW"},
    ],
)
def test_a_value_that_looks_like_the_rest(value: dict[str, object]) -> None:
    """What a tenant writes into a value stays what it is."""
    incentive = an_incentive(value=value, serial=8_070_605_040_302_010)
    assert IssuedBodies(CLAIMED).body(incentive) == by_msgspec(incentive)


def test_templates_are_bounded() -> None:
    """A tenant may edit a campaign as often as he likes; the old versions are let go."""
    bodies = IssuedBodies(CLAIMED)
    for version in range(TEMPLATES_MAX + 2):
        incentive = an_incentive(version=version)
        assert bodies.body(incentive) == by_msgspec(incentive)
    assert len(bodies._templates) == 2
