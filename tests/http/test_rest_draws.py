"""Draws over HTTP."""

import asyncio
import re
from typing import Any

import pytest
from rest_stage import NOW, ON_ONE_LOOP, Caller, Json, Town

DAY_S = 86_400


def a_chance(key: str, weight_ppm: int, **changes: object) -> Json:
    """A reward of a draw."""
    value = {"amount": 500, "currency": "KRW"}
    return {"key": key, "kind": "COUPON", "value": value, "weight_ppm": weight_ppm, **changes}


async def a_draw_campaign(caller: Caller, *chances: Json, **changes: Any) -> str:  # noqa: ANN401 — any field
    """The id of a new draw."""
    rewards = list(chances) or [a_chance("A", 1_000_000)]
    shown = await caller.campaign(type="DRAW", rewards=rewards, **changes)
    return str(shown["id"])


async def drawn(caller: Caller, campaign: str, customer: str, **said: object) -> Json:
    """What a customer drew."""
    answer = await caller.post(
        f"/campaigns/{campaign}/draws", {"customer_id": customer, **said}, f"key-of-{customer}"
    )
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    return body


async def test_a_draw_that_wins_has_its_shape(town: Town) -> None:
    """All fields; a retry brings the same bytes."""
    campaign = await a_draw_campaign(town.acme)
    path, body = f"/campaigns/{campaign}/draws", {"customer_id": "ann", "client_seed": "my own"}

    first = await town.acme.post(path, body, "k")
    again = await town.acme.post(path, body, "k")

    answer = first.json()
    draw = answer["draw"]
    assert first.status_code == 201
    assert list(answer) == ["outcome", "won", "draw", "incentive"]
    assert (answer["outcome"], answer["won"]) == ("DRAWN", True)
    assert draw.pop("id").startswith("draw_")
    assert draw == {
        "campaign_id": campaign,
        "customer_id": "ann",
        "number": 1,
        "date": "2027-01-15",
        "version": 1,
        "client_seed": "my own",
        "won": True,
        "drawn_at": NOW,
    }
    assert (answer["incentive"]["customer_id"], answer["incentive"]["serial"]) == ("ann", 1)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers


async def test_a_draw_that_loses(town: Town) -> None:
    """A success without an incentive; without a seed of his own the key makes one."""
    campaign = await a_draw_campaign(town.acme, a_chance("A", 0))

    answer = await drawn(town.acme, campaign, "ann")

    assert (answer["outcome"], answer["won"], answer["incentive"]) == ("DRAWN", False, None)
    assert len(answer["draw"]["client_seed"]) == 64
    shown = (await town.acme.get(f"/draws/{answer['draw']['id']}")).json()
    assert shown == {"draw": answer["draw"], "incentive": None}


async def test_who_has_drawn_is_refused(town: Town) -> None:
    """409, naming the draw; the next local day he may again."""
    campaign = await a_draw_campaign(town.acme, time_zone="Asia/Seoul")
    path = f"/campaigns/{campaign}/draws"
    first = await drawn(town.acme, campaign, "ann")

    refused = await town.acme.post(path, {"customer_id": "ann"}, "another")
    tried = await town.acme.post(f"{path}?dry_run=true", {"customer_id": "ann"})
    await town.acme.post("/test-clock:advance", {"by_s": DAY_S})
    after = await town.acme.post(path, {"customer_id": "ann"}, "another")

    assert (refused.status_code, refused.json()["code"]) == (409, "ALREADY_DRAWN")
    assert refused.json()["draw_id"] == first["draw"]["id"]
    assert tried.json() == {"accepted": False, "outcome": "ALREADY_DRAWN", "transient": False}
    assert (after.status_code, after.json()["draw"]["number"]) == (201, 2)


async def test_a_dry_run_tells_no_outcome(town: Town) -> None:
    """The same words for who would win and who would not; nothing is used up, no key needed."""
    answers = []
    for weight in (0, 1_000_000):
        campaign = await a_draw_campaign(town.acme, a_chance("A", weight))
        path = f"/campaigns/{campaign}/draws?dry_run=true"
        answers += [await town.acme.post(path, {"customer_id": "ann"}) for _ in range(2)]
        assert (await drawn(town.acme, campaign, "ann"))["draw"]["number"] == 1
    accepted = {"accepted": True, "outcome": "DRAWN", "transient": False}
    assert [answer.json() for answer in answers] == [accepted] * 4


async def test_a_customer_s_draws(town: Town) -> None:
    """Newest first, in pieces, and whether he may draw now."""
    campaign = await a_draw_campaign(town.acme, draws_per={"period": "DAY", "n": 2})
    path = f"/campaigns/{campaign}/draws"
    made = []
    for number in range(3):
        answer = await town.acme.post(path, {"customer_id": "ann"}, f"k{number}")
        made.append(answer.json()["draw"])
        if number:
            await town.acme.post("/test-clock:advance", {"by_s": DAY_S})

    first = (await town.acme.get(f"{path}?customer_id=ann&limit=2")).json()
    rest = (await town.acme.get(f"{path}?customer_id=ann&limit=2&cursor={first['next']}")).json()
    nobody = (await town.acme.get(f"{path}?customer_id=bob")).json()
    used_up = [await town.acme.post(path, {"customer_id": "ann"}, key) for key in ("x", "y")]
    full = (await town.acme.get(f"{path}?customer_id=ann&limit=1")).json()
    foreign = await town.acme.get(f"{path}?customer_id=bob&cursor={first['next']}")

    assert [one["draw"] for one in first["items"] + rest["items"]] == made[::-1]
    assert all(one["incentive"]["customer_id"] == "ann" for one in first["items"])
    assert (rest["next"], first["may_draw"], first["outcome"]) == (None, True, "DRAWN")
    assert re.fullmatch("[0-9a-f]{32}", nobody.pop("proof_salt"))
    assert nobody == {"items": [], "next": None, "may_draw": True, "outcome": "DRAWN"}
    assert [one.status_code for one in used_up] == [201, 201]
    assert (full["may_draw"], full["outcome"]) == (False, "ALREADY_DRAWN")
    assert foreign.status_code == 422
    assert (await town.acme.get(path)).status_code == 422


async def test_what_was_won_is_shown_as_it_stands(town: Town) -> None:
    """A revoked one is revoked; the draw itself does not change."""
    campaign = await a_draw_campaign(town.acme)
    answer = await drawn(town.acme, campaign, "ann")
    await town.acme.post(f"/incentives/{answer['incentive']['id']}:revoke", None, "r")

    shown = (await town.acme.get(f"/draws/{answer['draw']['id']}")).json()

    assert shown["draw"] == answer["draw"]
    assert shown["incentive"] == {**answer["incentive"], "status": "REVOKED"}


@ON_ONE_LOOP
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/customer_id"),
        ({"customer_id": ""}, "/customer_id"),
        ({"customer_id": "a\u0000"}, "/customer_id"),
        ({"customer_id": "a", "client_seed": ""}, "/client_seed"),
        ({"customer_id": "a", "client_seed": "x" * 256}, "/client_seed"),
        ({"customer_id": "a", "client_seed": "a\nb"}, "/client_seed"),
        ({"customer_id": "a", "reward": "A"}, "/reward"),
    ],
)
async def test_what_makes_no_sense(still_town: Town, body: Json, pointer: str) -> None:
    """422, pointing at it."""
    campaign = await a_draw_campaign(still_town.acme)
    answer = await still_town.acme.post(f"/campaigns/{campaign}/draws", body, "k")
    assert (answer.status_code, answer.json().get("pointer")) == (422, pointer)


async def test_keys_and_types(town: Town) -> None:
    """A draw needs a key; a claim is no draw, and a draw no claim."""
    campaign, sale = await a_draw_campaign(town.acme), (await town.acme.campaign())["id"]
    body = {"customer_id": "ann"}

    keyless = await town.acme.post(f"/campaigns/{campaign}/draws", body)
    claimed = await town.acme.post(f"/campaigns/{campaign}/claims", body, "k")
    wrong = await town.acme.post(f"/campaigns/{sale}/draws", body, "k")
    nowhere = await town.acme.post("/campaigns/camp_x/draws", body, "k")
    unread = await town.acme.get("/draws/draw_00000000000000000000000000")

    assert (keyless.status_code, keyless.json()["code"]) == (400, "KEY_REQUIRED")
    assert (claimed.status_code, wrong.status_code) == (422, 422)
    assert "/draws" in claimed.json()["detail"]
    assert "/claims" in wrong.json()["detail"]
    assert (nowhere.status_code, unread.status_code) == (404, 404)


async def test_drafts_and_windows(town: Town) -> None:
    """As for claims: told why, and when."""
    draft = await town.acme.campaign(activate=False, type="DRAW", rewards=[a_chance("A", 1)])
    starts_at = "2027-01-15T08:00:02.000Z"
    early = await a_draw_campaign(town.acme, starts_at=starts_at)

    answers = [
        await town.acme.post(f"/campaigns/{one}/draws", {"customer_id": "ann"}, "k")
        for one in (draft["id"], early)
    ]

    assert [one.json()["code"] for one in answers] == ["NOT_ACTIVE", "NOT_OPEN_YET"]
    assert answers[1].json()["opens_at"] == starts_at
    assert answers[1].headers["retry-after"] == "2"
    listed = await town.acme.get(f"/campaigns/{draft['id']}/draws?customer_id=ann")
    assert (listed.json()["may_draw"], listed.json()["outcome"]) == (False, "NOT_ACTIVE")


async def test_two_hundred_draws_of_one_customer_at_once(town: Town) -> None:
    """Exactly one is made."""
    campaign = await a_draw_campaign(town.acme)
    path, body = f"/campaigns/{campaign}/draws", {"customer_id": "ann"}

    answers = await asyncio.gather(*(town.acme.post(path, body, f"k{n}") for n in range(200)))

    codes = [one.json().get("code", "DRAWN") for one in answers]
    assert (codes.count("DRAWN"), codes.count("ALREADY_DRAWN")) == (1, 199)


async def test_a_campaign_of_draws_shows_what_it_is(town: Town) -> None:
    """Weights, how often, what happens without stock; a campaign of claims has none of it."""
    shown = await town.acme.campaign(
        type="DRAW",
        rewards=[a_chance("A", 250_000), a_chance("B", 0)],
        on_exhausted="FALLBACK",
        fallback_reward="B",
    )
    sale = await town.acme.campaign()
    assert [one["weight_ppm"] for one in shown["rewards"]] == [250_000, 0]
    assert shown["draws_per"] == {"period": "DAY", "n": 1}
    assert (shown["on_exhausted"], shown["fallback_reward"]) == ("FALLBACK", "B")
    assert (sale["draws_per"], sale["on_exhausted"], sale["rewards"][0]["weight_ppm"]) == (
        None,
        None,
        None,
    )
    listed = (await town.acme.get("/campaigns?type=DRAW")).json()["items"]
    assert [one["id"] for one in listed] == [shown["id"]]


async def test_another_tenant_finds_no_draw(town: Town) -> None:
    """Neither by the id nor by the campaign."""
    campaign = await a_draw_campaign(town.acme)
    made = await drawn(town.acme, campaign, "ann")
    answers = [
        await town.rival.get(f"/draws/{made['draw']['id']}"),
        await town.rival.get(f"/campaigns/{campaign}/draws?customer_id=ann"),
        await town.rival.post(f"/campaigns/{campaign}/draws", {"customer_id": "ann"}, "k"),
    ]
    assert [one.status_code for one in answers] == [404] * 3
