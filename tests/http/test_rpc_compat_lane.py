"""`IssueCoupon` of the older service on the fast lane answers as the library does.

Every call here is sent twice: as the lane takes it, and with a `TE` header, which makes it pass.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from raw_http import RawClient, Response, connected, request
from rest_stage import NOW, Town, opened_town
from rpc_stage import BINARY, JSON, meant, sale, was_hot

from largesse.cli.listening import bind
from largesse.http.rpc.generated.couponpb import coupons_pb as pb
from largesse.http.server import make_companion

OLDER = "/couponpb.CouponService"
LATER = "2027-01-15T08:00:01Z"
STOP_S_MAX = 20


@dataclass
class Counter:
    """A client of the older service, and the numbers of campaigns in every state."""

    town: Town
    client: RawClient
    numbers: dict[str, str]

    async def ask(self, body: bytes, kind: str = JSON, **more: str) -> Response:
        """Issue, on the lane unless `more` says something that it does not know."""
        headers = {"content-type": kind, "x-request-id": "req_of_the_test"}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        return await self.client.ask(
            request("POST", f"{OLDER}/IssueCoupon", list(headers.items()), body)
        )

    async def refused(self, body: bytes, kind: str = JSON, **more: str) -> Response:
        """The one refusal of both ways; the lane's."""
        hot = await self.ask(body, kind, **more)
        plain = await self.ask(body, kind, te="trailers", **more)
        assert hot.status != 200
        assert meant(hot) == meant(plain)
        return hot

    async def make(self, total: int, starts_at: str = NOW) -> str:
        """The number of a new campaign, made as such clients make it."""
        said = {"name": "Launch", "startTime": starts_at, "totalCoupons": total}
        body, headers = json.dumps(said).encode(), [("content-type", JSON)]
        made = await self.client.ask(request("POST", f"{OLDER}/CreateCampaign", headers, body))
        number: str = made.json()["campaignId"]
        return number


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    """The listener on a socket."""
    named = {"rpc.compat_port": 0, "rpc.compat_tenant": "default"}
    async with opened_town(tmp_path, **named) as town:
        assert town.application.older is not None
        with closing(bind("127.0.0.1", 0)) as listener:
            older = town.application.older
            server = make_companion(older.asgi, older.desk, older.watch, listener, STOP_S_MAX)
            serving = asyncio.create_task(server.serve())
            async with connected(listener.getsockname()[1]) as client:
                opened = Counter(town, client, {})
                opened.numbers = {
                    "open": await opened.make(100),
                    "sold out": await opened.make(1),
                    "later": await opened.make(1, LATER),
                    "foreign": await sale(town.acme),
                }
                await opened.ask(wish(opened.numbers["sold out"]))
                yield opened
            server.stop()
            await serving


def wish(number: str) -> bytes:
    """A call as JSON, in the spelling that libraries write."""
    return json.dumps({"campaignId": number}).encode()


def binary(number: str) -> bytes:
    """The same as bytes."""
    return pb.IssueCouponRequest(campaign_id=int(number)).to_binary()


@pytest.mark.parametrize("kind", [JSON, BINARY])
async def test_C11_what_the_lane_answers_by_itself(counter: Counter, kind: str) -> None:
    """A coupon for somebody new each time, and the refusals of a sale, as the library says them."""
    said = wish if kind == JSON else binary
    number = counter.numbers["open"]
    hot = await counter.ask(said(number), kind)
    plain = await counter.ask(said(number), kind, te="trailers")
    assert (was_hot(hot), was_hot(plain)) == (True, False)
    codes = [
        answer.json()["couponCode"]
        if kind == JSON
        else pb.IssueCouponResponse.from_binary(answer.body).coupon_code
        for answer in (hot, plain)
    ]
    assert len(set(codes)) == len([code for code in codes if code]) == 2
    assert set(hot.json() if kind == JSON else ["couponCode"]) == {"couponCode"}
    for state, message in (
        ("sold out", "no more coupons available"),
        ("later", "coupon issuance not started yet"),
    ):
        answer = await counter.refused(said(counter.numbers[state]), kind)
        assert was_hot(answer)
        assert (answer.status, answer.json()) == (500, {"code": "unknown", "message": message})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"campaignId":"x"}',
        b'{"campaignId":-1}',
        b'{"campaignId":"9999"}',
        b"{}",
    ],
)
async def test_irregular(counter: Counter, body: bytes) -> None:
    """Whatever the library makes of it."""
    await counter.refused(body)
    await counter.refused(wish(counter.numbers["foreign"]))
    await counter.refused(b"\x08\xff", BINARY)


async def test_fields_that_the_older_service_did_not_have_are_ignored(counter: Counter) -> None:
    """A customer and a key say nothing here: each call is somebody new, on either way."""
    body = {"campaign_id": int(counter.numbers["open"]), "customerId": "u-1", "idempotencyKey": "k"}
    answers = [await counter.ask(json.dumps(body).encode()) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].json() != answers[1].json()
    stated = await counter.ask(wish(counter.numbers["open"]), connect_timeout_ms="60000")
    assert was_hot(stated)
