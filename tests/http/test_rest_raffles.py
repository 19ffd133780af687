"""Raffles over HTTP: entered, closed, picked; and what is bound to public randomness."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from bundles import in_node, in_python
from rest_stage import NOW_MS, ON_ONE_LOOP, Caller, Json, Town, on, opened_town

from largesse.draws.verification.receipt import check_receipt
from largesse.kernel.calendar import rfc3339

END_MS = 43_200_000
"""From the town's now on, in milliseconds."""

ROUND = {"source": "drand quicknet", "round": 4919}


@pytest.fixture
async def town(tmp_path: Path, own_ledger: Mapping[str, str]) -> AsyncIterator[Town]:
    """The whole application, on either ledger."""
    async with opened_town(tmp_path, **on(own_ledger)) as opened:
        yield opened


def definition(**changes: object) -> Json:
    """A raffle of three prizes, one entry per customer, that ends in twelve hours."""
    value = {"amount": 500, "currency": "KRW"}
    rewards = [
        {"key": key, "kind": "COUPON", "value": value, "quota_total": count}
        for key, count in (("BIG", 1), ("SMALL", 2))
    ]
    return {
        "name": "Raffle",
        "type": "RAFFLE",
        "starts_at": "2026-01-01T00:00:00.000Z",
        "ends_at": rfc3339(NOW_MS + END_MS),
        "draws_per": {"period": "CAMPAIGN"},
        "rewards": rewards,
        **changes,
    }


async def a_raffle(caller: Caller, **changes: Any) -> str:  # noqa: ANN401 — any field
    """The id of a raffle that is open."""
    return str((await caller.campaign(**definition(**changes)))["id"])


async def enter(caller: Caller, raffle: str, *customers: str) -> list[Json]:
    """Have some customers take part."""
    path = f"/campaigns/{raffle}/entries"
    answers = [await caller.post(path, {"customer_id": one}, f"k-{one}") for one in customers]
    assert {one.status_code for one in answers} == {201}, answers[0].text
    return [one.json() for one in answers]


async def advance(caller: Caller, by_ms: int) -> None:
    """Move acme's clock."""
    assert (await caller.post("/test-clock:advance", {"by_ms": by_ms})).status_code == 200


async def seen(town: Town, raffle: str) -> Json:
    """What anybody sees of a raffle."""
    answer = await town.stranger.get(f"/campaigns/{raffle}/raffle")
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def given(caller: Caller, raffle: str) -> list[tuple[str, str]]:
    """Who was given what."""
    items = (await caller.get(f"/campaigns/{raffle}/incentives")).json()["items"]
    return [(one["customer_id"], one["reward"]) for one in items]


async def edit(caller: Caller, raffle: str, **changes: object) -> int:
    """Replace the definition; the status."""
    version = (await caller.get(f"/campaigns/{raffle}")).json()["version"]
    headers = {"if-match": f'"{version}"'}
    path = f"/campaigns/{raffle}"
    return (await caller.ask("PUT", path, definition(**changes), headers=headers)).status_code


async def proven(caller: Caller, campaign: str, draws: int) -> None:
    """Both verifiers agree that the proof holds."""
    answer = await caller.get(f"/campaigns/{campaign}/proof")
    assert answer.status_code == 200, answer.text
    for [verdict] in (in_python(answer.content), in_node(answer.content)):
        assert (verdict.findings, verdict.draws) == ([], draws)


async def test_a_raffle_from_the_first_entry_to_the_proof(town: Town) -> None:
    """Entries are durable and once each; after the close, winners are picked once and for all."""
    raffle = await a_raffle(town.acme)
    customers = [f"u{number}" for number in range(20)]
    entries = await enter(town.acme, raffle, *customers)
    assert [one["number"] for one in entries] == list(range(1, 21))
    again = await town.acme.post(f"/campaigns/{raffle}/entries", {"customer_id": "u3"}, "k-u3")
    assert (again.json(), again.headers["idempotency-replayed"]) == (entries[3], "true")
    other = await town.acme.post(f"/campaigns/{raffle}/entries", {"customer_id": "u3"}, "new")
    assert (other.status_code, other.json()["code"]) == (409, "ALREADY_DRAWN")
    assert await seen(town, raffle) == {
        "campaign_id": raffle,
        "name": "Raffle",
        "closed": False,
        "entries": None,
        "root": None,
        "winners": None,
        "cancelled": False,
    }
    assert (await town.acme.post(f"/campaigns/{raffle}:pick")).status_code == 409

    await advance(town.acme, END_MS + 10_000)
    closed = await seen(town, raffle)
    assert (closed["entries"], closed["winners"]) == (20, None)
    assert await given(town.acme, raffle) == []
    picked = await town.acme.post(f"/campaigns/{raffle}:pick")
    assert picked.status_code == 200, picked.text
    winners = picked.json()["winners"]
    assert [one["reward"] for one in winners] == ["BIG", "SMALL", "SMALL"]
    won = [(f"u{one['entry'] - 1}", one["reward"]) for one in winners]
    assert await given(town.acme, raffle) == won
    assert len({customer for customer, _ in won}) == 3

    assert (await town.acme.post(f"/campaigns/{raffle}:pick")).json() == picked.json()
    assert await seen(town, raffle) == picked.json()
    assert await given(town.acme, raffle) == won
    await proven(town.acme, raffle, 20)
    kept = (await town.acme.get(f"/draws/{entries[7]['id']}/receipt")).content
    receipt = check_receipt(kept.splitlines(keepends=True))
    assert (receipt.findings, receipt.draw["n"]) == ((), 8)


async def test_a_raffle_that_is_called_off(town: Town) -> None:
    """Ended by hand before its end: everybody sees that nobody will win."""
    raffle = await a_raffle(town.acme)
    await enter(town.acme, raffle, "ann", "bob")
    assert (await town.acme.post(f"/campaigns/{raffle}:end")).status_code == 200
    shown = await seen(town, raffle)
    assert (shown["cancelled"], shown["entries"], shown["winners"]) == (True, 2, None)
    await advance(town.acme, END_MS + 10_000)
    assert await seen(town, raffle) == shown
    for late in ("activate", "pick"):
        assert (await town.acme.post(f"/campaigns/{raffle}:{late}")).status_code == 409


async def test_one_that_is_ended_after_the_prizes_is_not_called_off(town: Town) -> None:
    """Its winners stay."""
    raffle = await a_raffle(town.acme)
    await enter(town.acme, raffle, "ann", "bob")
    await advance(town.acme, END_MS + 10_000)
    picked = (await town.acme.post(f"/campaigns/{raffle}:pick")).json()
    await town.acme.post(f"/campaigns/{raffle}:end")
    assert await seen(town, raffle) == picked
    assert picked["cancelled"] is False


async def test_a_customer_sees_what_his_entry_won(town: Town) -> None:
    """Among his entries, and by its id; a prize that is taken back is shown as that."""
    raffle = await a_raffle(town.acme, draws_per={"period": "CAMPAIGN", "n": 2})
    entries = await enter(town.acme, raffle, "ann", "bob", "cat", "dan", "eve")
    path = f"/campaigns/{raffle}/draws?customer_id="
    before = (await town.acme.get(f"{path}ann")).json()
    assert [(one["draw"]["won"], one["incentive"]) for one in before["items"]] == [(False, None)]
    assert (before["may_draw"], before["outcome"]) == (True, "DRAWN")
    await advance(town.acme, END_MS + 10_000)
    assert (await town.acme.get(f"{path}ann")).json()["outcome"] == "CLOSED"
    await town.acme.post(f"/campaigns/{raffle}:pick")

    won = dict(await given(town.acme, raffle))
    for entry in entries:
        [item] = (await town.acme.get(path + entry["customer_id"])).json()["items"]
        assert item == (await town.acme.get(f"/draws/{entry['id']}")).json()
        reward = item["incentive"] and item["incentive"]["reward"]
        assert reward == won.get(entry["customer_id"])
        assert item["draw"]["won"] == (reward is not None)
        if reward == "BIG":
            await town.acme.post(f"/incentives/{item['incentive']['id']}:revoke", key="back")
            [item] = (await town.acme.get(path + entry["customer_id"])).json()["items"]
            assert item["incentive"]["status"] == "REVOKED"


async def test_an_interrupted_pick_is_gone_on_with(town: Town) -> None:
    """What was given stays, and the rest follows; a revoked prize is not given again."""
    raffle = await a_raffle(town.acme)
    await enter(town.acme, raffle, *(f"u{number}" for number in range(5)))
    await advance(town.acme, END_MS + 10_000)
    await town.acme.post(f"/campaigns/{raffle}:pick")
    won = await given(town.acme, raffle)
    first = (await town.acme.get(f"/campaigns/{raffle}/incentives")).json()["items"][0]
    await town.acme.post(f"/incentives/{first['id']}:revoke", key="back")
    await town.acme.post(f"/campaigns/{raffle}:pick")
    assert await given(town.acme, raffle) == won


async def test_more_prizes_than_entrants(town: Town) -> None:
    """Whoever entered often wins once; the rest of the prizes stays."""
    raffle = await a_raffle(town.acme, draws_per={"period": "CAMPAIGN", "n": 5})
    for key in range(5):
        path = f"/campaigns/{raffle}/entries"
        assert (await town.acme.post(path, {"customer_id": "ann"}, f"k{key}")).status_code == 201
    await advance(town.acme, END_MS + 10_000)
    await town.acme.post(f"/campaigns/{raffle}:pick")
    assert await given(town.acme, raffle) == [("ann", "BIG")]
    await proven(town.acme, raffle, 5)


async def test_a_raffle_bound_to_a_round(town: Town) -> None:
    """The root is there before the value, and nothing is picked without it."""
    raffle = await a_raffle(town.acme, beacon=ROUND)
    await enter(town.acme, raffle, "ann", "bob", "cat", "dan")
    assert await edit(town.acme, raffle, beacon=ROUND, per_customer_max=1) == 422
    await advance(town.acme, END_MS + 10_000)
    before = await seen(town, raffle)
    waiting = await town.acme.post(f"/campaigns/{raffle}:pick")
    assert (waiting.status_code, waiting.json()["code"]) == (409, "WRONG_STATUS")
    await proven(town.acme, raffle, 4)

    assert await edit(town.acme, raffle, beacon={**ROUND, "round": 1, "value": "8b3f"}) == 422
    assert await edit(town.acme, raffle, beacon={**ROUND, "value": "8b3f"}) == 200
    assert await edit(town.acme, raffle, beacon={**ROUND, "value": "8b40"}) == 422
    picked = await town.acme.post(f"/campaigns/{raffle}:pick")
    assert picked.status_code == 200, picked.text
    assert picked.json()["root"] == before["root"]
    assert len(await given(town.acme, raffle)) == 3
    await proven(town.acme, raffle, 4)


async def test_a_draw_bound_to_a_round(town: Town) -> None:
    """It opens with the value; then each draw is made of it, too."""
    chance = {"key": "A", "kind": "POINTS", "value": {"amount": 1}, "weight_ppm": 400_000}
    bound = {"type": "DRAW", "rewards": [chance], "beacon": ROUND}
    draw = await a_raffle(town.acme, **bound)
    path = f"/campaigns/{draw}/draws"
    early = await town.acme.post(path, {"customer_id": "ann"}, "ann")
    refused = early.json()
    assert (early.status_code, refused["code"]) == (409, "NOT_OPEN_YET")
    assert "round 4919 of drand quicknet" in refused["detail"]
    assert ("opens_at" in refused, early.headers["retry-after"]) == (False, "60")
    promised = (await town.stranger.get(f"/campaigns/{draw}/commitments")).json()
    assert (promised["type"], promised["beacon"]) == ("DRAW", {**ROUND, "value": None})
    weightier = {**bound, "rewards": [{**chance, "weight_ppm": 500_000}]}
    assert await edit(town.acme, draw, **weightier) == 422
    assert await edit(town.acme, draw, **bound | {"beacon": {**ROUND, "value": "8b3f"}}) == 200
    for number in range(30):
        answer = await town.acme.post(path, {"customer_id": f"u{number}"}, f"u{number}")
        assert answer.status_code == 201
    await advance(town.acme, END_MS + 10_000)
    await proven(town.acme, draw, 30)


async def test_what_is_fixed_after_the_close(town: Town) -> None:
    """All of it: nobody chooses terms who has seen the entries."""
    raffle = await a_raffle(town.acme)
    assert await edit(town.acme, raffle, name="Another name") == 200
    assert await edit(town.acme, raffle, beacon=ROUND) == 422
    await advance(town.acme, END_MS)
    assert await edit(town.acme, raffle, ends_at=rfc3339(NOW_MS + 2 * END_MS)) == 422
    assert await edit(town.acme, raffle, name="Another name") == 422
    assert (await town.acme.get(f"/campaigns/{raffle}")).json()["version"] == 2


async def test_what_is_never_picked(town: Town) -> None:
    """What is no raffle, what was ended by hand, what stood paused at its end."""
    ended, paused = [await a_raffle(town.acme) for _ in range(2)]
    await town.acme.post(f"/campaigns/{ended}:end")
    await town.acme.post(f"/campaigns/{paused}:pause")
    claims = await town.acme.campaign()
    await advance(town.acme, END_MS + 10_000)
    for campaign in (ended, paused, claims["id"]):
        answer = await town.acme.post(f"/campaigns/{campaign}:pick")
        assert (answer.status_code, answer.json()["code"]) == (409, "WRONG_STATUS")
    assert (await town.stranger.get(f"/campaigns/{claims['id']}/raffle")).status_code == 404


async def test_wishes_go_where_they_belong(town: Town) -> None:
    """Claims and draws are no entries, and a dry run leaves nothing."""
    raffle = await a_raffle(town.acme)
    for kind in ("claims", "draws"):
        answer = await town.acme.post(f"/campaigns/{raffle}/{kind}", {"customer_id": "u"}, "k")
        assert answer.status_code == 422
        assert "/entries" in answer.json()["detail"]
    claims = await town.acme.campaign()
    wrong = await town.acme.post(f"/campaigns/{claims['id']}/entries", {"customer_id": "u"}, "k")
    assert (wrong.status_code, "/claims" in wrong.json()["detail"]) == (422, True)
    tried = await town.acme.post(f"/campaigns/{raffle}/entries?dry_run=true", {"customer_id": "u"})
    assert tried.json() == {"accepted": True, "outcome": "DRAWN", "transient": False}
    [entry] = await enter(town.acme, raffle, "ann")
    assert entry["number"] == 1
    keyless = await town.acme.post(f"/campaigns/{raffle}/entries", {"customer_id": "bob"})
    assert keyless.json()["code"] == "KEY_REQUIRED"


@ON_ONE_LOOP
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"ends_at": None}, "/ends_at"),
        ({"on_exhausted": "REDISTRIBUTE"}, "/on_exhausted"),
        ({"fallback_reward": "BIG"}, "/fallback_reward"),
        ({"draws_per": {"n": 0}}, "/draws_per/n"),
        ({"on_repeat": "RETURN"}, "/on_repeat"),
        ({"beacon": {"source": "a|b", "round": 1}}, "/beacon/source"),
        ({"beacon": {"source": "a", "round": 1, "value": "x|y"}}, "/beacon/value"),
        ({"beacon": {"source": "a", "round": 0}}, "/beacon/round"),
        ({"type": "CLAIM", "draws_per": None, "beacon": ROUND}, "/beacon"),
    ],
)
async def test_raffles_that_make_no_sense(still_town: Town, changes: Json, pointer: str) -> None:
    """Each is refused with where and why."""
    answer = await still_town.acme.post("/campaigns", definition(**changes))
    assert (answer.status_code, answer.json()["pointer"]) == (422, pointer), answer.text


@ON_ONE_LOOP
@pytest.mark.parametrize(
    "change",
    [
        {"quota_total": None},
        {"quota_total": 200_000},
        {"quota_daily": 1},
        {"per_customer_max": 1},
        {"weight_ppm": 1},
    ],
)
async def test_rewards_that_no_raffle_has(still_town: Town, change: Json) -> None:
    """Their quota is the number of winners, and there is nothing else to them."""
    wanted = definition()
    wanted["rewards"][1] |= change
    answer = await still_town.acme.post("/campaigns", wanted)
    assert answer.status_code == 422
    assert answer.json()["pointer"].startswith("/rewards")
