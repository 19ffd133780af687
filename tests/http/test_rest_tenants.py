"""Tenants, keys, the test clock and the audit over HTTP."""

import asyncio

import pytest
from rest_stage import NOW, REWARD, Town

LATER = "2027-02-01T00:00:00.000Z"


async def test_onboarding_shows_the_key_once(town: Town) -> None:
    """A replay has the same status and the same tenant, but no secret."""
    wish = {"name": "Third", "time_zone": "Asia/Seoul", "test_mode": True}
    first = await town.operator.post("/tenants", wish, "k")
    second = await town.operator.post("/tenants", wish, "k")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["admin_key"].startswith("lgs_")
    assert second.json() == {**first.json(), "admin_key": None}
    assert second.headers["idempotency-replayed"] == "true"
    third = town.caller(first.json()["admin_key"])
    shown = await third.get(f"/tenants/{first.json()['id']}")
    assert shown.json() == {
        "id": first.json()["id"], "name": "Third", "time_zone": "Asia/Seoul", "test_mode": True,
        "created_at": NOW,
    }  # fmt: skip


async def test_only_operators_onboard(town: Town) -> None:
    """An admin of a tenant is none."""
    answer = await town.acme.post("/tenants", {"name": "Fourth"})
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert "operator" in answer.json()["detail"]


async def test_operators_may_read_any_tenant(town: Town) -> None:
    """Others see their own."""
    path = f"/tenants/{town.acme_id}"
    assert (await town.operator.get(path)).json()["name"] == "Acme"
    assert (await town.acme.get(path)).json()["name"] == "Acme"
    assert (await town.rival.get(path)).status_code == 404
    assert (await town.rival.get(f"{path}/campaigns")).status_code == 404
    assert (await town.operator.get(f"{path}/campaigns")).status_code == 404


async def test_a_key_is_shown_once(town: Town) -> None:
    """Not by a replay, not by the list, not in the audit."""
    wish = {"name": "till", "scopes": ["issue", "read", "issue"]}
    first = await town.acme.post("/keys", wish, "k")
    secret = first.json()["key"]
    assert (first.status_code, first.json()["scopes"]) == (201, ["issue", "read"])
    assert (await town.caller(secret).get("/campaigns")).status_code == 200
    replayed = await town.acme.post("/keys", wish, "k")
    assert replayed.json() == {**first.json(), "key": None}
    for path in ("/keys", "/audit/entries"):
        assert secret not in (await town.acme.get(path)).text
    listed = (await town.acme.get("/keys")).json()["items"]
    assert [one["name"] for one in listed] == ["admin", "till"]
    assert listed[1]["prefix"] == secret[:12]


async def test_revoked_keys_open_nothing(town: Town) -> None:
    """At once; revoking again changes nothing."""
    key_id, secret = await town.acme.with_scopes("admin")
    other = town.caller(secret)
    assert (await other.get("/keys")).status_code == 200
    first = await town.acme.ask("DELETE", f"/keys/{key_id}")
    again = await town.acme.ask("DELETE", f"/keys/{key_id}")
    assert (first.status_code, first.json()) == (200, again.json())
    assert first.json()["revoked_at"] == NOW
    assert (await other.get("/keys")).status_code == 401


async def test_keys_expire_by_the_machines_time(town: Town) -> None:
    """The test clock of the tenant does not touch them."""
    _, secret = await town.acme.with_scopes("read", expires_at="2027-01-15T08:00:01Z")
    other = town.caller(secret)
    await town.acme.post("/test-clock:advance", {"by_s": 3_600})
    town.clock.advance(999)
    assert (await other.get("/campaigns")).status_code == 200
    town.clock.advance(1)
    assert (await other.get("/campaigns")).status_code == 401


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_keys_are_listed_in_pages(town: Town, limit: int) -> None:
    """Each once, the oldest first."""
    for _ in range(2):
        await town.acme.with_scopes("read")
    found, path = [], f"/keys?limit={limit}"
    while path:
        page = (await town.acme.get(path)).json()
        found += [one["id"] for one in page["items"]]
        path = page["next"] and f"/keys?limit={limit}&cursor={page['next']}"
    assert len(found) == len(set(found)) == 3
    assert found == sorted(found)


async def test_the_clock_moves_forward(town: Town) -> None:
    """By seconds, by milliseconds, to a moment; a retry does not move it again."""
    moved = [
        (await town.acme.post("/test-clock:advance", body, key)).json()["now"]
        for body, key in [
            ({"by_s": 1}, "a"),
            ({"by_s": 1}, "a"),
            ({"by_ms": 1}, "b"),
            ({"to": "2027-01-15T17:00:02.000+09:00"}, "c"),
        ]
    ]
    assert moved == [
        "2027-01-15T08:00:01.000Z",
        "2027-01-15T08:00:01.000Z",
        "2027-01-15T08:00:01.001Z",
        "2027-01-15T08:00:02.000Z",
    ]
    shown = (await town.acme.get("/test-clock")).json()
    assert shown == {"now": "2027-01-15T08:00:02.000Z", "test_mode": True}


async def test_steps_at_the_same_time_all_count(town: Town) -> None:
    """Twenty seconds asked for one by one, all at once, are twenty seconds."""
    answers = await asyncio.gather(
        *(town.acme.post("/test-clock:advance", {"by_s": 1}, f"step-{n}") for n in range(20))
    )
    told = sorted(answer.json()["now"] for answer in answers)
    assert told == [f"2027-01-15T08:00:{second:02d}.000Z" for second in range(1, 21)]
    assert (await town.acme.get("/test-clock")).json()["now"] == told[-1]


async def test_only_test_tenants_have_a_clock(town: Town) -> None:
    """The others live in the time of the machine."""
    answer = await town.rival.post("/test-clock:advance", {"by_s": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_IN_TEST_MODE")
    assert (await town.rival.get("/test-clock")).json() == {"now": NOW, "test_mode": False}


async def test_the_audit_tells_who_changed_what(town: Town) -> None:
    """Newest first, in pages, with the request's id and what was before and after."""
    shown = await town.acme.campaign(activate=False)
    answer = await town.acme.ask(
        "POST", f"/campaigns/{shown['id']}:activate", headers={"x-request-id": "from-me"}
    )
    assert answer.headers["x-request-id"] == "from-me"
    entries, path = [], "/audit/entries?limit=2"
    while path:
        page = (await town.acme.get(path)).json()
        entries += page["items"]
        path = page["next"] and f"/audit/entries?limit=2&cursor={page['next']}"
    assert [one["operation"] for one in entries][:2] == ["activate_campaign", "create_campaign"]
    newest = entries[0]
    assert (newest["subject"], newest["request_id"]) == (shown["id"], "from-me")
    assert (newest["before"]["status"], newest["after"]["status"]) == ("DRAFT", "ACTIVE")
    assert newest["actor"] == (await town.acme.get("/keys")).json()["items"][0]["id"]
    assert entries[1]["before"] is None


async def test_the_audit_tells_times_like_all_others(town: Town) -> None:
    """Of campaigns, rewards, keys and clocks; what only looks like a time is left alone."""
    own = {"seen_at_ms": 5, "clock_ms": None}
    reward = {**REWARD, "expires_at": LATER, "metadata": own}
    shown = await town.acme.campaign(ends_at=LATER, rewards=[reward], metadata=own, activate=False)
    key_id, _ = await town.acme.with_scopes("read", expires_at=LATER)
    await town.acme.ask("DELETE", f"/keys/{key_id}")
    await town.acme.post("/test-clock:advance", {"by_s": 1})
    entries = (await town.acme.get("/audit/entries")).json()["items"]
    clock, revoked, added, created = entries[:4]
    assert (clock["before"]["clock"], clock["after"]["clock"]) == (NOW, "2027-01-15T08:00:01.000Z")
    assert (revoked["before"]["revoked_at"], revoked["after"]["revoked_at"]) == (None, NOW)
    assert added["after"]["expires_at"] == LATER
    campaign = created["after"]
    assert (campaign["starts_at"], campaign["ends_at"]) == (NOW, LATER)
    assert campaign["rewards"][0]["expires_at"] == LATER
    assert campaign["metadata"] == campaign["rewards"][0]["metadata"] == own
    assert shown["metadata"] == own
    for entry in entries:
        for state in (entry["before"], entry["after"]):
            assert not [name for name in state or () if name.endswith("_ms")]
