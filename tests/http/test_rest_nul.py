"""A NUL in a text over HTTP: PostgreSQL keeps none, so nobody does, and it is said where it is."""

from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from rest_stage import CAMPAIGN, Caller, Json, Town, opened_town

WHOLE: Json = {**CAMPAIGN, "time_zone": "UTC", "metadata": {"note": "kept as it is"}}
KEPT_AS_JSON = frozenset({"/metadata/note", "/attributes/note"})
"""Free-form JSON keeps any text: in it a NUL is written in six plain characters."""

BODIES: dict[str, Json] = {
    "/keys": {"name": "spare", "scopes": ["read"]},
    "/campaigns": WHOLE,
    "/campaigns/{campaign_id}/claims": {"customer_id": "mina", "reward": "STANDARD"},
    "/customers": {"customer_id": "mina", "phone": "+821012345678", "attributes": {"note": "a"}},
    "/campaigns/{campaign_id}/code-pools": {"count": 1, "name": "Printer"},
    "/webhooks": {"url": "https://nowhere.invalid", "description": "Ours"},
}
PATHS = (
    "/campaigns/{}",
    "/campaigns/{}/incentives",
    "/customers/{}",
    "/incentives/{}",
    "/draws/{}",
    "/code-pools/{}",
    "/jobs/{}",
    "/webhooks/{}",
)
QUERIES = ("/campaigns?name={}", "/campaigns?cursor={}", "/audit/entries?cursor={}")


@pytest.fixture(params=["sqlite", "postgres"])
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    """The application on each kind of ledger."""
    settings: dict[str, object] = {}
    if request.param == "postgres":
        settings["database.url"] = request.getfixturevalue("postgres_url")
    async with opened_town(tmp_path, **settings) as town:
        yield town


def texts(value: Any, pointer: str = "") -> list[str]:  # noqa: ANN401 — any JSON
    """Where the texts of a body are."""
    if isinstance(value, str):
        return [pointer]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [
        one
        for name, inner in items
        if isinstance(inner, str | dict | list)
        for one in texts(inner, f"{pointer}/{name}")
    ]


def with_nul(body: Json, pointer: str) -> Json:
    """The body with a NUL at the end of one text."""
    changed = deepcopy(body)
    *way, last = pointer.split("/")[1:]
    inner: Any = changed
    for name in way:
        inner = inner[int(name)] if isinstance(inner, list) else inner[name]
    place = int(last) if isinstance(inner, list) else last
    inner[place] += "\0"
    return changed


async def test_in_a_body(both: Town) -> None:
    """422, with a pointer to the text; what was free-form is kept."""
    campaign = await both.acme.campaign()
    for path, body in BODIES.items():
        there = path.format(campaign_id=campaign["id"])
        for pointer in texts(body):
            answer = await both.acme.post(there, with_nul(body, pointer), f"k{pointer}")
            if pointer in KEPT_AS_JSON:
                assert answer.status_code == 201, answer.text
                continue
            said = (answer.status_code, answer.json().get("pointer"))
            assert said == (422, pointer), f"{path} {answer.text}"


async def test_in_an_address(both: Town) -> None:
    """Nothing has such a name; a parameter is pointed at."""
    for path in PATHS:
        answer = await both.acme.get(path.format("a%00"))
        assert answer.status_code == 404, answer.text
    for query in QUERIES:
        answer = await both.acme.get(query.format("a%00"))
        name = query[query.index("?") + 1 : query.index("=")]
        assert (answer.status_code, answer.json()["pointer"]) == (422, name)


async def test_in_a_code(both: Town) -> None:
    """It is answered as all codes are that nobody knows."""
    used = {"customer_id": "u-1", "code": "ABCD\0"}
    redeemed = await both.acme.post("/redemptions", used, "k")
    read = await both.acme.get("/codes/ABCD%00")
    assert [one.json()["code"] for one in (redeemed, read)] == ["UNKNOWN_CODE"] * 2
    [found] = (await both.acme.post("/codes:check", {"codes": ["ABCD\0"]})).json()["results"]
    assert (found["well_formed"], found["known"]) == (False, False)


async def test_what_follows_goes_well(both: Town) -> None:
    """Nobody's connection is the worse for it."""
    caller: Caller = both.acme
    campaign = await caller.campaign()
    path = f"/campaigns/{campaign['id']}/claims"
    assert (await caller.post(path, {"customer_id": "a\0"}, "1")).status_code == 422
    assert (await caller.post(path, {"customer_id": "a"}, "1")).status_code == 201
