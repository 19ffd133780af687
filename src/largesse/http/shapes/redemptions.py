"""Redemptions over HTTP."""

from typing import Annotated

from msgspec import Meta, Struct

from largesse.http.shapes.customers import CustomerId
from largesse.http.shapes.incentives import IncentiveView, show
from largesse.http.times import ShownMoment, rfc3339
from largesse.kernel.outcome import Outcome
from largesse.redemption.model import Redemption


class RedemptionBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A coupon to be used, by its code or else by its incentive's id, and whose it is."""

    customer_id: CustomerId
    code: Annotated[
        str | None,
        Meta(description="As somebody typed it: case, spaces, dashes and dots do not matter."),
    ] = None
    incentive_id: Annotated[str | None, Meta(description="`inc_…`")] = None


class RedemptionView(Struct, frozen=True):
    """The coupon is used, since `redeemed_at`."""

    outcome: str
    incentive: IncentiveView
    redeemed_at: ShownMoment


def show_redemption(redemption: Redemption) -> RedemptionView:
    """The view of a use."""
    at = rfc3339(redemption.redeemed_at_ms)
    return RedemptionView(Outcome.REDEEMED, show(redemption.incentive), at)
