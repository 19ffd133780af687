"""Campaigns over HTTP: shapes, life, edits, lists, replays."""

import asyncio

import httpx
import pytest
from rest_stage import CAMPAIGN, NOW, REWARD, Json, Town

FIELDS = [
    "id", "number", "name", "type", "status", "phase", "version", "starts_at", "ends_at",
    "time_zone", "per_customer_max", "on_repeat", "revoke_keeps_cap", "customers", "requires",
    "draws_per", "on_exhausted", "fallback_reward", "beacon", "metadata", "created_at", "rewards",
]  # fmt: skip


async def test_a_new_campaign_has_its_shape(town: Town) -> None:
    """All fields, in order, with the defaults filled in."""
    shown = await town.acme.campaign(activate=False)
    assert list(shown) == FIELDS
    assert (shown["status"], shown["phase"], shown["version"]) == ("DRAFT", "DRAFT", 1)
    assert (shown["time_zone"], shown["created_at"]) == ("UTC", NOW)
    [reward] = shown["rewards"]
    assert reward["code"] == {"source": "permuted", "pattern": "##########**"}
    assert reward["stock"] == {
        "total": 3, "issued": 0, "reserved": 0, "left": 3, "left_today": None,
    }  # fmt: skip


async def test_points_have_no_code(town: Town) -> None:
    """Only coupons get the default pattern."""
    reward = {"key": "P", "kind": "POINTS", "value": {"amount": 10}}
    shown = await town.acme.campaign(rewards=[reward])
    assert shown["rewards"][0]["code"] is None
    assert shown["rewards"][0]["value"] == {"amount": 10}


async def test_times_are_read_with_any_offset(town: Town) -> None:
    """And written in UTC with milliseconds."""
    shown = await town.acme.campaign(starts_at="2027-01-15T18:00:00.1239+09:00")
    assert shown["starts_at"] == "2027-01-15T09:00:00.123Z"
    assert shown["phase"] == "SCHEDULED"


async def test_the_zone_is_the_tenants_unless_said(town: Town) -> None:
    """A day's quota needs a day."""
    wish = {"name": "Seoul", "time_zone": "Asia/Seoul"}
    key = (await town.operator.post("/tenants", wish)).json()["admin_key"]
    seoul = town.caller(key)
    assert (await seoul.campaign())["time_zone"] == "Asia/Seoul"
    assert (await seoul.campaign(time_zone="UTC"))["time_zone"] == "UTC"


async def test_life(town: Town) -> None:
    """DRAFT → ACTIVE ⇄ PAUSED → ENDED; a step that changes nothing is 200, a wrong one 409."""
    path = f"/campaigns/{(await town.acme.campaign(activate=False))['id']}"
    for verb, status, told in [
        ("pause", 409, "WRONG_STATUS"),
        ("activate", 200, "ACTIVE"),
        ("activate", 200, "ACTIVE"),
        ("pause", 200, "PAUSED"),
        ("activate", 200, "ACTIVE"),
        ("end", 200, "ENDED"),
        ("end", 200, "ENDED"),
        ("activate", 409, "WRONG_STATUS"),
    ]:
        answer = await town.acme.post(f"{path}:{verb}")
        assert answer.status_code == status, verb
        assert answer.json()["code" if status == 409 else "status"] == told


async def test_windows_open_and_close_by_themselves(town: Town) -> None:
    """The phase follows the tenant's clock, and a campaign past its end counts as ended."""
    shown = await town.acme.campaign(
        starts_at="2027-01-15T08:00:01Z", ends_at="2027-01-15T08:00:02Z"
    )
    phases = []
    for by_ms in (999, 1, 999, 1):
        await town.acme.post("/test-clock:advance", {"by_ms": by_ms})
        phases.append((await town.acme.get(f"/campaigns/{shown['id']}")).json()["phase"])
    assert phases == ["SCHEDULED", "OPEN", "OPEN", "ENDED"]
    ended = await town.acme.get("/campaigns?status=ENDED")
    assert [one["id"] for one in ended.json()["items"]] == [shown["id"]]


async def edit(
    town: Town, campaign: Json, if_match: str | None, **changes: object
) -> httpx.Response:
    """PUT a campaign."""
    headers = {} if if_match is None else {"if-match": if_match}
    path = f"/campaigns/{campaign['id']}"
    return await town.acme.ask("PUT", path, {**CAMPAIGN, **changes}, headers=headers)


async def test_edits_need_the_version_that_was_read(town: Town) -> None:
    """428 without If-Match, 412 with another one; an edit makes the next version."""
    shown = await town.acme.campaign()
    etag = (await town.acme.get(f"/campaigns/{shown['id']}")).headers["etag"]
    assert etag == '"1"'
    assert (await edit(town, shown, None)).status_code == 428
    for wrong in ('"2"', "1", 'W/"1"', "*", '"x"', '"' + "9" * 300 + '"'):
        assert (await edit(town, shown, wrong)).status_code == 412, wrong
    edited = await edit(town, shown, etag, name="Relaunch")
    assert edited.status_code == 200
    assert (edited.headers["etag"], edited.json()["version"]) == ('"2"', 2)
    assert (await edit(town, shown, etag, name="Lost")).status_code == 412


async def test_versions_stay(town: Town) -> None:
    """Each can be read as it was."""
    shown = await town.acme.campaign()
    await edit(town, shown, '"1"', name="Second")
    path = f"/campaigns/{shown['id']}/versions"
    names = [(await town.acme.get(f"{path}/{n}")).json()["name"] for n in (1, 2)]
    assert names == ["Launch", "Second"]
    for n in ("3", "0", "-1", "x", "9" * 40):
        assert (await town.acme.get(f"{path}/{n}")).status_code == 404, n


async def test_what_is_fixed_after_activation(town: Town) -> None:
    """422 with a pointer and a code that says why."""
    shown = await town.acme.campaign()
    answer = await edit(town, shown, '"1"', time_zone="Asia/Seoul")
    assert answer.status_code == 422
    assert answer.json()["code"] == "FIXED_AFTER_ACTIVATION"
    assert answer.json()["pointer"] == "/time_zone"


async def test_a_quota_below_what_was_issued(town: Town) -> None:
    """Refused with both numbers."""
    shown = await town.acme.campaign()
    for customer in ("a", "b"):
        await town.acme.incentive(shown["id"], customer)
    answer = await edit(town, shown, '"1"', rewards=[{**REWARD, "quota_total": 1}])
    assert answer.status_code == 422
    assert answer.json()["code"] == "QUOTA_BELOW_ISSUED"
    assert answer.json()["pointer"] == "/rewards/0/quota_total"
    assert "1" in answer.json()["detail"]
    assert "2" in answer.json()["detail"]


async def test_deleting(town: Town) -> None:
    """A draft disappears; any other ends and stays readable."""
    draft = await town.acme.campaign(activate=False)
    active = await town.acme.campaign()
    gone = await town.acme.ask("DELETE", f"/campaigns/{draft['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await town.acme.get(f"/campaigns/{draft['id']}")).status_code == 404
    ended = await town.acme.ask("DELETE", f"/campaigns/{active['id']}")
    assert (ended.status_code, ended.json()["status"]) == (200, "ENDED")
    again = await town.acme.ask("DELETE", f"/campaigns/{active['id']}")
    assert (again.status_code, again.json()["status"]) == (200, "ENDED")


async def test_lists_filter(town: Town) -> None:
    """By status, type and name; together they narrow."""
    await town.acme.campaign(name="Winter sale", activate=False)
    await town.acme.campaign(name="Summer sale")
    for query, expected in [
        ("", ["Summer sale", "Winter sale"]),
        ("?status=DRAFT", ["Winter sale"]),
        ("?status=ACTIVE&type=CLAIM", ["Summer sale"]),
        ("?name=summer", ["Summer sale"]),
        ("?name=summer&status=DRAFT", []),
    ]:
        for path in ("/campaigns", f"/tenants/{town.acme_id}/campaigns"):
            items = (await town.acme.get(path + query)).json()["items"]
            assert [one["name"] for one in items] == expected, query


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
async def test_lists_are_walked_whole(town: Town, limit: int) -> None:
    """Every campaign once, whatever the size of the page."""
    made = [(await town.acme.campaign(name=f"c{n}"))["id"] for n in range(3)]
    found, path = [], f"/campaigns?limit={limit}"
    while path:
        page = (await town.acme.get(path)).json()
        found += [one["id"] for one in page["items"]]
        path = page["next"] and f"/campaigns?limit={limit}&cursor={page['next']}"
    assert found == made[::-1]


async def test_a_cursor_opens_its_own_list_only(town: Town) -> None:
    """Not a rival's, not another list's, not with another filter, not when changed."""
    for caller in (town.acme, town.rival):
        for _ in range(2):
            await caller.campaign()
    cursor = (await town.acme.get("/campaigns?limit=1")).json()["next"]
    assert (await town.acme.get(f"/campaigns?cursor={cursor}")).status_code == 200
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for caller, path in [
        (town.rival, f"/campaigns?cursor={cursor}"),
        (town.acme, f"/keys?cursor={cursor}"),
        (town.acme, f"/audit/entries?cursor={cursor}"),
        (town.acme, f"/campaigns?status=ACTIVE&cursor={cursor}"),
        (town.acme, f"/campaigns?cursor={changed}"),
        (town.acme, "/campaigns?cursor=%00"),
        (town.acme, "/campaigns?cursor=é"),
        (town.acme, "/campaigns?cursor=" + "A" * 2_000),
    ]:
        answer = await caller.get(path)
        assert (answer.status_code, answer.json()["pointer"]) == (422, "cursor"), path


async def test_replays_are_equal_to_the_byte(town: Town) -> None:
    """Even when the campaign has changed since, and when its stock has."""
    first = await town.acme.post("/campaigns", {**CAMPAIGN, "activate": True}, "k")
    shown = first.json()
    await town.acme.incentive(shown["id"])
    await edit(town, shown, '"1"', name="Changed")
    await town.acme.post("/test-clock:advance", {"by_s": 86_400})
    second = await town.acme.post("/campaigns", {**CAMPAIGN, "activate": True}, "k")
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert len((await town.acme.get("/campaigns")).json()["items"]) == 1


async def test_two_at_once_with_one_key_get_one_answer(town: Town) -> None:
    """Both are told of the same campaign, and there is one."""
    asked = [town.acme.post("/campaigns", CAMPAIGN, "k") for _ in range(10)]
    answers = await asyncio.gather(*asked)
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (201, answers[0].content)
    }
    replayed = [answer for answer in answers if "idempotency-replayed" in answer.headers]
    assert len(replayed) == 9
    assert len((await town.acme.get("/campaigns")).json()["items"]) == 1


async def test_a_key_is_for_one_request(town: Town) -> None:
    """Another body, or another campaign in the path, is another request."""
    one, two = [await town.acme.campaign() for _ in range(2)]
    assert (await town.acme.post(f"/campaigns/{one['id']}:pause", key="k")).status_code == 200
    again = await town.acme.post(f"/campaigns/{two['id']}:pause", key="k")
    assert (again.status_code, again.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    await town.acme.post("/campaigns", CAMPAIGN, "k")
    other = await town.acme.post("/campaigns", {**CAMPAIGN, "name": "Other"}, "k")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_dry_run_keeps_nothing(town: Town) -> None:
    """It says whether it would be accepted, and the warnings."""
    before = await town.acme.state()
    good = await town.acme.post("/campaigns?dry_run=true", CAMPAIGN, "k")
    assert (good.status_code, good.json()) == (200, {"accepted": True, "warnings": []})
    bad = await town.acme.post("/campaigns?dry_run=true", {**CAMPAIGN, "name": ""})
    assert bad.status_code == 422
    assert await town.acme.state() == before
    assert (await town.acme.post("/campaigns", CAMPAIGN, "k")).status_code == 201


async def test_authors_are_warned(town: Town) -> None:
    """Of codes that are easily guessed: when they are saved, not when they are read."""
    reward = {**REWARD, "code": {"pattern": "가가9999가가99"}}
    shown = await town.acme.campaign(rewards=[reward])
    assert "check symbols" in shown["warnings"][0]
    assert "warnings" not in (await town.acme.get(f"/campaigns/{shown['id']}")).json()


async def test_C09_campaigns_that_make_no_sense(town: Town) -> None:
    """Total ≤ 0, no name, no start, end before start: 422 with a pointer each."""
    without = {name: {k: v for k, v in CAMPAIGN.items() if k != name} for name in CAMPAIGN}
    for body, pointer in [
        ({**CAMPAIGN, "rewards": [{**REWARD, "quota_total": 0}]}, "/rewards/0/quota_total"),
        ({**CAMPAIGN, "rewards": [{**REWARD, "quota_total": -1}]}, "/rewards/0/quota_total"),
        (without["name"], "/name"),
        (without["starts_at"], "/starts_at"),
        ({**CAMPAIGN, "ends_at": "2027-01-15T07:59:59.999Z"}, "/ends_at"),
        ({**CAMPAIGN, "ends_at": NOW}, "/ends_at"),
    ]:
        answer = await town.acme.post("/campaigns", body)
        assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)
