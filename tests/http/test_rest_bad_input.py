"""Bad input: each gets its 4xx with a pointer, and changes nothing."""

import json
from typing import Any

import msgspec
import pytest
from rest_stage import CAMPAIGN, NOW, REWARD, Json, Town

LONG = "x" * 10_000

pytestmark = pytest.mark.asyncio(loop_scope="module")


def campaign(**changes: object) -> Json:
    """A body that differs from a good one in some fields."""
    return {**CAMPAIGN, **changes}


def reward(**changes: object) -> Json:
    """The same, of its reward."""
    return campaign(rewards=[{**REWARD, **changes}])


def value(**fields: object) -> Json:
    """The same, of its reward's value."""
    return reward(value=fields)


def nested(levels: int) -> Json:
    """Metadata that is deeper than anybody means."""
    deep: Json = {}
    for _ in range(levels):
        deep = {"d": deep}
    return deep


INVALID: list[tuple[Any, str]] = [
    (None, ""),
    ([], ""),
    ("x", ""),
    (7, ""),
    ({}, "/name"),
    (campaign(unknown=1), "/unknown"),
    (campaign(**{"a/b~c": 1}), "/a~1b~0c"),
    (campaign(id="camp_x"), "/id"),
    (campaign(name=None), "/name"),
    (campaign(name=1), "/name"),
    (campaign(name=""), "/name"),
    (campaign(name="   "), "/name"),
    (campaign(name="a\u0000b"), "/name"),
    (campaign(name="a\nb"), "/name"),
    (campaign(name="\u202e"), "/name"),
    (campaign(name=LONG), "/name"),
    (campaign(type="DRAWER"), "/type"),
    (campaign(starts_at=None), "/starts_at"),
    (campaign(starts_at=1), "/starts_at"),
    (campaign(starts_at=""), "/starts_at"),
    (campaign(starts_at="tomorrow"), "/starts_at"),
    (campaign(starts_at="2027-01-15"), "/starts_at"),
    (campaign(starts_at="2027-01-15T08:00:00"), "/starts_at"),
    (campaign(starts_at="2027-02-30T08:00:00Z"), "/starts_at"),
    (campaign(starts_at="0000-01-01T00:00:00Z"), "/starts_at"),
    (campaign(starts_at="0001-01-01T00:00:00+14:00"), "/starts_at"),
    (campaign(starts_at="1969-12-31T23:59:59.999Z"), "/starts_at"),
    (campaign(starts_at="10000-01-01T00:00:00Z"), "/starts_at"),
    (campaign(starts_at="9999-12-31T23:59:59-14:00"), "/starts_at"),
    (campaign(ends_at=NOW), "/ends_at"),
    (campaign(ends_at="2027-01-15T07:00:00Z"), "/ends_at"),
    (campaign(ends_at="9999-12-31T23:59:59-14:00"), "/ends_at"),
    (campaign(starts_at="2027-01-01T00:00:00Z", ends_at=NOW, activate=True), "/ends_at"),
    (campaign(time_zone="Mars/Olympus"), "/time_zone"),
    (campaign(time_zone=""), "/time_zone"),
    (campaign(time_zone="../../etc/passwd"), "/time_zone"),
    (campaign(time_zone=LONG), "/time_zone"),
    (campaign(per_customer_max=0), "/per_customer_max"),
    (campaign(per_customer_max=True), "/per_customer_max"),
    (campaign(on_repeat="IGNORE"), "/on_repeat"),
    (campaign(revoke_keeps_cap=1), "/revoke_keeps_cap"),
    (campaign(activate="yes"), "/activate"),
    (campaign(metadata=[]), "/metadata"),
    (campaign(metadata={"x": "y" * 20_000}), "/metadata"),
    (campaign(metadata={"a": [10**19]}), "/metadata/a/0"),
    (campaign(metadata=nested(32)), "/metadata" + "/d" * 32),
    (campaign(rewards=[]), "/rewards"),
    (campaign(rewards={}), "/rewards"),
    (campaign(rewards=[None]), "/rewards/0"),
    (campaign(rewards=[REWARD] * 101), "/rewards"),
    (campaign(rewards=[REWARD, REWARD]), "/rewards/1/key"),
    (reward(quota=3), "/rewards/0/quota"),
    (reward(weight_ppm=500_000), "/rewards/0/weight_ppm"),
    (reward(weight_ppm=0), "/rewards/0/weight_ppm"),
    (campaign(draws_per={"n": 2}), "/draws_per"),
    (campaign(on_exhausted="REDISTRIBUTE"), "/on_exhausted"),
    (campaign(type="DRAW"), "/rewards/0/weight_ppm"),
    (campaign(type="DRAW", draws_per={"period": "WEEK"}), "/draws_per/period"),
    (reward(key=""), "/rewards/0/key"),
    (reward(key="a b"), "/rewards/0/key"),
    (reward(key=LONG), "/rewards/0/key"),
    (reward(kind="MONEY"), "/rewards/0/kind"),
    (reward(quota_total=0), "/rewards/0/quota_total"),
    (reward(quota_total=-1), "/rewards/0/quota_total"),
    (reward(quota_total=1.0), "/rewards/0/quota_total"),
    (reward(quota_total="3"), "/rewards/0/quota_total"),
    (reward(quota_total=10**12 + 1), "/rewards/0/quota_total"),
    (reward(quota_total=10**30), "/rewards/0/quota_total"),
    (reward(quota_total=10**400), "/rewards/0/quota_total"),
    (reward(quota_daily=0), "/rewards/0/quota_daily"),
    (reward(per_customer_max=-5), "/rewards/0/per_customer_max"),
    (reward(uses_max=0), "/rewards/0/uses_max"),
    (reward(expires_after_s=0), "/rewards/0/expires_after_s"),
    (reward(expires_at=NOW), "/rewards/0/expires_at"),
    (reward(expires_at="2028-01-01T00:00:00Z", expires_after_s=5), "/rewards/0/expires_after_s"),
    (reward(metadata={"n": -(10**20)}), "/rewards/0/metadata/n"),
    (value(), "/rewards/0/value"),
    (value(amount=5), "/rewards/0/value"),
    (value(amount=5, currency="KRW", item="x"), "/rewards/0/value"),
    (value(amount=0, currency="KRW"), "/rewards/0/value/amount"),
    (value(amount=10**18, currency="KRW"), "/rewards/0/value/amount"),
    (value(amount=5, currency="XYZ"), "/rewards/0/value/currency"),
    (value(amount=5, currency="krw"), "/rewards/0/value/currency"),
    (value(basis_points=10_001), "/rewards/0/value/basis_points"),
    (value(item=""), "/rewards/0/value/item"),
    (value(item="a\u0007"), "/rewards/0/value/item"),
    (value(percent=5), "/rewards/0/value/percent"),
    (reward(code={"pattern": "99", "pool_id": "x"}), "/rewards/0/code/pool_id"),
    (reward(code={"pattern": "", "source": "permuted"}), "/rewards/0/code/pattern"),
    (reward(code={"pattern": "9" * 10_000}), "/rewards/0/code/pattern"),
    (reward(code={"pattern": "999", "source": "magic"}), "/rewards/0/code/source"),
    (reward(code={"charset": "AB", "length": -1}), "/rewards/0/code/length"),
    (reward(code={"charset": "AB"}), "/rewards/0/code"),
    (reward(code={"pattern": "9"}, quota_total=11), "/rewards/0/code"),
]


def label(case: object) -> str:
    """A test's name from its case."""
    return str(case)[:80].encode("ascii", "backslashreplace").decode()


@pytest.mark.parametrize(("body", "pointer"), INVALID, ids=label)
async def test_bad_campaigns(still_town: Town, body: object, pointer: str) -> None:
    """422 and a pointer; nothing has changed; the same as an edit."""
    kept = await still_town.acme.campaign(activate=False)
    before = await still_town.acme.state()
    content = json.dumps(body).encode()
    answer = await still_town.acme.http.post("/api/v1/campaigns", content=content)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["pointer"] == pointer
    assert problem["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    if not (isinstance(body, dict) and "activate" in body):
        edited = await still_town.acme.http.put(
            f"/api/v1/campaigns/{kept['id']}", content=content, headers={"if-match": '"1"'}
        )
        assert (edited.status_code, edited.json()["pointer"]) == (422, problem["pointer"])
    assert await still_town.acme.state() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{",
        json.dumps(CAMPAIGN).encode() + b"}",
        b"{'name': 'x'}",
        b"nul",
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": "\\udc00\\ud800"}',
        b'{"name": "a\x01"}',
        b'{"name": NaN}',
        b"\xef\xbb\xbf{}",
        b'{"metadata": {"a": ' + b"[" * 100_000,
    ],
    ids=label,
)
async def test_bodies_that_are_no_json(still_town: Town, content: bytes) -> None:
    """400, and nothing has changed."""
    before = await still_town.acme.state()
    answer = await still_town.acme.http.post("/api/v1/campaigns", content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")
    assert await still_town.acme.state() == before


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""],
)
async def test_bodies_that_are_called_something_else(still_town: Town, content_type: str) -> None:
    """415."""
    headers = {"content-type": content_type}
    answer = await still_town.acme.http.post("/api/v1/campaigns", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_of_ten_megabytes(still_town: Town) -> None:
    """413, whether its length is announced or not."""
    before = await still_town.acme.state()

    async def chunks() -> Any:  # noqa: ANN401 — an asynchronous generator
        for _ in range(160):
            yield b" " * 65_536

    for content in (b" " * 10_485_760, chunks()):
        answer = await still_town.acme.http.post("/api/v1/campaigns", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert await still_town.acme.state() == before


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "a b", "a\tb", "ключ", "a\x7f"], ids=label)
async def test_idempotency_keys_that_are_none(still_town: Town, key: str) -> None:
    """400 on every POST, and nothing has changed."""
    shown = await still_town.acme.campaign()
    before = await still_town.acme.state()
    headers = {b"idempotency-key": key.encode(), b"content-type": b"application/json"}
    for path, body in [
        ("/campaigns", CAMPAIGN),
        ("/keys", {"name": "k", "scopes": ["read"]}),
        ("/test-clock:advance", {"by_s": 1}),
        (f"/campaigns/{shown['id']}:pause", {}),
        (f"/campaigns/{shown['id']}/claims", {"customer_id": "u"}),
    ]:
        answer = await still_town.acme.http.post(
            f"/api/v1{path}", content=msgspec.json.encode(body), headers=headers
        )
        assert answer.status_code == 400, path
    assert await still_town.acme.state() == before


@pytest.mark.parametrize("name", ["idempotency-key", "authorization", "content-type"])
async def test_headers_that_are_there_twice(still_town: Town, name: str) -> None:
    """400: whichever we took, a proxy may have taken the other."""
    good = {
        "idempotency-key": "k",
        "authorization": still_town.acme.http.headers["authorization"],
        "content-type": "application/json",
    }
    pairs = [*good.items(), (name, good[name])]
    before = await still_town.acme.state()
    answer = await still_town.stranger.http.post(
        "/api/v1/campaigns", content=msgspec.json.encode(CAMPAIGN), headers=pairs
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")
    assert await still_town.acme.state() == before


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=" + "9" * 5_000, "limit"),
        ("status=OPEN", "status"),
        ("type=LOTTERY", "type"),
        ("name=" + "x" * 201, "name"),
        ("page=2", "page"),
        ("cursor=zzz", "cursor"),
    ],
    ids=label,
)
async def test_bad_queries(still_town: Town, query: str, pointer: str) -> None:
    """422 that names the parameter, unknown ones included."""
    answer = await still_town.acme.get(f"/campaigns?{query}")
    assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)


@pytest.mark.parametrize("query", ["limit=1&limit=2", "a=1&" * 60, "name=%ff", "name=%ed%a0%80"])
async def test_queries_that_are_not_well_formed(still_town: Town, query: str) -> None:
    """400."""
    answer = await still_town.acme.get(f"/campaigns?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")


@pytest.mark.parametrize(
    "thing", [LONG, "camp_", "camp_%00", "%ff", "é", "..", "%2F", "camp_x:y", "'"]
)
async def test_ids_that_are_none(still_town: Town, thing: str) -> None:
    """404 wherever an id stands, the same as for one that is unknown."""
    for method, path in [
        ("GET", f"/campaigns/{thing}"),
        ("DELETE", f"/campaigns/{thing}"),
        ("POST", f"/campaigns/{thing}:end"),
        ("GET", f"/campaigns/{thing}/incentives"),
        ("GET", f"/incentives/{thing}"),
        ("GET", f"/codes/{thing}"),
        ("DELETE", f"/keys/{thing}"),
    ]:
        answer = await still_town.acme.http.request(method, f"/api/v1{path}")
        assert answer.status_code == 404, (method, path)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "", "scopes": ["read"]}, "/name"),
        ({"name": "a\u0000", "scopes": ["read"]}, "/name"),
        ({"name": "k", "scopes": []}, "/scopes"),
        ({"name": "k", "scopes": ["root"]}, "/scopes/0"),
        ({"name": "k", "scopes": ["operator"]}, "/scopes"),
        ({"name": "k", "scopes": ["read"], "expires_at": NOW}, "/expires_at"),
        ({"name": "k", "scopes": ["read"], "tenant": "ten_x"}, "/tenant"),
    ],
    ids=label,
)
async def test_bad_keys(still_town: Town, body: Json, pointer: str) -> None:
    """422 and a pointer; a tenant cannot make itself an operator."""
    before = await still_town.acme.state()
    answer = await still_town.acme.post("/keys", body)
    assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)
    assert await still_town.acme.state() == before


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"by_s": 1, "by_ms": 1}, ""),
        ({"by_s": -1}, "/by_s"),
        ({"by_s": 10**12}, "/by_s"),
        ({"by_s": 10**30}, "/by_s"),
        ({"by_ms": 1.5}, "/by_ms"),
        ({"by_ms": 10**15}, "/by_ms"),
        ({"to": "2027-01-15T07:59:59.999Z"}, "/to"),
        ({"to": "9999-12-31T23:59:59Z"}, "/to"),
        ({"at": NOW}, "/at"),
    ],
    ids=label,
)
async def test_bad_advances(still_town: Town, body: Json, pointer: str) -> None:
    """422 and a pointer: a clock moves forward, and not out of the calendar."""
    before = await still_town.acme.state()
    answer = await still_town.acme.post("/test-clock:advance", body)
    assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)
    assert await still_town.acme.state() == before
