"""The fast lane and the plain route give the same answers, byte for byte.

Every request here is sent twice: as the lane takes it, and with a `TE` header, which makes the lane
pass. Whatever could differ between the two (customers, keys, ids) is fixed by the request.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from raw_http import RawClient, connected, request
from running import ADMIN_KEY, hosted
from shop import API, Shop, a_reward, new_tenant, rfc3339, shop

from largesse.kernel.clock import FakeClock
from largesse.settings.tree import Cors
from largesse.testing.factories import HOUR_MS, NOW_MS

REDEMPTIONS = "redemptions"

PLAIN = ("TE", "trailers")
"""Makes the lane leave a request to the plain route."""

SHOP = "https://shop.example"
CORS = Cors(origins=(SHOP,))

OF_CONNECTIONS = (b"date:", b"connection:")
"""Headers that belong to the connection rather than to the answer."""

_COUNTED = re.compile(
    r"^largesse_requests_total\{.*(?:claims|draws|redemptions).*\} (\d+)", re.MULTILINE
)


@dataclass(frozen=True)
class Asked:
    """What is asked of which campaign, with which body, and headers in place of the usual ones.

    A header that is None is left out. A redemption names no campaign: its body has a coupon's name
    in `<…>` for its id or its code.
    """

    campaign: str
    body: bytes = b'{"customer_id":"ann"}'
    headers: tuple[tuple[str, str | None], ...] = ()
    route: str = "claims"


@dataclass(frozen=True)
class Heard:
    """An answer, as bytes."""

    status_line: bytes
    headers: tuple[bytes, ...]
    """Sorted: their order means nothing (RFC 9110 §5.3)."""
    body: bytes


@dataclass
class Fair:
    """Campaigns in every state in which a claim can find them, by what is wrong with them."""

    client: RawClient
    campaigns: dict[str, str]
    keys: dict[str, str]
    coupons: dict[str, str]

    async def hear(self, asked: Asked, *more: tuple[str, str]) -> Heard:
        """Send a claim with some more headers."""
        target = f"{API}/{REDEMPTIONS}"
        if asked.route != REDEMPTIONS:
            target = f"{API}/campaigns/{self.campaigns[asked.campaign]}/{asked.route}"
        content = asked.body
        for name, coupon in self.coupons.items():
            content = content.replace(f"<{name}>".encode(), coupon.encode())
        headers: dict[str, str | None] = {
            "X-Request-Id": "req_of_the_test",
            "Authorization": f"Bearer {ADMIN_KEY}",
            "Content-Type": "application/json",
            "Idempotency-Key": "a-key",
            **dict(asked.headers),
        }
        said = [(name, value) for name, value in headers.items() if value is not None]
        said = [(name, self.keys.get(value, value)) for name, value in said]
        await self.client.send(request("POST", target, [*said, *more], content))
        head = await self.client.reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head.split(b"\r\n")[:-2]
        length = int(next(line[15:] for line in lines if line.startswith(b"content-length:")))
        body = await self.client.reader.readexactly(length)
        kept = sorted(line for line in lines if not line.startswith(OF_CONNECTIONS))
        return Heard(status_line, tuple(kept), body)

    async def plain_requests(self) -> int:
        """How many claims, draws and redemptions did not come by the lane."""
        answer = await self.client.ask(request("GET", "/metrics"))
        return sum(int(count) for count in _COUNTED.findall(answer.body.decode()))


@asynccontextmanager
async def fair(folder: Path) -> AsyncIterator[Fair]:
    """A whole application whose clock stands still."""
    clock = FakeClock(NOW_MS)
    async with hosted(folder, clock, CORS) as port, shop(port) as tenant, connected(port) as client:
        found = await campaigns(tenant, port)
        at = Fair(client, found, await keys(tenant), await coupons(tenant, found))
        clock.advance(1)
        yield at


async def keys(tenant: Shop) -> dict[str, str]:
    """API keys by what is wrong with them, as the header has them."""
    wanted = {
        "READER": {"name": "reader", "scopes": ["read"]},
        "TILL": {"name": "till", "scopes": ["redeem"]},
        "EXPIRED": {"name": "brief", "scopes": ["issue"], "expires_at": rfc3339(NOW_MS + 1)},
    }
    made = {name: await tenant.ask("POST", "/keys", key) for name, key in wanted.items()}
    secrets = {name: answer.json()["key"] for name, answer in made.items()}
    for name in ("ann", "bob"):
        answer = await tenant.ask("POST", f"/customers/{name}:token", {})
        secrets[f"TOKEN OF {name}"] = answer.json()["token"]
    return {name: f"Bearer {secret}" for name, secret in secrets.items()}


async def coupons(tenant: Shop, found: dict[str, str]) -> dict[str, str]:
    """What ann holds, by what has become of it; what was used, was by the usual key."""
    won = await tenant.claimed(found["open"], "ann", "a-key")
    used = won.json()["incentive"]
    revoked = (await tenant.claimed(found["open"], "ann", "revoked")).json()["incentive"]["id"]
    given = await tenant.campaign(rewards=[{"key": "P", "kind": "POINTS", "value": {"amount": 1}}])
    points = (await tenant.claimed(given, "ann", "points")).json()["incentive"]["id"]
    said = {"customer_id": "ann", "incentive_id": used["id"]}
    answer = await tenant.ask("POST", f"/{REDEMPTIONS}", said, Idempotency_Key="a-key")
    assert answer.status == 200
    await tenant.revoke(revoked)
    return {"used": used["id"], "code": used["code"], "revoked": revoked, "points": points}


async def campaigns(tenant: Shop, port: int) -> dict[str, str]:
    """Campaigns by the state they are in; where somebody holds something, it is ann."""
    one = [a_reward(quota_total=1)]
    two = [a_reward(key="A"), a_reward(key="B")]
    found = {
        "open": await tenant.campaign(),
        "sold out": await tenant.campaign(rewards=one),
        "sold out today": await tenant.campaign(rewards=[a_reward(quota_daily=1)]),
        "capped": await tenant.campaign(per_customer_max=1),
        "returning": await tenant.campaign(per_customer_max=1, on_repeat="RETURN"),
        "exhausted": await tenant.campaign(
            rewards=[a_reward(quota_total=1, code={"pattern": "X"})]
        ),
        "two rewards": await tenant.campaign(rewards=two),
        "paused": await tenant.campaign(),
        "ended": await tenant.campaign(),
        "scheduled": await tenant.campaign(starts_at=rfc3339(NOW_MS + HOUR_MS + 1)),
        "wheel": await tenant.campaign(type="DRAW", rewards=[a_reward(weight_ppm=1_000_000)]),
        "losing wheel": await tenant.campaign(type="DRAW", rewards=[a_reward(weight_ppm=0)]),
        "sold out wheel": await tenant.campaign(
            type="DRAW", rewards=[a_reward(weight_ppm=1_000_000, quota_total=1)]
        ),
        "ended wheel": await tenant.campaign(type="DRAW", rewards=[a_reward(weight_ppm=0)]),
        "wheel for the known": await tenant.campaign(
            type="DRAW",
            rewards=[a_reward(weight_ppm=0)],
            customers="REGISTERED",
            requires=["phone"],
        ),
    }
    for name in ("sold out", "sold out today", "capped", "returning", "exhausted"):
        won = await tenant.claimed(found[name], "ann", "first")
        if name == "exhausted":
            await tenant.revoke(won.json()["incentive"]["id"])
    assert (await tenant.claimed(found["two rewards"], "ann", "a-key", "A")).status == 201
    assert (await tenant.claimed(found["open"], "ann", "a-key")).status == 201
    turns = [("sold out wheel", "bob"), *((name, "ann") for name in found if "wheel" in name)]
    for name, customer in turns:
        path, wish = f"/campaigns/{found[name]}/draws", {"customer_id": customer}
        drawn = await tenant.ask("POST", path, wish, Idempotency_Key="a-key")
        assert drawn.status == (404 if name == "wheel for the known" else 201)
    await tenant.ask("POST", "/customers", {"customer_id": "cy"})
    await tenant.verb(found["paused"], "pause")
    await tenant.verb(found["ended wheel"], "end")
    await tenant.verb(found["ended"], "end")
    async with shop(port, api_key=await new_tenant(port)) as other:
        found["foreign"] = await other.campaign()
        found["foreign wheel"] = await other.campaign(
            type="DRAW", rewards=[a_reward(weight_ppm=1_000_000)]
        )
    return found


def body(text: str) -> bytes:
    """A body, in UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def items(*texts: str) -> bytes:
    """A batch of claims."""
    return body('{"claims":[' + ",".join(texts) + "]}")


BY_STATE = [
    ("open", 201),
    ("sold out", 409),
    ("sold out today", 409),
    ("capped", 409),
    ("returning", 200),
    ("exhausted", 409),
    ("two rewards", 422),
    ("paused", 409),
    ("ended", 410),
    ("scheduled", 409),
    ("foreign", 404),
]

BY_BODY = [
    (b"", 400),
    (b"{", 400),
    (b"null", 422),
    (b"[]", 422),
    (b'"ann"', 422),
    (b"{}", 422),
    (b"NaN", 400),
    (b'\xef\xbb\xbf{"customer_id":"ann"}', 400),
    (b'{"customer_id":"ann"} x', 400),
    (b'{"customer_id":"\xff"}', 400),
    (b'{"customer_id":null}', 422),
    (b'{"customer_id":5}', 422),
    (b'{"customer_id":""}', 422),
    (b'{"customer_id":"ann","colour":"red"}', 422),
    (b'{"customer_id":"ann","reward":"NO_SUCH"}', 422),
    (b'{"customer_id":"ann","reward":7}', 422),
    (b'{"customer_id":"a\\u0000b"}', 422),
    (b'{"customer_id":"\\ud800"}', 400),
    (body('{"customer_id":"' + "x" * 256 + '"}'), 422),
    (body('{"customer_id":"' + "가" * 255 + '"}'), 422),
    (body('{"customer_id":"' + "x" * 10_000 + '"}'), 422),
    (b"[" * 10_000, 422),
]

BY_HEADER: list[tuple[tuple[str, str | None], int]] = [
    (("Authorization", None), 401),
    (("Authorization", "Bearer lgs_no_such_key"), 401),
    (("Authorization", "Basic abc"), 401),
    (("Authorization", "EXPIRED"), 401),
    (("Authorization", "READER"), 403),
    (("Idempotency-Key", None), 400),
    (("Idempotency-Key", ""), 400),
    (("Idempotency-Key", "two words"), 400),
    (("Idempotency-Key", "x" * 256), 400),
    (("Content-Type", "text/plain"), 415),
    (("Content-Type", "application/json; charset=latin-1"), 415),
    (("Content-Type", "application/json; charset=UTF-8"), 201),
    (("Content-Type", None), 201),
    (("X-Request-Id", "another/id:7"), 201),
    (("Authorization", "TOKEN OF ann"), 201),
    (("Authorization", "TOKEN OF bob"), 403),
    (("Origin", SHOP), 201),
    (("Origin", "https://elsewhere.example"), 201),
    (("Origin", "null"), 201),
]

BY_DRAW = [
    (Asked("wheel"), 201),
    (Asked("losing wheel"), 201),
    (Asked("sold out wheel"), 201),
    (Asked("wheel", headers=(("Idempotency-Key", "another"),)), 409),
    (Asked("losing wheel", headers=(("Idempotency-Key", "another"),)), 409),
    (Asked("wheel", b'{"customer_id":"ann","client_seed":"mine"}'), 422),
    (Asked("wheel", b'{"customer_id":"ann","client_seed":""}'), 422),
    (Asked("wheel", b"{}"), 422),
    (Asked("wheel", b"{}", (("Authorization", "TOKEN OF ann"),)), 201),
    (Asked("wheel", headers=(("Authorization", "TOKEN OF ann"),)), 201),
    (Asked("wheel", headers=(("Authorization", "TOKEN OF bob"),)), 403),
    (Asked("wheel", headers=(("Authorization", "READER"),)), 403),
    (Asked("wheel", headers=(("Idempotency-Key", None),)), 400),
    (Asked("wheel", headers=(("Origin", SHOP),)), 201),
    (Asked("wheel for the known"), 404),
    (Asked("wheel for the known", b'{"customer_id":"cy"}'), 422),
    (Asked("ended wheel"), 201),
    (Asked("ended wheel", headers=(("Idempotency-Key", "another"),)), 410),
    (Asked("foreign wheel"), 404),
]
"""Draws, each of which changes nothing either."""

USED = b'{"customer_id":"ann","incentive_id":"<used>"}'
ANOTHER = (("Idempotency-Key", "another"),)

BY_REDEMPTION = [
    (Asked("", USED), 200),
    (Asked("", b'{"customer_id":"ann","code":"<code>"}'), 200),
    (Asked("", b'{"customer_id":"ann","code":"-<code>."}'), 200),
    (Asked("", USED, ANOTHER), 409),
    (Asked("", b'{"customer_id":"bob","incentive_id":"<used>"}'), 422),
    (Asked("", b'{"customer_id":"bob","incentive_id":"<used>"}', ANOTHER), 404),
    (Asked("", b'{"customer_id":"ann","incentive_id":"<revoked>"}', ANOTHER), 410),
    (Asked("", b'{"customer_id":"ann","incentive_id":"<revoked>"}'), 422),
    (Asked("", b'{"customer_id":"ann","incentive_id":"<points>"}', ANOTHER), 422),
    (Asked("", b'{"customer_id":"ann","incentive_id":"inc_x"}'), 404),
    (Asked("", b'{"customer_id":"ann","code":"NEVERGIVEN22"}'), 404),
    (Asked("", b'{"customer_id":"ann","code":"x\\u0000"}'), 404),
    *((Asked("", content), status) for content, status in BY_BODY),
    (Asked("", b'{"customer_id":"ann","code":7}'), 422),
    (Asked("", b'{"customer_id":"ann","code":"A","incentive_id":"inc_x"}'), 422),
    (Asked("", b'{"customer_id":"ann","code":"A","order":"7"}'), 422),
    *(
        (Asked("", USED, (header,)), 200 if code == 201 else code)
        for header, code in BY_HEADER[:-5]
    ),
    (Asked("", USED, (("Authorization", "TILL"),)), 200),
    (Asked("", USED, (("Authorization", "TOKEN OF ann"),)), 403),
    (Asked("", USED, (("Origin", SHOP),)), 200),
]
"""Redemptions, each of which changes nothing either."""

BY_BATCH = [
    (items('{"customer_id":"ann","key":"a-key"}'), 200),
    (items('{"customer_id":"ann","key":"a-key"}', '{"customer_id":"ann","key":"a-key"}'), 200),
    (items('{"customer_id":"ann"}'), 422),
    (items('{"customer_id":"ann","key":""}'), 422),
    (items('{"customer_id":"ann","key":"a b"}'), 422),
    (items('{"customer_id":"","key":"a"}'), 422),
    (items('{"customer_id":"ann","key":"a","reward":"NO_SUCH"}'), 422),
    (items(), 422),
    (items(*['{"customer_id":"ann","key":"a-key"}'] * 1_001), 422),
    (b'{"claims":5}', 422),
    (b"", 400),
]

CASES = [
    *((Asked(state), status) for state, status in BY_STATE),
    *((Asked("open", content), status) for content, status in BY_BODY),
    *((Asked("open", headers=(header,)), status) for header, status in BY_HEADER),
    *((Asked("open", content, route="claims:batch"), status) for content, status in BY_BATCH),
    *((replace(asked, route="draws"), status) for asked, status in BY_DRAW),
    *((replace(asked, route=REDEMPTIONS), status) for asked, status in BY_REDEMPTION),
    (Asked("open", b"{}", (("Authorization", "TOKEN OF ann"),)), 201),
    (Asked("open", headers=(("Origin", SHOP), ("Cookie", "a=b"))), 201),
    (Asked("paused", headers=(("Origin", SHOP),)), 409),
    *(
        (Asked(state, items('{"customer_id":"bob","key":"b"}'), route="claims:batch"), 200)
        for state in ("sold out", "sold out today", "exhausted", "paused", "ended", "scheduled")
    ),
    (Asked("two rewards", b'{"customer_id":"ann","reward":"A"}'), 201),
    (Asked("two rewards", b'{"customer_id":"ann","reward":"B"}'), 422),
]
"""Claims whose answers change nothing: refusals, and replays of what ann holds already."""


async def test_both_ways_answer_the_same(tmp_path: Path) -> None:
    """Status, headers but the date, and body, for every refusal and every replay."""
    async with fair(tmp_path) as at:
        before = await at.plain_requests()
        for asked, status in CASES:
            hot = await at.hear(asked)
            plain = await at.hear(asked, PLAIN)
            assert hot == plain, asked
            assert hot.status_line.startswith(b"HTTP/1.1 %d " % status), (asked, hot)
            again = await at.hear(asked)
            assert again == hot, asked
        assert await at.plain_requests() == before + len(CASES)


async def test_a_page_of_another_origin_reads_an_answer_of_the_lane(tmp_path: Path) -> None:
    """Only one that the settings name; a browser keeps the answer from any other."""
    allowed = b"access-control-allow-origin: " + SHOP.encode()
    async with fair(tmp_path) as at:
        own = await at.hear(Asked("open", headers=(("Origin", SHOP),)))
        other = await at.hear(Asked("open", headers=(("Origin", SHOP + ".evil.example"),)))
        silent = await at.hear(Asked("open"))
    assert {allowed, b"vary: Origin"} <= set(own.headers)
    assert allowed not in other.headers
    assert not any(line.startswith(b"access-control") for line in silent.headers)


@pytest.mark.parametrize("first", ["lane", "plain"])
async def test_a_replay_is_the_same_on_the_other_way(tmp_path: Path, first: str) -> None:
    """Whichever way issued it, the other replays it with the same bytes, and says so."""
    ways = {"lane": (), "plain": (PLAIN,)}
    asked = Asked("open", b'{"customer_id":"bob"}', headers=(("Idempotency-Key", "b"),))
    async with fair(tmp_path) as at:
        issued = await at.hear(asked, *ways.pop(first))
        [other] = ways.values()
        replayed = await at.hear(asked, *other)
    assert issued.status_line == replayed.status_line == b"HTTP/1.1 201 Created"
    assert issued.body == replayed.body
    assert set(replayed.headers) - set(issued.headers) == {b"idempotency-replayed: true"}


async def test_a_difference_is_seen(tmp_path: Path) -> None:
    """One byte of the body or one header is enough for the comparison to fail."""
    async with fair(tmp_path) as at:
        refused = await at.hear(Asked("sold out"))
        assert refused != await at.hear(Asked("sold out", headers=(("X-Request-Id", "r"),)), PLAIN)
        assert refused != await at.hear(Asked("paused"), PLAIN)
