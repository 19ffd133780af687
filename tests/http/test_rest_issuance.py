"""Claims and incentives over HTTP: the plain routes around the desk, lists, codes, revokes."""

import asyncio
from collections import Counter

import msgspec
import pytest
from rest_stage import NOW, REWARD, Town, opened_town

from largesse.http.exchange import ask
from largesse.http.rest.issuance import BatchResult
from largesse.http.shapes.claims import Accepted, Claimed, Refused
from largesse.http.wire import parts_of


async def test_plain_routes_answer_with_the_bytes_of_the_lane(town: Town) -> None:
    """Whatever is asked: the handler that the lane has gives the same head and body."""
    shown = await town.acme.campaign(per_customer_max=1)
    authorization = town.acme.http.headers["authorization"]
    target = f"/api/v1/campaigns/{shown['id']}/claims"
    base = {"authorization": authorization, "x-request-id": "same", "idempotency-key": "k"}
    claim = {"customer_id": "u"}
    for path, headers, body in [
        (target, base, claim),
        (target, base, claim),
        (target, {**base, "idempotency-key": "other"}, claim),
        (target, {**base, "authorization": "Bearer no"}, claim),
        (target, base, {"customer_id": ""}),
        (target, base, {"customer_id": "u", "reward": "NONE"}),
        (target, {"authorization": authorization, "x-request-id": "same"}, claim),
        (f"{target}:batch", base, {"claims": [{"customer_id": "u", "key": "k"}]}),
        (f"{target}:batch", base, {"claims": []}),
    ]:
        content = msgspec.json.encode(body)
        await town.stranger.http.post(path, content=content, headers=headers)
        raw = {name.encode(): value.encode() for name, value in headers.items()}
        hot = await ask(town.application.desk.routes[path.encode()], raw, content)
        plain = await town.stranger.http.post(path, content=content, headers=headers)
        status, pairs = parts_of(hot.head)
        assert (plain.status_code, plain.content) == (status, hot.body)
        assert sorted(plain.headers.raw) == sorted(pairs)


async def test_a_draft_is_known(town: Town) -> None:
    """NOT_ACTIVE, not 404, though the lane knows nothing of it."""
    shown = await town.acme.campaign(activate=False)
    answer = await town.acme.post(f"/campaigns/{shown['id']}/claims", {"customer_id": "u"}, "k")
    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_ACTIVE")


async def test_a_dry_run_of_claims_gives_nothing_away(town: Town) -> None:
    """Accepted or not, without a code, a key or a trace."""
    shown = await town.acme.campaign(rewards=[{**REWARD, "quota_total": 1}])
    path = f"/campaigns/{shown['id']}/claims?dry_run=true"
    for accepted, outcome in [(True, "ISSUED"), (False, "SOLD_OUT")]:
        answer = await town.acme.post(path, {"customer_id": "u-2"})
        assert answer.status_code == 200
        assert answer.json() == {"accepted": accepted, "outcome": outcome, "transient": False}
        await town.acme.incentive(shown["id"])


def test_the_documented_batch_result_is_the_union() -> None:
    """One schema for three shapes: it has the fields of all of them, and no other."""
    shapes = (Claimed, Refused, Accepted)
    fields = {name for shape in shapes for name in shape.__struct_fields__}
    assert set(BatchResult.__struct_fields__) == fields


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
async def test_incentives_are_listed_by_serial(town: Town, limit: int) -> None:
    """Each once, with the codes that were given."""
    shown = await town.acme.campaign()
    given = [await town.acme.incentive(shown["id"], f"u-{n}") for n in range(3)]
    found, path = [], f"/campaigns/{shown['id']}/incentives?limit={limit}"
    while path:
        page = (await town.acme.get(path)).json()
        found += page["items"]
        path = page["next"] and (
            f"/campaigns/{shown['id']}/incentives?limit={limit}&cursor={page['next']}"
        )
    assert found == given


async def test_new_incentives_come_at_the_end(town: Town) -> None:
    """A list that is walked while others claim shows whoever was there, once."""
    shown = await town.acme.campaign()
    path = f"/campaigns/{shown['id']}/incentives?limit=1"
    for customer in ("a", "b"):
        await town.acme.incentive(shown["id"], customer)
    first = (await town.acme.get(path)).json()
    await town.acme.incentive(shown["id"], "c")
    second = (await town.acme.get(f"{path}&cursor={first['next']}")).json()
    third = (await town.acme.get(f"{path}&cursor={second['next']}")).json()
    names = [one["customer_id"] for page in (first, second, third) for one in page["items"]]
    assert names == ["a", "b", "c"]


async def test_a_cursor_of_incentives_is_for_one_campaign(town: Town) -> None:
    """And for one tenant."""
    one, two = [await town.acme.campaign() for _ in range(2)]
    for customer in ("a", "b"):
        await town.acme.incentive(one["id"], customer)
    page = (await town.acme.get(f"/campaigns/{one['id']}/incentives?limit=1")).json()
    other = await town.acme.get(f"/campaigns/{two['id']}/incentives?cursor={page['next']}")
    assert (other.status_code, other.json()["pointer"]) == (422, "cursor")


async def test_incentives_are_found_by_id_and_by_code(town: Town) -> None:
    """However the code is typed; another tenant finds neither."""
    shown = await town.acme.campaign()
    incentive = await town.acme.incentive(shown["id"])
    code = incentive["code"]
    typed = f"{code[:4].lower()}-{code[4:8]} {code[8:]}"
    for path in (f"/incentives/{incentive['id']}", f"/codes/{code}", f"/codes/{typed}"):
        assert (await town.acme.get(path)).json() == incentive
        assert (await town.rival.get(path)).status_code == 404


async def test_whatever_is_no_code_is_answered_alike(town: Town) -> None:
    """Unknown, malformed and foreign codes: one status and one body."""
    shown = await town.rival.campaign()
    foreign = (await town.rival.incentive(shown["id"]))["code"]
    bodies = set()
    for code in ("NOPE", "22222222222", foreign, "%00", "x" * 5_000, "가", "'"):
        answer = await town.acme.ask("GET", f"/codes/{code}", headers={"x-request-id": "same"})
        bodies.add((answer.status_code, answer.content))
    [(status, body)] = bodies
    assert status == 404
    assert msgspec.json.decode(body)["code"] == "UNKNOWN_CODE"


async def test_wrong_guesses_are_limited(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Per key and per address, by the minute; right codes cost nothing, but wait with the rest."""
    folder = tmp_path_factory.mktemp("guesses")
    async with opened_town(folder, **{"access.code_guesses_per_minute_max": 3}) as town:
        shown = await town.acme.campaign()
        code = (await town.acme.incentive(shown["id"]))["code"]
        statuses = [
            (await town.acme.get(f"/codes/{guess}")).status_code
            for guess in (code, "A", code, "B", code, "C", code)
        ]
        assert statuses == [200, 404, 200, 404, 200, 404, 429]
        refused = await town.acme.get(f"/codes/{code}")
        assert (refused.json()["code"], refused.json()["transient"]) == ("TOO_MANY_GUESSES", True)
        assert refused.headers["retry-after"] == "60"
        assert (await town.rival.get(f"/codes/{code}")).status_code == 429, "the same address"
        town.clock.advance(60_000)
        allowed = await town.acme.get(f"/codes/{code}")
        assert allowed.status_code == 200
        assert allowed.headers["ratelimit-policy"] == '"codes";q=3;w=60'
        assert allowed.headers["ratelimit"] == '"codes";r=3;t=60'


async def test_guesses_sent_at_once_are_limited_too(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each counts before the first of them is answered."""
    folder = tmp_path_factory.mktemp("guesses")
    async with opened_town(folder, **{"access.code_guesses_per_minute_max": 3}) as town:
        await town.acme.campaign()
        guesses = [town.acme.get(f"/codes/22222222{n:02}") for n in range(20)]
        statuses = [answer.status_code for answer in await asyncio.gather(*guesses)]
        assert Counter(statuses) == {404: 3, 429: 17}


async def test_a_revoke_gives_back_once(town: Town) -> None:
    """The unit, not the serial; again, or under another key, it changes nothing."""
    shown = await town.acme.campaign()
    incentive = await town.acme.incentive(shown["id"])
    path = f"/incentives/{incentive['id']}:revoke"
    assert (await town.acme.post(path)).json()["code"] == "KEY_REQUIRED"
    dry = await town.acme.post(f"{path}?dry_run=true")
    assert dry.json() == {"accepted": True, "outcome": "REVOKED", "transient": False}
    first, replayed, again = [await town.acme.post(path, key=key) for key in ("k", "k", "l")]
    assert first.status_code == 200
    assert first.json() == {**incentive, "status": "REVOKED"}
    assert (replayed.content, again.json()) == (first.content, first.json())
    assert replayed.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in again.headers
    stock = (await town.acme.get(f"/campaigns/{shown['id']}")).json()["rewards"][0]["stock"]
    assert (stock["issued"], stock["left"]) == (0, 3)
    assert (await town.acme.incentive(shown["id"], "u-2"))["serial"] == 2


async def test_what_has_expired_is_not_revoked(town: Town) -> None:
    """410 EXPIRED, and the stock stays as it is."""
    shown = await town.acme.campaign(rewards=[{**REWARD, "expires_after_s": 60}])
    incentive = await town.acme.incentive(shown["id"])
    assert (incentive["issued_at"], incentive["expires_at"]) == (NOW, "2027-01-15T08:01:00.000Z")
    await town.acme.post("/test-clock:advance", {"by_s": 60})
    path = f"/incentives/{incentive['id']}"
    assert (await town.acme.get(path)).json()["status"] == "EXPIRED"
    dry = await town.acme.post(f"{path}:revoke?dry_run=true")
    assert dry.json() == {"accepted": False, "outcome": "EXPIRED", "transient": False}
    refused = await town.acme.post(f"{path}:revoke", key="k")
    assert (refused.status_code, refused.json()["code"]) == (410, "EXPIRED")
    stock = (await town.acme.get(f"/campaigns/{shown['id']}")).json()["rewards"][0]["stock"]
    assert stock["issued"] == 1


async def test_conservation_is_shown_as_far_as_it_concerns_the_caller(town: Town) -> None:
    """Operators see the whole installation, tenants their own campaigns."""
    await town.rival.campaign()
    await town.application.services.issuance.prove(whole=True)
    for caller in (town.operator, town.acme):
        shown = (await caller.get("/audit/conservation")).json()
        assert set(shown) == {"checked_at", "campaigns", "violations"}
        assert shown["violations"] == []
