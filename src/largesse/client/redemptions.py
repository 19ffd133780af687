"""Calls about the use of coupons: a refusal is an outcome, never raised."""

from typing import TypedDict, Unpack

from largesse.client.call import Call, deciding, path_of, post, reading
from largesse.client.model import Redeemed, Refusal, Verdict


class Coupon(TypedDict, total=False):
    """Which coupon is meant: by its `code`, as somebody typed it, or by its `incentive`'s id."""

    code: str
    incentive: str


_REDEEMED = deciding(Redeemed)
_VERDICT = reading(Verdict)
_PATH = path_of("redemptions")


def redeem(
    customer: str, *, key: str | None = None, **coupon: Unpack[Coupon]
) -> Call[Redeemed | Refusal]:
    """Use a customer's coupon, once. The key is one intention's: take the order's number."""
    return post(_PATH, _body(customer, coupon), _REDEEMED, key)


def would_redeem(customer: str, **coupon: Unpack[Coupon]) -> Call[Verdict]:
    """Ask whether a customer's coupon could be used; nothing changes."""
    return post(_PATH + "?dry_run=true", _body(customer, coupon), _VERDICT)


def _body(customer: str, coupon: Coupon) -> dict[str, str]:
    names = {"code": coupon.get("code"), "incentive_id": coupon.get("incentive")}
    given = {name: value for name, value in names.items() if value is not None}
    return {"customer_id": customer} | given
