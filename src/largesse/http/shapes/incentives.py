"""An incentive as the API shows it."""

from typing import Any

from msgspec import Struct

from largesse.http.times import ShownMoment, rfc3339, rfc3339_or_none
from largesse.issuance.model import Incentive


class IncentiveView(Struct, frozen=True):
    """One unit of a reward, given to one customer."""

    id: str
    campaign_id: str
    reward: str
    customer_id: str
    code: str | None
    serial: int
    status: str
    value: dict[str, Any]
    issued_at: ShownMoment
    expires_at: ShownMoment | None


def show(incentive: Incentive) -> IncentiveView:
    """The view of an incentive."""
    return IncentiveView(
        incentive.id,
        incentive.campaign_id,
        incentive.reward,
        incentive.customer_id,
        incentive.code,
        incentive.serial,
        incentive.status,
        incentive.value,
        rfc3339(incentive.issued_at_ms),
        rfc3339_or_none(incentive.expires_at_ms),
    )
