"""Conformance of claims over RPC: exact counts, through Connect as programs call it."""

import asyncio
import json

import pytest
from raw_http import request
from shop import Shop

from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb

ISSUE = "/largesse.v1.CouponService/IssueCoupon"


def call(tenant: Shop, number: int, content_type: str) -> bytes:
    """A wish of somebody new."""
    headers = [("Authorization", f"Bearer {tenant.api_key}"), ("Content-Type", content_type)]
    if content_type == "application/json":
        body = json.dumps({"campaignId": str(number)}).encode()
    else:
        body = pb.IssueCouponRequest(campaign_id=number).to_binary()
    return request("POST", ISSUE, headers, body)


@pytest.mark.slow
@pytest.mark.parametrize("content_type", ["application/json", "application/proto"])
async def test_C03_ten_thousand_calls(acme: Shop, content_type: str) -> None:
    """10,000 calls on 20,000: all issued; codes returned = codes listed; left 10,000."""
    sale = await acme.sale(20_000)
    number = (await acme.ask("GET", f"/campaigns/{sale}")).json()["number"]

    wish = call(acme, number, content_type)
    ended = await asyncio.gather(*(acme._visitors.send(wish) for _ in range(10_000)))

    codes = set()
    for answer in ended:
        assert answer is not None
        assert answer.status == 200, answer.body
        if content_type == "application/json":
            codes.add(answer.json()["couponCode"])
        else:
            codes.add(pb.IssueCouponResponse.from_binary(answer.body).coupon_code)
    assert len(codes) == 10_000
    assert {one["code"] for one in await acme.incentives(sale)} == codes
    assert (await acme.stock(sale))["left"] == 10_000
