"""Code pools over HTTP: set aside, exported, checked, taken back."""

import csv
import io
from typing import Any

import pyarrow.parquet  # type: ignore[import-untyped]  # it has no types of its own
import pytest
from rest_stage import NOW, REWARD, Caller, Json, Town

from largesse.issuance.model import IncentiveStatus
from largesse.pools.model import CodeState

RANDOM_CODE = {"pattern": "########-**", "source": "random"}


def a_reward(**changes: object) -> Json:
    """A coupon that there are a hundred of."""
    return {**REWARD, "quota_total": 100, "code": {"pattern": "SPRING-####-**"}, **changes}


async def a_campaign(caller: Caller, **changes: Any) -> str:  # noqa: ANN401 - any of a reward's fields
    """An open campaign of one reward; its id."""
    return str((await caller.campaign(rewards=[a_reward(**changes)]))["id"])


async def stock(caller: Caller, campaign: str) -> Json:
    """What is left of the only reward."""
    shown: Json = (await caller.get(f"/campaigns/{campaign}")).json()["rewards"][0]["stock"]
    return shown


async def checked(caller: Caller, *codes: str) -> list[Json]:
    """What is known of codes."""
    answer = await caller.post("/codes:check", {"codes": codes})
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["results"]
    return found


def rows(text: str) -> list[list[str]]:
    """The rows of a CSV file, without its head."""
    head, *found = csv.reader(io.StringIO(text))
    assert head == ["number", "code"]
    return found


@pytest.mark.parametrize("code", [{"pattern": "SPRING-####-**"}, RANDOM_CODE])
async def test_a_printer_s_codes(town: Town, code: Json) -> None:
    """Set aside, exported, known; and no claim ever gives one of them."""
    campaign = await a_campaign(town.acme, code=code)

    pool = await town.acme.pool(campaign, 40, name="인쇄소, Berlin")
    job = await town.acme.exported(pool["id"])
    file = await town.acme.file(job)

    assert (pool["status"], pool["count"], pool["name"]) == ("READY", 40, "인쇄소, Berlin")
    assert await stock(town.acme, campaign) == {
        "total": 100,
        "issued": 0,
        "reserved": 40,
        "left": 60,
        "left_today": None,
    }
    assert (job["status"], job["done"], job["total"]) == ("DONE", 40, 40)
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert job["id"] in file.headers["content-disposition"]
    numbers, codes = zip(*rows(file.text), strict=True)
    assert [int(number) for number in numbers] == list(range(1, 41))
    assert len({*codes}) == 40
    claimed = [(await town.acme.incentive(campaign, f"u-{n}"))["code"] for n in range(60)]
    assert {*codes}.isdisjoint(claimed)
    found = await checked(town.acme, *codes)
    assert {one["status"] for one in found} == {"AVAILABLE"}
    assert {one["pool_id"] for one in found} == {pool["id"]}


async def test_sold_out_when_the_rest_is_set_aside(town: Town) -> None:
    """Units of a pool are nobody's to claim; taken back, they are."""
    campaign = await a_campaign(town.acme, quota_total=2)
    pool = await town.acme.pool(campaign, 2)
    claims = f"/campaigns/{campaign}/claims"

    refused = await town.acme.post(claims, {"customer_id": "u"}, "k")
    deleted = await town.acme.ask("DELETE", f"/code-pools/{pool['id']}")
    again = await town.acme.ask("DELETE", f"/code-pools/{pool['id']}")
    issued = await town.acme.post(claims, {"customer_id": "u"}, "k")

    assert refused.json()["code"] == "SOLD_OUT"
    assert (deleted.status_code, deleted.json()["status"]) == (200, "DELETED")
    assert again.json() == deleted.json()
    assert issued.status_code == 201
    export = await town.acme.post(f"/code-pools/{pool['id']}:export", {})
    assert (export.status_code, export.json()["code"]) == (409, "WRONG_STATUS")


async def test_codes_of_a_pool_that_was_taken_back(town: Town) -> None:
    """Are known for what they are: whoever printed them hears it."""
    campaign = await a_campaign(town.acme)
    pool = await town.acme.pool(campaign, 1)
    [[_, code]] = rows((await town.acme.file(await town.acme.exported(pool["id"]))).text)
    await town.acme.ask("DELETE", f"/code-pools/{pool['id']}")

    [found] = await checked(town.acme, code)

    assert (found["known"], found["status"], found["pool_id"]) == (True, "DELETED", pool["id"])


async def test_the_same_codes_for_a_second_hand(town: Town) -> None:
    """Only when it is said: two files of them in two hands give one code to two people."""
    pool = await town.acme.pool(await a_campaign(town.acme), 3)
    first = await town.acme.exported(pool["id"])

    refused = await town.acme.post(f"/code-pools/{pool['id']}:export", {})
    again = await town.acme.exported(pool["id"], again=True)

    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATUS")
    assert "say `again`" in refused.json()["detail"]
    assert (await town.acme.file(again)).text == (await town.acme.file(first)).text
    shown = (await town.acme.get(f"/code-pools/{pool['id']}")).json()
    assert (shown["exports"], shown["exported_at"]) == (2, NOW)


async def test_one_key_makes_one_pool(town: Town) -> None:
    """A retry gets the first answer; nothing is set aside twice."""
    campaign = await a_campaign(town.acme)
    path, body = f"/campaigns/{campaign}/code-pools", {"count": 5, "name": "Printer"}

    first = await town.acme.post(path, body, "order-1")
    again = await town.acme.post(path, body, "order-1")
    other = await town.acme.post(path, {**body, "count": 6}, "order-1")

    assert again.status_code == first.status_code == 202
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert (await stock(town.acme, campaign))["reserved"] == 5


async def test_parquet(town: Town) -> None:
    """The same rows as in the CSV file, with their types."""
    pool = await town.acme.pool(await a_campaign(town.acme, code=RANDOM_CODE), 50)
    text = (await town.acme.file(await town.acme.exported(pool["id"]))).text

    job = await town.acme.exported(pool["id"], format="parquet", again=True)
    file = await town.acme.file(job)

    assert file.headers["content-type"] == "application/vnd.apache.parquet"
    table = pyarrow.parquet.read_table(io.BytesIO(file.content))
    assert [str(kind) for kind in table.schema.types] == ["int64", "string"]
    columns = table.to_pydict()
    pairs = zip(columns["number"], columns["code"], strict=True)
    assert [[str(number), code] for number, code in pairs] == rows(text)


async def test_a_download_is_gone_on_with(town: Town) -> None:
    """From any byte on, as RFC 9110 says; what cannot be is told."""
    pool = await town.acme.pool(await a_campaign(town.acme), 20)
    job = await town.acme.exported(pool["id"])
    whole = (await town.acme.file(job)).content

    rest = await town.acme.file(job, range="bytes=100-")
    part = await town.acme.file(job, range="bytes=0-9")
    beyond = await town.acme.file(job, range=f"bytes={len(whole)}-")
    strange = await town.acme.file(job, range="lines=1-2")

    assert (rest.status_code, rest.content) == (206, whole[100:])
    assert rest.headers["content-range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
    assert (part.status_code, part.content) == (206, whole[:10])
    assert (beyond.status_code, beyond.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
    assert (strange.status_code, strange.content) == (200, whole)


async def test_what_is_known_of_codes(town: Town) -> None:
    """However they are typed; a slip is noticed by its check symbol, a rival's is nothing."""
    campaign = await a_campaign(town.acme)
    incentive = await town.acme.incentive(campaign)
    code = incentive["code"]
    last = "3" if code.endswith("2") else "2"
    theirs = (await town.rival.incentive(await a_campaign(town.rival)))["code"]

    typed = [code.lower().replace("-", " "), code[:-1] + last, "hello", theirs]
    mine, slip, nonsense, foreign = await checked(town.acme, *typed)

    assert mine == {
        "code": typed[0],
        "well_formed": True,
        "check_right": True,
        "known": True,
        "status": "ISSUED",
        "campaign_id": campaign,
        "reward": "STANDARD",
        "pool_id": None,
        "incentive_id": incentive["id"],
    }
    assert (slip["well_formed"], slip["check_right"], slip["known"]) == (True, False, False)
    assert (nonsense["well_formed"], nonsense["check_right"]) == (False, None)
    assert (foreign["known"], foreign["status"], foreign["incentive_id"]) == (False, None, None)
    await town.acme.post(f"/incentives/{incentive['id']}:revoke", None, "k")
    [revoked] = await checked(town.acme, code)
    assert revoked["status"] == "REVOKED"


async def test_used_codes(town: Town) -> None:
    """One that was used is known, as what it is."""
    incentive = await town.acme.incentive(await a_campaign(town.acme))
    used = {"customer_id": incentive["customer_id"], "incentive_id": incentive["id"]}
    assert (await town.acme.post("/redemptions", used, "k")).status_code == 200

    [found] = await checked(town.acme, incentive["code"])

    assert found["status"] == "REDEEMED"


def test_every_status_is_told() -> None:
    """Of an incentive that somebody asks about by its code."""
    assert set(IncentiveStatus) <= set(CodeState)


async def test_expired_codes(town: Town) -> None:
    """By the tenant's own clock."""
    campaign = await a_campaign(town.acme, expires_after_s=60)
    code = (await town.acme.incentive(campaign))["code"]
    await town.acme.post("/test-clock:advance", {"by_s": 60})

    [found] = await checked(town.acme, code)

    assert found["status"] == "EXPIRED"


async def test_codes_without_check_symbols(town: Town) -> None:
    """There is nothing to check: null, not right."""
    code = (await town.acme.incentive(await a_campaign(town.acme, code={"pattern": "가가9999"})))[
        "code"
    ]

    [found, made_up] = await checked(
        town.acme, code, "가가0000" if code != "가가0000" else "가가0001"
    )

    assert (found["check_right"], found["known"]) == (None, True)
    assert (made_up["well_formed"], made_up["check_right"], made_up["known"]) == (True, None, False)


@pytest.mark.parametrize(
    ("wish", "status", "code", "pointer"),
    [
        ({"count": 0}, 422, "INVALID", "/count"),
        ({"count": 10**7 + 1}, 422, "INVALID", "/count"),
        ({"count": 101}, 422, "NOT_ENOUGH_LEFT", "/count"),
        ({"reward": "GOLD"}, 422, "REWARD_REQUIRED", "/reward"),
        ({"name": "\u0000"}, 422, "INVALID", "/name"),
        ({"name": " "}, 422, "INVALID", "/name"),
        ({"pool": "x"}, 422, "INVALID", "/pool"),
    ],
)
async def test_wishes_that_cannot_be(
    town: Town, wish: Json, status: int, code: str, pointer: str
) -> None:
    """Told with what to change; nothing is set aside."""
    campaign = await a_campaign(town.acme)
    body = {"count": 1, "name": "Printer", **wish}

    answer = await town.acme.post(f"/campaigns/{campaign}/code-pools", body)

    told = answer.json()
    assert (answer.status_code, told["code"], told["pointer"]) == (status, code, pointer)
    assert (await stock(town.acme, campaign))["reserved"] == 0
    assert (await town.acme.get("/code-pools")).json()["items"] == []


async def test_campaigns_that_have_no_codes_to_give(town: Town) -> None:
    """A draft, an ended one, a draw, a reward without codes, a pattern that is used up."""
    points = {**REWARD, "kind": "POINTS", "value": {"amount": 1}}
    draft = await town.acme.campaign(activate=False)
    ended = await town.acme.campaign()
    await town.acme.post(f"/campaigns/{ended['id']}:end")
    drawn = await town.acme.campaign(type="DRAW", rewards=[a_reward(weight_ppm=1)])
    uncoded = await town.acme.campaign(rewards=[points])
    small = await a_campaign(town.acme, quota_total=None, code={"pattern": "X9"})
    cases = [
        (draft["id"], 1, 409, "WRONG_STATUS"),
        (ended["id"], 1, 409, "WRONG_STATUS"),
        (drawn["id"], 1, 422, "INVALID"),
        (uncoded["id"], 1, 422, "INVALID"),
        (small, 11, 422, "PATTERN_TOO_SMALL"),
    ]
    for campaign, count, status, code in cases:
        path = f"/campaigns/{campaign}/code-pools"
        answer = await town.acme.post(path, {"count": count, "name": "Printer"})
        assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("body", [{"format": "xlsx"}, {"format": None}, {"formt": "csv"}])
async def test_unknown_formats(town: Town, body: Json) -> None:
    """Named in the answer; no job is made."""
    pool = await town.acme.pool(await a_campaign(town.acme))

    answer = await town.acme.post(f"/code-pools/{pool['id']}:export", body)

    assert answer.status_code == 422
    kinds = {job["kind"] for job in (await town.acme.get("/jobs")).json()["items"]}
    assert kinds == {"codes.generate"}


async def test_too_many_codes_at_once(town: Town) -> None:
    """A thousand are checked, one more is not."""
    assert len(await checked(town.acme, *["x"] * 1000)) == 1000
    answer = await town.acme.post("/codes:check", {"codes": ["x"] * 1001})
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/codes")


async def test_lists_go_on(town: Town) -> None:
    """Pools and jobs, newest first, a piece at a time."""
    campaign = await a_campaign(town.acme)
    made = [(await town.acme.pool(campaign))["id"] for _ in range(3)]
    for path in ("/code-pools", "/jobs"):
        first = (await town.acme.get(f"{path}?limit=2")).json()
        rest = (await town.acme.get(f"{path}?limit=2&cursor={first['next']}")).json()
        found = [one.get("subject", one["id"]) for one in first["items"] + rest["items"]]
        assert found == made[::-1]
        assert rest["next"] is None


async def test_the_audit_knows_who_did_it(town: Town) -> None:
    """Who set codes aside, who exported them, who took them back."""
    pool = await town.acme.pool(await a_campaign(town.acme))
    await town.acme.exported(pool["id"])
    await town.acme.ask("DELETE", f"/code-pools/{pool['id']}")

    entries = (await town.acme.get("/audit/entries")).json()["items"]

    about = [entry["operation"] for entry in entries if entry["subject"] == pool["id"]]
    assert about == ["delete_code_pool", "export_code_pool", "create_code_pool"]
