"""`IssueCoupon` on the fast lane answers as the library does on the long way.

Every call here is sent twice: as the lane takes it, and with a `TE` header, which makes it pass.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from raw_http import RawClient, Response, connected, request
from rpc_stage import BINARY, JSON, SERVICE, meant, was_hot
from running import ADMIN_KEY, hosted
from shop import a_reward, new_tenant, rfc3339, shop

from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb
from largesse.kernel.clock import FakeClock
from largesse.testing.factories import HOUR_MS, NOW_MS

pytestmark = pytest.mark.asyncio(loop_scope="module")

ISSUE = f"{SERVICE}/IssueCoupon"
OPEN, SOLD_OUT, SCHEDULED, CAPPED, DRAFT, FOREIGN, SEVERAL = range(1, 8)
"""Numbers of the campaigns, in the order of their making."""


class Ground(NamedTuple):
    """A server with campaigns in every state."""

    port: int
    keys: dict[str, str]


@dataclass
class Fair:
    """A connection to such a server."""

    client: RawClient
    keys: dict[str, str]

    async def ask(self, body: bytes, **headers: str | None) -> Response:
        """Call; a header that is None is left out."""
        said: dict[str, str | None] = {
            "authorization": f"Bearer {ADMIN_KEY}",
            "content-type": JSON,
            "x-request-id": "req_of_the_test",
        }
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        pairs = [(name, value) for name, value in said.items() if value is not None]
        return await self.client.ask(request("POST", ISSUE, pairs, body))

    async def both(self, body: bytes, **headers: str | None) -> Response:
        """The one answer of both ways; the lane's."""
        hot = await self.ask(body, **headers)
        plain = await self.ask(body, te="trailers", **headers)
        assert meant(hot) == meant(plain)
        return hot


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """The whole application on a socket, for all tests of this module."""
    async with hosted(tmp_path_factory.mktemp("fair"), FakeClock(NOW_MS)) as port:
        other = await new_tenant(port)
        async with shop(port) as acme, shop(port, api_key=other) as rival:
            made: list[dict[str, Any]] = [
                {"rewards": [a_reward(quota_total=100)]},
                {"rewards": [a_reward(quota_total=1)]},
                {"starts_at": rfc3339(NOW_MS + HOUR_MS)},
                {"per_customer_max": 1},
                {"activate": False},
            ]
            for changes in made:
                await acme.campaign(**changes)
            await rival.campaign()
            await acme.campaign(rewards=[a_reward(), a_reward(key="OTHER")])
            key = await acme.ask("POST", "/keys", {"name": "reader", "scopes": ["read"]})
        opened = Ground(port, {"reader": key.json()["key"]})
        async with connected(port) as client:
            for number in (OPEN, SOLD_OUT, CAPPED):
                given = await Fair(client, opened.keys).ask(wish(number))
                assert given.status == 200, given.body
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def fair(ground: Ground) -> AsyncIterator[Fair]:
    """A connection of the test's own."""
    async with connected(ground.port) as client:
        yield Fair(client, ground.keys)


def wish(number: int, customer: str = "ann", key: str = "k", reward: str = "") -> bytes:
    """A call as JSON, in the spelling that libraries write."""
    said = {"campaignId": str(number), "customerId": customer, "idempotencyKey": key}
    return json.dumps(said | ({"reward": reward} if reward else {})).encode()


def binary(number: int, customer: str = "ann", key: str = "k", reward: str = "") -> bytes:
    """The same as bytes."""
    return pb.IssueCouponRequest(
        campaign_id=number, customer_id=customer, idempotency_key=key, reward=reward
    ).to_binary()


@pytest.mark.parametrize("kind", [JSON, BINARY])
async def test_what_the_lane_answers_by_itself(fair: Fair, kind: str) -> None:
    """A coupon, a replay, and the refusals of a sale."""
    said = wish if kind == JSON else binary
    first = await fair.ask(said(OPEN, kind), content_type=kind)
    assert was_hot(first)
    again = await fair.both(said(OPEN, kind), content_type=kind)
    if kind == JSON:
        assert again.json() == {**first.json(), "replayed": True}
    else:
        one, two = (pb.IssueCouponResponse.from_binary(answer.body) for answer in (first, again))
        assert (one.coupon_code, one.incentive_id) == (two.coupon_code, two.incentive_id)
        assert (one.replayed, two.replayed) == (False, True)
    for body, code in (
        (said(SOLD_OUT, "bob"), "resource_exhausted"),
        (said(SCHEDULED), "failed_precondition"),
        (said(CAPPED, "ann", "other"), "already_exists"),
    ):
        answer = await fair.both(body, content_type=kind)
        assert was_hot(answer)
        assert answer.json()["code"] == code


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"{}", b"\xff", b'{"campaignId":null}',
        b'{"campaignId":"1","customerId":"ann","idempotencyKey":"k","unknown":[{}]}',
        b'{"campaign_id":1,"customer_id":"ann","idempotency_key":"k"}',
        b'{"campaignId":1,"campaign_id":2,"customerId":"ann","idempotencyKey":"k"}',
        b'{"campaignId":1.0,"customerId":"ann","idempotencyKey":"k"}',
        b'{"campaignId":1.5}', b'{"campaignId":"1e0","customerId":"ann","idempotencyKey":"k"}',
        b'{"campaignId":-1}', b'{"campaignId":99999999999999999999}', b'{"campaignId":true}',
        b'{"campaignId":"9223372036854775807"}', b'{"campaignId":" 1"}', b'{"campaignId":"x"}',
        b'{"campaignId":"1","customerId":7}', b'{"campaignId":"1","customerId":"\\ud800"}',
        b"[" * 100_000,
        wish(DRAFT), wish(FOREIGN), wish(99), wish(SEVERAL), wish(SEVERAL, reward="GOLD"),
        wish(OPEN, "a\x01"), wish(OPEN, "x" * 256), wish(OPEN, "ann", "two words"),
        wish(OPEN, "ann", "x" * 256),
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)  # fmt: skip
async def test_irregular_json(fair: Fair, body: bytes) -> None:
    """Whatever the library makes of it."""
    await fair.both(body)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x08", b"\x08\xff", b"\x08" + b"\xff" * 10, b"\x08" + b"\xff" * 9 + b"\x01",
        b"\x12\x05an", b"\x12\x02\xff\xfe", b"\x00", b"\x07\x00", b"\x0d\x00\x00\x00\x00",
        binary(OPEN) + binary(OPEN), binary(OPEN) + b"\x98\x06\x01",
        b"\x12\x03bob\x08\x01\x1a\x01k",
        binary(DRAFT), binary(FOREIGN), binary(99), binary(SEVERAL, reward="OTHER", key="r"),
        binary(OPEN, "a\x7f"), binary(OPEN, "민" * 86),
    ],
    ids=lambda body: body[:20].hex(),
)  # fmt: skip
async def test_irregular_binary(fair: Fair, body: bytes) -> None:
    """Whatever the library makes of it. What it takes is repeated under its key."""
    await fair.ask(body, content_type=BINARY)
    await fair.both(body, content_type=BINARY)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": "Application/JSON"},
        {"content_type": "text/plain"},
        {"content_type": None},
        {"content_type": BINARY},
        {"connect_protocol_version": "1"},
        {"connect_protocol_version": "2"},
        {"connect_timeout_ms": "60000"},
        {"connect_timeout_ms": "0"},
        {"connect_timeout_ms": "soon"},
        {"connect_timeout_ms": "99999999999"},
        {"authorization": None},
        {"authorization": "Bearer lgs_unknown"},
        {"authorization": "Basic YQ=="},
    ],
    ids=str,
)
async def test_heads(fair: Fair, headers: dict[str, str | None]) -> None:
    """Content types, versions, deadlines, keys."""
    await fair.both(wish(OPEN), **headers)


async def test_a_key_that_may_not_issue(fair: Fair) -> None:
    """It is told which scope would do."""
    answer = await fair.both(wish(OPEN), authorization=f"Bearer {fair.keys['reader']}")
    assert answer.json()["code"] == "permission_denied"


async def test_the_order_of_a_connection_is_kept(fair: Fair) -> None:
    """Hot, irregular and plain calls in a row: the answers come in the order of the calls."""
    headers = [("authorization", f"Bearer {ADMIN_KEY}"), ("content-type", JSON)]
    bodies = [wish(OPEN, f"c{n}", f"k{n}") if n % 3 else b'{"campaignId":"99"}' for n in range(60)]
    plain = [("te", "trailers")]
    sent = b"".join(
        request("POST", ISSUE, [*headers, *(plain if n % 5 == 0 else [])], body)
        for n, body in enumerate(bodies)
    )
    await fair.client.send(sent)
    statuses = [(await fair.client.read()).status for _ in bodies]
    assert statuses == [200 if n % 3 else 404 for n in range(60)]
