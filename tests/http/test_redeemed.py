"""The body of a use that is put together by hand says what msgspec would say."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from largesse.http.redeemed import RedeemedBodies
from largesse.http.shapes.redemptions import show_redemption
from largesse.issuance.model import Incentive, IncentiveStatus
from largesse.redemption.model import Redemption

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
MOMENTS = st.integers(0, 4_000_000_000_000)


@given(customer=TEXTS, code=TEXTS, item=TEXTS, issued_ms=MOMENTS, used_ms=MOMENTS)
def test_the_same_bytes(customer: str, code: str, item: str, issued_ms: int, used_ms: int) -> None:
    """Whatever people write, the first time and from the template."""
    incentive = Incentive(
        id="inc_00000000000000000000000007",
        campaign_id="camp_00000000000000000000000001",
        version=1,
        reward="STANDARD",
        customer_id=customer,
        code=code,
        serial=1,
        status=IncentiveStatus.REDEEMED,
        value={"item": item},
        issued_at_ms=issued_ms,
        expires_at_ms=None,
    )
    redemption = Redemption(incentive, used_ms)
    bodies = RedeemedBodies()
    written = [bodies.body(redemption) for _ in range(2)]
    assert written == [msgspec.json.encode(show_redemption(redemption))] * 2
