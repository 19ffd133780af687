"""What a customer may ask by a token of his own, and what he may not."""

from typing import Any

import pytest
from rest_stage import NOW_MS, Caller, Json, Town

from largesse.http.times import rfc3339

CHANCE: Json = {
    "key": "A",
    "kind": "COUPON",
    "value": {"amount": 500, "currency": "KRW"},
    "weight_ppm": 1_000_000,
}


async def customer(town: Town, name: str, of: Caller | None = None, **wish: object) -> Caller:
    """A customer of a tenant, acme's unless another is named, with a token."""
    made = await (of or town.acme).post(f"/customers/{name}:token", wish)
    assert made.status_code == 201, made.text
    return town.caller(made.json()["token"])


async def wheel(caller: Caller, **changes: Any) -> str:  # noqa: ANN401 — any field
    """The id of a new draw that everybody wins."""
    shown = await caller.campaign(type="DRAW", rewards=[CHANCE], **changes)
    return str(shown["id"])


async def test_a_token_has_its_shape(town: Town) -> None:
    """Shown once, for so long as was asked, and kept by no cache."""
    made = await town.acme.post("/customers/ann:token", {"expires_in_s": 60})
    short = await town.acme.post("/customers/ann:token", {})
    shown = made.json()
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert shown.pop("token").count(".") == 2
    assert shown == {"customer_id": "ann", "expires_at": rfc3339(NOW_MS + 60_000)}
    assert short.json()["expires_at"] == rfc3339(NOW_MS + 900_000)


@pytest.mark.parametrize("wish", [{"expires_in_s": 0}, {"expires_in_s": 3_601}, {"days": 1}])
async def test_tokens_that_are_not_made(town: Town, wish: Json) -> None:
    """They are short-lived, whatever is asked for."""
    assert (await town.acme.post("/customers/ann:token", wish)).status_code == 422


async def test_a_customer_claims_for_himself(town: Town) -> None:
    """He need not say who he is; a retry by the tenant's key brings the same answer."""
    campaign = (await town.acme.campaign())["id"]
    ann, path = await customer(town, "ann"), f"/campaigns/{campaign}/claims"

    claimed = await ann.post(path, {}, "k")
    named = await ann.post(path, {"customer_id": "ann"}, "k")
    by_key = await town.acme.post(path, {"customer_id": "ann"}, "k")
    batch = await ann.post(f"{path}:batch", {"claims": [{"key": "k"}]})

    assert (claimed.status_code, claimed.json()["incentive"]["customer_id"]) == (201, "ann")
    assert named.content == by_key.content == claimed.content
    assert batch.json()["results"][0]["incentive"] == claimed.json()["incentive"]
    read = await ann.get(f"/incentives/{claimed.json()['incentive']['id']}")
    assert read.json() == claimed.json()["incentive"]


async def test_a_customer_draws_for_himself(town: Town) -> None:
    """He draws, asks whether he may, and reads what he drew."""
    campaign = await wheel(town.acme)
    ann, path = await customer(town, "ann"), f"/campaigns/{campaign}/draws"

    may = await ann.post(f"{path}?dry_run=true", {})
    drawn = await ann.post(path, {}, "k")
    listed = await ann.get(path)
    read = await ann.get(f"/draws/{drawn.json()['draw']['id']}")

    assert may.json()["accepted"] is True
    assert (drawn.status_code, drawn.json()["draw"]["customer_id"]) == (201, "ann")
    assert (listed.json()["may_draw"], len(listed.json()["items"])) == (False, 1)
    assert read.json() == listed.json()["items"][0]
    assert (await ann.get(f"{path}?customer_id=ann")).json() == listed.json()


async def test_another_customer_s_things_are_not_his(town: Town) -> None:
    """403 where he says another's name, 404 for what is another's; nothing happens."""
    claims, draws = (await town.acme.campaign())["id"], await wheel(town.acme)
    won = await town.acme.incentive(claims, "ann")
    drawn = await town.acme.post(f"/campaigns/{draws}/draws", {"customer_id": "ann"}, "k")
    bob, ann = await customer(town, "bob"), {"customer_id": "ann"}

    said = [
        await bob.post(f"/campaigns/{claims}/claims", ann, "key-of-ann"),
        await bob.post(f"/campaigns/{claims}/claims?dry_run=true", ann),
        await bob.post(f"/campaigns/{claims}/claims:batch", {"claims": [{**ann, "key": "k"}]}),
        await bob.post(f"/campaigns/{draws}/draws", ann, "k"),
        await bob.post(f"/campaigns/{draws}/draws?dry_run=true", ann),
        await bob.get(f"/campaigns/{draws}/draws?customer_id=ann"),
    ]
    guessed = [
        (await bob.get(f"/incentives/{won['id']}"), await bob.get("/incentives/inc_x")),
        (
            await bob.get(f"/draws/{drawn.json()['draw']['id']}"),
            await bob.get("/draws/draw_x"),
        ),
    ]

    assert [(one.status_code, one.json()["code"]) for one in said] == [(403, "FORBIDDEN")] * 6
    for others, unknown in guessed:
        assert others.status_code == unknown.status_code == 404
        assert others.json()["code"] == unknown.json()["code"]
        assert others.json()["title"] == unknown.json()["title"]
    assert (await bob.get(f"/campaigns/{draws}/draws")).json()["items"] == []


async def test_another_tenant_s_things_are_not_his(town: Town) -> None:
    """404, as for whoever has no business there, and though his name is the same."""
    claims, draws = (await town.acme.campaign())["id"], await wheel(town.acme)
    won = await town.acme.incentive(claims, "ann")
    ann = await customer(town, "ann", of=town.rival)
    answers = [
        await ann.post(f"/campaigns/{claims}/claims", {}, "k"),
        await ann.post(f"/campaigns/{draws}/draws", {}, "k"),
        await ann.get(f"/campaigns/{draws}/draws"),
        await ann.get(f"/incentives/{won['id']}"),
    ]
    assert [one.status_code for one in answers] == [404] * 4


async def test_a_token_ends_at_its_second(town: Town) -> None:
    """By the machine's time: a test clock moves campaigns, and no token."""
    ann = await customer(town, "ann", expires_in_s=60)
    path = f"/campaigns/{await wheel(town.acme)}/draws"
    await town.acme.post("/test-clock:advance", {"by_s": 86_400})
    town.clock.advance(59_999)
    assert (await ann.get(path)).status_code == 200
    town.clock.advance(1)
    ended = await ann.get(path)
    assert (ended.status_code, ended.json()["code"]) == (401, "UNAUTHENTICATED")
    assert (await ann.post(path, {}, "k")).status_code == 401


async def test_a_token_ends_with_the_key_that_asked_for_it(town: Town) -> None:
    """At once, on the hot routes, too; those that other keys asked for go on."""
    key_id, secret = await town.acme.with_scopes("issue")
    ann, bob = await customer(town, "ann", of=town.caller(secret)), await customer(town, "bob")
    path = f"/campaigns/{await wheel(town.acme)}/draws"
    assert (await ann.post(f"{path}?dry_run=true", {})).status_code == 200
    await town.acme.ask("DELETE", f"/keys/{key_id}")
    assert (await ann.post(path, {}, "k")).status_code == 401
    assert (await ann.get(path)).status_code == 401
    assert (await bob.post(path, {}, "k")).status_code == 201


async def test_a_token_does_not_outlive_its_key(town: Town) -> None:
    """Whatever it says itself."""
    _, secret = await town.acme.with_scopes("issue", expires_at=rfc3339(NOW_MS + 10_000))
    ann = await customer(town, "ann", of=town.caller(secret))
    path = f"/campaigns/{await wheel(town.acme)}/draws"
    town.clock.advance(10_000)
    assert (await ann.get(path)).status_code == 401


async def test_a_token_makes_no_token(town: Town) -> None:
    """Nor does a key that may not give: whoever could would never end."""
    ann = await customer(town, "ann")
    _, reader = await town.acme.with_scopes("read", "redeem", "ingest")
    for caller in (ann, town.caller(reader)):
        answer = await caller.post("/customers/ann:token", {})
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_who_has_a_key_says_for_whom(town: Town) -> None:
    """A key speaks for a tenant, which is nobody's customer."""
    claims, draws = (await town.acme.campaign())["id"], await wheel(town.acme)
    wanted = [
        (await town.acme.post(f"/campaigns/{claims}/claims", {}, "k"), "/customer_id"),
        (await town.acme.post(f"/campaigns/{draws}/draws", {}, "k"), "/customer_id"),
        (
            await town.acme.post(f"/campaigns/{claims}/claims:batch", {"claims": [{"key": "k"}]}),
            "/claims/0/customer_id",
        ),
        (await town.acme.get(f"/campaigns/{draws}/draws"), "customer_id"),
    ]
    for answer, pointer in wanted:
        assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)


async def test_what_a_campaign_asks_of_customers_holds_by_token_too(town: Town) -> None:
    """REGISTERED, and a phone: a token proves no more than a name."""
    campaign = await wheel(town.acme, customers="REGISTERED", requires=["phone"])
    path, ann = f"/campaigns/{campaign}/draws", await customer(town, "ann")

    unknown = [await ann.post(path, {}, "k"), await ann.get(path)]
    await town.acme.post("/customers", {"customer_id": "ann"})
    without = await ann.post(path, {}, "k")
    await town.acme.ask("PUT", "/customers/ann", {"phone": "+821012345678"})
    drawn = await ann.post(path, {}, "k")

    assert [one.json()["code"] for one in unknown] == ["UNKNOWN_CUSTOMER"] * 2
    assert (without.status_code, without.json()["code"]) == (422, "PHONE_REQUIRED")
    assert drawn.status_code == 201
