"""Calls without a server: what would be sent, and how an answer is read."""

import json
from typing import Any

import pytest

from largesse.client import audit, campaigns, claims, incentives, keys, tenants, test_clock
from largesse.client.address import address_of
from largesse.client.call import Answer, Call, onward, path_of
from largesse.client.connection import Encoder
from largesse.client.errors import MisuseError, RefusedError, StrangeAnswerError
from largesse.client.model import (
    CampaignDefinition,
    Claimed,
    CodeFormat,
    Page,
    Refusal,
    RewardDefinition,
    Wish,
)

INCENTIVE = {
    "id": "inc_1",
    "campaign_id": "camp_1",
    "reward": "A",
    "customer_id": "mina",
    "code": "SPRING-1",
    "serial": 1,
    "status": "ISSUED",
    "value": {"amount": 500, "currency": "KRW"},
    "issued_at": "2026-12-01T00:00:00.000Z",
    "expires_at": None,
}
SOLD_OUT = {
    "type": "/problems/sold-out",
    "title": "Sold out",
    "status": 409,
    "detail": "All units have been issued.",
    "code": "SOLD_OUT",
    "transient": False,
    "request_id": "req_1",
}


def answer(status: int, body: object, **headers: str) -> Answer:
    """An answer in JSON."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, told, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("call", "line", "body"),
    [
        (
            tenants.create("Acme"),
            "POST tenants",
            {"name": "Acme", "time_zone": "UTC", "test_mode": False},
        ),
        (tenants.show("ten_1"), "GET tenants/ten_1", None),
        (
            keys.create("till", ["issue"]),
            "POST keys",
            {"name": "till", "scopes": ["issue"], "expires_at": None},
        ),
        (keys.list_all(limit=5, cursor="a+b"), "GET keys?limit=5&cursor=a%2Bb", None),
        (keys.revoke("key_1"), "DELETE keys/key_1", None),
        (
            campaigns.create({"name": "x"}, activate=True),
            "POST campaigns",
            {"name": "x", "activate": True},
        ),
        (campaigns.try_out({"name": "x"}), "POST campaigns?dry_run=true", {"name": "x"}),
        (
            campaigns.list_all(status="ACTIVE", name="가"),
            "GET campaigns?status=ACTIVE&name=%EA%B0%80",
            None,
        ),
        (campaigns.show("camp_1"), "GET campaigns/camp_1", None),
        (campaigns.show_version("camp_1", 2), "GET campaigns/camp_1/versions/2", None),
        (campaigns.edit("camp_1", {"name": "y"}, version=3), "PUT campaigns/camp_1", {"name": "y"}),
        (campaigns.activate("camp_1"), "POST campaigns/camp_1:activate", None),
        (campaigns.pause("camp_1"), "POST campaigns/camp_1:pause", None),
        (campaigns.end("camp_1"), "POST campaigns/camp_1:end", None),
        (campaigns.delete("camp_1"), "DELETE campaigns/camp_1", None),
        (claims.claim("camp_1", "mina"), "POST campaigns/camp_1/claims", {"customer_id": "mina"}),
        (
            claims.claim("camp_1", "mina", reward="A"),
            "POST campaigns/camp_1/claims",
            {"customer_id": "mina", "reward": "A"},
        ),
        (
            claims.would_claim("camp_1", "mina"),
            "POST campaigns/camp_1/claims?dry_run=true",
            {"customer_id": "mina"},
        ),
        (
            claims.claim_all("camp_1", [Wish("mina", "k")]),
            "POST campaigns/camp_1/claims:batch",
            {"claims": [{"customer_id": "mina", "key": "k"}]},
        ),
        (
            claims.would_claim_all("camp_1", [Wish("mina", "k", "A")]),
            "POST campaigns/camp_1/claims:batch?dry_run=true",
            {"claims": [{"customer_id": "mina", "key": "k", "reward": "A"}]},
        ),
        (
            incentives.list_all("camp_1", limit=200),
            "GET campaigns/camp_1/incentives?limit=200",
            None,
        ),
        (incentives.show("inc_1"), "GET incentives/inc_1", None),
        (incentives.find_code("가 1/2"), "GET codes/%EA%B0%80%201%2F2", None),
        (incentives.revoke("inc_1"), "POST incentives/inc_1:revoke", None),
        (incentives.would_revoke("inc_1"), "POST incentives/inc_1:revoke?dry_run=true", None),
        (audit.conservation(), "GET audit/conservation", None),
        (audit.entries(cursor="c"), "GET audit/entries?cursor=c", None),
        (test_clock.show(), "GET test-clock", None),
        (test_clock.advance_by(5), "POST test-clock:advance", {"by_ms": 5}),
        (
            test_clock.advance_to("2030-01-01T00:00:00Z"),
            "POST test-clock:advance",
            {"to": "2030-01-01T00:00:00Z"},
        ),
    ],
)
def test_what_is_asked(call: Call[Any], line: str, body: object) -> None:
    """Each call by its route; whatever changes something has a key, and who reads has none."""
    request = call.request
    method, _, target = line.partition(" ")
    assert (request.method, request.target) == (method, f"/api/v1/{target}")
    assert (None if request.body is None else json.loads(request.body)) == body
    assert ("Idempotency-Key" in dict(request.headers)) == (method == "POST")


def test_a_call_keeps_its_key() -> None:
    """The caller's own, or one made with the call: asked again, it is the same wish."""
    given = claims.claim("camp_1", "mina", key="order-1")
    made, other = claims.claim("camp_1", "mina"), claims.claim("camp_1", "mina")
    assert given.request.headers == (("Idempotency-Key", "order-1"),)
    assert made.request.headers != other.request.headers


@pytest.mark.parametrize("key", ["", "x" * 256, "가", "a b", "a\r\nX-Injected: 1", "\x7f"])
def test_a_key_that_cannot_be_is_refused_at_once(key: str) -> None:
    """Before anything is sent."""
    with pytest.raises(MisuseError, match="1 to 255 visible ASCII characters"):
        claims.claim("camp_1", "mina", key=key)


def test_an_edit_names_the_version_it_read() -> None:
    """And is not repeated blindly: after the first it would be an edit conflict."""
    call = campaigns.edit("camp_1", {}, version=3)
    assert call.request.headers == (("If-Match", '"3"'),)
    assert not call.repeatable
    assert not campaigns.delete("camp_1").repeatable


def test_a_definition_may_be_typed() -> None:
    """What has its default is left out, and the server's default holds."""
    reward = RewardDefinition(
        key="A",
        kind="COUPON",
        value={"item": "cake"},
        quota_total=3,
        code=CodeFormat(pattern="9999"),
    )
    described = CampaignDefinition(name="x", starts_at="2026-01-01T00:00:00Z", rewards=[reward])
    body = campaigns.create(described).request.body
    assert body is not None
    assert json.loads(body) == {
        "name": "x",
        "starts_at": "2026-01-01T00:00:00Z",
        "rewards": [
            {
                "key": "A",
                "kind": "COUPON",
                "value": {"item": "cake"},
                "quota_total": 3,
                "code": {"pattern": "9999"},
            }
        ],
    }


def test_a_claim_is_given_or_refused() -> None:
    """Both are values; a replay says so."""
    call = claims.claim("camp_1", "mina")
    given = call.read(answer(201, {"outcome": "ISSUED", "incentive": INCENTIVE}))
    assert isinstance(given, Claimed)
    assert (given.incentive.code, given.replayed) == ("SPRING-1", False)
    again = call.read(
        answer(201, {"outcome": "ISSUED", "incentive": INCENTIVE}, idempotency_replayed="true")
    )
    assert again == Claimed(given.outcome, given.incentive, replayed=True)

    refused = call.read(answer(409, SOLD_OUT))
    assert isinstance(refused, Refusal)
    assert (refused.outcome, refused.transient, refused.status) == ("SOLD_OUT", False, 409)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "NOT_OPEN_YET"),
        (409, "SOMETHING_NEW"),
        (410, "CLOSED"),
        (403, "NOT_ELIGIBLE"),
        (404, "UNKNOWN_CUSTOMER"),
        (429, "LINE_FULL"),
        (503, "BUSY"),
    ],
)
def test_refusals_of_a_wish_are_not_raised(status: int, code: str) -> None:
    """Whatever their status, outcomes that are yet to come included."""
    refused = claims.claim("c", "mina").read(answer(status, {"code": code}))
    assert isinstance(refused, Refusal)
    assert refused.outcome == code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "KEY_REQUIRED"),
        (401, "UNAUTHENTICATED"),
        (403, "FORBIDDEN"),
        (404, "NOT_FOUND"),
        (422, "IDEMPOTENCY_KEY_REUSED"),
        (500, "INTERNAL_ERROR"),
        (503, "UNAVAILABLE"),
    ],
)
def test_mistakes_are_raised(status: int, code: str) -> None:
    """And what is broken; the message is what the server said, with what it names."""
    problem = {"code": code, "detail": "Mend it.", "status": status, "pointer": "/name"}
    with pytest.raises(RefusedError, match=rf"^{code}: Mend it\. \(at /name\)$") as raised:
        claims.claim("c", "mina").read(answer(status, problem))
    assert (raised.value.refusal.outcome, raised.value.refusal.status) == (code, status)


def test_what_a_refusal_names_is_told() -> None:
    """Its detail speaks of `opens_at` and `incentive_id`: here they are."""
    early = Refusal(outcome="NOT_OPEN_YET", detail="Later.", opens_at="2026-12-01")
    assert str(RefusedError(early)) == "NOT_OPEN_YET: Later. (opens_at 2026-12-01)"
    held = Refusal(outcome="CUSTOMER_LIMIT_REACHED", incentive_id="inc_1")
    assert str(RefusedError(held)) == "CUSTOMER_LIMIT_REACHED (incentive_id inc_1)"


def test_a_conflict_of_anything_but_a_wish_is_raised() -> None:
    """There is no customer who would be told."""
    problem = {"code": "WRONG_STATUS", "detail": "It has ended."}
    with pytest.raises(RefusedError, match="WRONG_STATUS"):
        campaigns.activate("c").read(answer(409, problem))


def test_a_batch_has_a_result_each() -> None:
    """A refusal there names its outcome where a problem says `code`."""
    call = claims.claim_all("c", [Wish("a", "1"), Wish("b", "2")])
    given = {"outcome": "ISSUED", "incentive": INCENTIVE, "replayed": True}
    refused = {"outcome": "SOLD_OUT", "title": "Sold out", "detail": "Gone.", "transient": False}
    first, second = call.read(answer(200, {"results": [given, refused]}))
    assert isinstance(first, Claimed)
    assert first.replayed
    assert second == Refusal(outcome="SOLD_OUT", title="Sold out", detail="Gone.")
    with pytest.raises(StrangeAnswerError, match="a result of the batch"):
        call.read(answer(200, {"results": [{}]}))


def test_dry_runs_are_verdicts() -> None:
    """One, and many."""
    verdict = {"accepted": False, "outcome": "SOLD_OUT", "transient": False}
    assert claims.would_claim("c", "a").read(answer(200, verdict)).outcome == "SOLD_OUT"
    [one] = claims.would_claim_all("c", []).read(answer(200, {"results": [verdict]}))
    assert not one.accepted


def test_an_unknown_code_is_a_refusal() -> None:
    """As is asking too often; a missing incentive is a mistake."""
    for status, code in ((404, "UNKNOWN_CODE"), (429, "TOO_MANY_GUESSES")):
        refused = incentives.find_code("x").read(answer(status, {"code": code}))
        assert isinstance(refused, Refusal)
    with pytest.raises(RefusedError):
        incentives.show("inc_1").read(answer(404, {"code": "NOT_FOUND"}))


def test_nothing_remains_of_a_draft() -> None:
    """204 after its deletion."""
    assert campaigns.delete("c").read(Answer(204, {}, b"")) is None


@pytest.mark.parametrize(
    "strange",
    [
        Answer(200, {}, b"<html>"),
        Answer(502, {}, b"<html>"),
        Answer(301, {}, b""),
        Answer(200, {}, b"[]"),
        Answer(200, {}, b'{"id": 5}'),
        Answer(409, {}, b"{}"),
        Answer(404, {}, b'{"code": "\xff"}'),
    ],
)
@pytest.mark.parametrize("call", [campaigns.show("c"), claims.claim("c", "mina")])
def test_what_is_no_largesse_is_told(call: Call[Any], strange: Answer) -> None:
    """Another server listens there; what it said is in the message."""
    with pytest.raises(StrangeAnswerError, match=rf"is no largesse.*status {strange.status}"):
        call.read(strange)


def test_a_list_goes_on_where_it_was_left() -> None:
    """With the same query; None at the end."""
    call = campaigns.list_all(name="가 b", limit=2)
    following = onward(call, Page([], "c+/="))
    assert following is not None
    assert (
        following.request.target == "/api/v1/campaigns?name=%EA%B0%80+b&limit=2&cursor=c%2B%2F%3D"
    )
    last = onward(following, Page([], "d"))
    assert last is not None
    assert last.request.target.endswith("limit=2&cursor=d")
    assert onward(call, Page([], None)) is None


@pytest.mark.parametrize(
    ("url", "key", "told"),
    [
        ("127.0.0.1:8000", "k", "is no address of a server"),
        ("http://", "k", "is no address of a server"),
        ("http://h:99999", "k", "is no address of a server"),
        ("http://h:0", "k", "is no address of a server"),
        ("http://[::1", "k", "is no address of a server"),
        ("http://h/a b", "k", "is no address of a server"),
        ("http://h\r\nX: 1", "k", "is no address of a server"),
        ("ftp://h", "k", "is no address of a server"),
        ("http://h", "", "has characters that no key has"),
        ("http://h", "lgs_\r\nX-Injected: 1", "has characters that no key has"),
        ("http://h", "lgs_1 ", "has characters that no key has"),
        ("http://h", "열쇠", "has characters that no key has"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(url: str, key: str, told: str) -> None:
    """In one line."""
    with pytest.raises(MisuseError, match=told):
        address_of(url, key)


def test_an_address_is_read() -> None:
    """With its port, and what a gateway puts before every path."""
    address = address_of("https://shop.example/largesse/", "k")
    assert (address.host, address.port, address.secure) == ("shop.example", 443, True)
    assert address.root == "/largesse"


@pytest.mark.parametrize(
    ("call", "first", "length"),
    [
        (claims.claim("c", "가", key="k"), b"POST /in/api/v1/campaigns/c/claims HTTP/1.1", b"21"),
        (campaigns.end("c", key="k"), b"POST /in/api/v1/campaigns/c:end HTTP/1.1", b"0"),
        (campaigns.show("c"), b"GET /in/api/v1/campaigns/c HTTP/1.1", None),
    ],
)
def test_the_bytes_of_a_request(call: Call[Any], first: bytes, length: bytes | None) -> None:
    """One header a line, the length of a body, and the body as it is."""
    sent = Encoder(address_of("http://[::1]:8000/in", "k")).encode(call.request)
    head, _, body = sent.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    assert start == first
    assert headers[b"Host"] == b"[::1]:8000"
    assert headers[b"Authorization"] == b"Bearer k"
    assert headers.get(b"Content-Length") == length
    assert (b"Content-Type" in headers) == bool(body)
    assert body == (call.request.body or b"")


def test_ids_cannot_leave_their_place() -> None:
    """Whatever characters they have."""
    assert path_of("campaigns", "../a b?c/가") == "/api/v1/campaigns/..%2Fa%20b%3Fc%2F%EA%B0%80"
