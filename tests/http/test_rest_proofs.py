"""The proof of draws over HTTP: promised before, kept secret meanwhile, told and signed after."""

import json
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from rest_stage import NOW, NOW_MS, Caller, Json, Town, on, opened_town

from largesse.draws.verification.proof import verify
from largesse.draws.verification.receipt import check_receipt
from largesse.draws.verification.report import Expected, Receipt, Report
from largesse.kernel.calendar import rfc3339

END_MS = 43_200_000
"""From the town's now on, in milliseconds."""

ENDS_AT = rfc3339(NOW_MS + END_MS)


@pytest.fixture
async def town(tmp_path: Path, own_ledger: Mapping[str, str]) -> AsyncIterator[Town]:
    """The whole application, on either ledger."""
    async with opened_town(tmp_path, **on(own_ledger)) as opened:
        yield opened


async def a_draw(caller: Caller, **changes: Any) -> Json:  # noqa: ANN401 — any field
    """A draw that ends at midnight."""
    value = {"amount": 500, "currency": "KRW"}
    rewards = [
        {"key": key, "kind": "COUPON", "value": value, "weight_ppm": 300_000, "quota_total": 5}
        for key in ("A", "B")
    ]
    return await caller.campaign(type="DRAW", rewards=rewards, ends_at=ENDS_AT, **changes)


async def drawn(caller: Caller, campaign: Json, *customers: str) -> list[Json]:
    """What some customers drew."""
    path = f"/campaigns/{campaign['id']}/draws"
    answers = [await caller.post(path, {"customer_id": one}, f"k-{one}") for one in customers]
    assert {one.status_code for one in answers} == {201}
    return [one.json() for one in answers]


async def promised(town: Town, campaign: Json) -> Json:
    """What anybody is told of a draw."""
    answer = await town.stranger.get(f"/campaigns/{campaign['id']}/commitments")
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def proven(caller: Caller, campaign: Json, expected: Expected) -> Report:
    """What the proof of a draw says."""
    answer = await caller.get(f"/campaigns/{campaign['id']}/proof")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return verify(answer.content.splitlines(keepends=True), expected)


async def edit(caller: Caller, campaign: Json, weight_ppm: int) -> None:
    """Change the first weight."""
    shown = (await caller.get(f"/campaigns/{campaign['id']}")).json()
    kept = ("name", "type", "starts_at", "ends_at", "time_zone")
    named = ("key", "kind", "value", "weight_ppm", "quota_total", "code")
    rewards = [{name: one[name] for name in named} for one in shown["rewards"]]
    for one in rewards:
        one["code"] = {"pattern": one["code"]["pattern"], "source": one["code"]["source"]}
    rewards[0]["weight_ppm"] = weight_ppm
    body = {name: shown[name] for name in kept} | {"rewards": rewards}
    headers = {"if-match": f'"{shown["version"]}"'}
    answer = await caller.ask("PUT", f"/campaigns/{campaign['id']}", body, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_a_draw_is_proven(town: Town) -> None:
    """What was promised to everybody before is what the signed proof was made by."""
    campaign = await a_draw(town.acme)
    before = await promised(town, campaign)
    won = await drawn(town.acme, campaign, *(f"u{number}" for number in range(12)))
    taken = next(one["incentive"]["id"] for one in won if one["won"])
    await town.acme.post(f"/incentives/{taken}:revoke", key="back")
    await edit(town.acme, campaign, 500_000)
    await drawn(town.acme, campaign, *(f"v{number}" for number in range(12)))
    listed = await town.acme.get(f"/campaigns/{campaign['id']}/draws?customer_id=v3")
    key = (await town.stranger.get("/proof-key")).json()
    await town.acme.post("/test-clock:advance", {"by_ms": END_MS + 10_000})

    after = await promised(town, campaign)
    noted = [one["commitment"] for one in after["items"]]
    mine = listed.json()["proof_salt"], "v3"
    report = await proven(town.acme, campaign, Expected(key["public_key"], noted, mine))

    assert report.findings == []
    assert (report.draws, report.campaign) == (24, campaign["id"])
    assert [one["n"] for one in report.mine] == [16]
    [first] = before["items"]
    assert (first["commitment"], first["secret"], first["terms"]) == (noted[0], None, None)
    assert [(one["version"], after["told"]) for one in after["items"]] == [(1, True), (2, True)]
    for one in after["items"]:
        text = f"largesse-commitment/1|{one['secret']}|{one['terms']}"
        assert sha256(text.encode()).hexdigest() == one["commitment"]


async def test_secrets_are_told_after_the_end(town: Town) -> None:
    """Not at the end itself: a draw of the last millisecond may still be under way."""
    campaign = await a_draw(town.acme)
    path = f"/campaigns/{campaign['id']}/proof"
    for by_ms, status in ((END_MS - 1, 409), (1, 409), (9_999, 409), (1, 200)):
        await town.acme.post("/test-clock:advance", {"by_ms": by_ms})
        answer = await town.acme.get(path)
        assert answer.status_code == status
        assert (await promised(town, campaign))["told"] == (status == 200)
        if status != 200:
            assert answer.json()["code"] == "WRONG_STATUS"


async def test_a_draw_ended_by_hand_and_one_that_nobody_drew_in(town: Town) -> None:
    """There is nothing left to hide."""
    campaign = await a_draw(town.acme)
    await town.acme.post(f"/campaigns/{campaign['id']}:end")
    report = await proven(town.acme, campaign, Expected())
    assert (report.holds, report.draws, len(report.commitments)) == (True, 0, 1)


async def test_an_extension_does_not_draw_by_what_was_told(town: Town) -> None:
    """The end is moved once the secret is out: the next version has another secret."""
    campaign = await a_draw(town.acme)
    await drawn(town.acme, campaign, "ann")
    await town.acme.post("/test-clock:advance", {"by_ms": END_MS + 10_000})
    [told] = (await promised(town, campaign))["items"]
    shown = (await town.acme.get(f"/campaigns/{campaign['id']}")).json()
    body = {name: shown[name] for name in ("name", "type", "starts_at", "time_zone")}
    named = ("key", "kind", "value", "weight_ppm", "quota_total")
    rewards = [{name: one[name] for name in named} for one in shown["rewards"]]
    headers = {"if-match": f'"{shown["version"]}"'}
    for one, known in zip(rewards, shown["rewards"], strict=True):
        one["code"] = {name: known["code"][name] for name in ("pattern", "source")}
    body |= {"ends_at": rfc3339(NOW_MS + 9 * END_MS), "rewards": rewards}
    answer = await town.acme.ask("PUT", f"/campaigns/{campaign['id']}", body, headers=headers)
    assert answer.status_code == 200, answer.text

    again = await promised(town, campaign)
    assert (again["told"], [one["secret"] for one in again["items"]]) == (False, [None, None])
    await drawn(town.acme, campaign, "bob")
    await town.acme.post(f"/campaigns/{campaign['id']}:end")
    ended = await promised(town, campaign)
    assert ended["items"][0] == told
    assert ended["items"][1]["secret"] != told["secret"]
    assert (await proven(town.acme, campaign, Expected())).findings == []


async def receipt_of(caller: Caller, draw_id: str) -> Receipt:
    """The receipt of a draw, which holds."""
    answer = await caller.get(f"/draws/{draw_id}/receipt")
    assert answer.status_code == 200, answer.text
    assert draw_id in answer.headers["content-disposition"]
    receipt = check_receipt(answer.content.splitlines(keepends=True))
    assert receipt.findings == ()
    return receipt


async def test_receipts(town: Town) -> None:
    """From the draw on, for its customer alone; after a revoke, an edit and the end the same."""
    campaign = await a_draw(town.acme)
    made = await drawn(town.acme, campaign, *(f"u{number}" for number in range(8)))
    ids = [one["draw"]["id"] for one in made]
    token = (await town.acme.post("/customers/u3:token", {})).json()["token"]
    mine = await receipt_of(town.caller(token), ids[3])
    assert (mine.customer_id, mine.draw["n"]) == ("u3", 4)
    assert mine.draw["seed"] == made[3]["draw"]["client_seed"]
    path = f"/draws/{ids[3]}/receipt"
    other = (await town.acme.post("/customers/u4:token", {})).json()["token"]
    for caller in (town.caller(other), town.rival):
        assert (await caller.get(path)).status_code == 404
    assert (await town.stranger.get(path)).status_code == 401
    assert (await town.acme.get("/draws/draw_unknown/receipt")).status_code == 404

    taken = next(one["incentive"]["id"] for one in made if one["won"])
    await town.acme.post(f"/incentives/{taken}:revoke", key="back")
    await edit(town.acme, campaign, 500_000)
    made += await drawn(town.acme, campaign, "later")
    await town.acme.post("/test-clock:advance", {"by_ms": END_MS + 10_000})

    receipts = [await receipt_of(town.acme, one["draw"]["id"]) for one in made]
    assert receipts[3] == mine
    assert receipts[0].commitment != receipts[-1].commitment
    report = await proven(town.acme, campaign, Expected(receipts=receipts))
    assert report.findings == []


async def test_what_promises_nothing(town: Town) -> None:
    """A draft, claims, another tenant's, an unknown one."""
    draft = await a_draw(town.acme, activate=False)
    claims = await town.acme.campaign(starts_at=NOW)
    for campaign_id in (draft["id"], claims["id"], "camp_unknown"):
        answer = await town.stranger.get(f"/campaigns/{campaign_id}/commitments")
        assert answer.status_code == 404
    ended = await a_draw(town.acme)
    await town.acme.post(f"/campaigns/{ended['id']}:end")
    assert (await town.rival.get(f"/campaigns/{ended['id']}/proof")).status_code == 404
    assert (await town.stranger.get(f"/campaigns/{ended['id']}/proof")).status_code == 401
    assert (await town.acme.get(f"/campaigns/{claims['id']}/proof")).status_code == 409


@pytest.mark.parametrize("seed", ["my own", None])
async def test_a_dry_run_tells_nothing_of_the_outcome(town: Town, seed: str | None) -> None:
    """Its answer is the same whether the next draw wins or loses, and for whichever seed."""
    sure, never = [
        await town.acme.campaign(
            type="DRAW",
            rewards=[
                {"key": "A", "kind": "POINTS", "value": {"amount": 1}, "weight_ppm": weight_ppm}
            ],
        )
        for weight_ppm in (1_000_000, 0)
    ]
    told = set()
    for campaign in (sure, never):
        for customer in ("ann", "bob"):
            path = f"/campaigns/{campaign['id']}/draws?dry_run=true"
            answer = await town.acme.post(path, {"customer_id": customer, "client_seed": seed})
            assert answer.status_code == 200
            told.add(json.dumps(answer.json()))
    assert told == {'{"accepted": true, "outcome": "DRAWN", "transient": false}'}
