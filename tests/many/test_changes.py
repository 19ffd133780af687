"""Two servers on one database: what is changed at one holds at the other, without a restart."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack

import pytest
from pgbouncer import pgbouncer
from raw_http import Response
from running import Running, served
from shop import Shop, a_reward, shop

LEARNT_S_MAX = 15.0
"""Far beyond the second in which changes are looked for where nobody tells of them."""


@pytest.fixture(params=["direct", "pooled"])
def two(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Running]]:
    """Two servers, with nothing between them and the database, or with a pooler."""
    with ExitStack() as stack:
        url = postgres_url
        if request.param == "pooled":
            url = stack.enter_context(pgbouncer(postgres_url))
        yield [
            stack.enter_context(served(tmp_path_factory.mktemp("many"), {"LARGESSE_DATABASE": url}))
            for _ in range(2)
        ]


async def until(wanted: int, ask: Callable[[], Awaitable[Response]]) -> Response:
    """The first answer with a status that may take a moment to come."""
    async with asyncio.timeout(LEARNT_S_MAX):
        while (answer := await ask()).status != wanted:
            pass
    return answer


async def new_key(tenant: Shop) -> tuple[str, str]:
    """A key that may give, and its id."""
    answer = await tenant.ask(
        "POST",
        "/keys",
        {"name": "till", "scopes": ["issue", "read"]},
        Idempotency_Key=secrets.token_hex(8),
    )
    assert answer.status == 201, answer.body
    return answer.json()["key"], answer.json()["id"]


@pytest.mark.slow
async def test_what_one_changes_holds_at_the_other(two: list[Running]) -> None:
    """A new campaign, its quota, a pause, a key and its end."""
    here, there = two
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(shop(here.port))
        other = await stack.enter_async_context(shop(there.port))
        campaign = await one.sale(2)
        await until(201, lambda: other.claimed(campaign, "ann"))

        secret, key_id = await new_key(one)
        till = await stack.enter_async_context(shop(there.port, api_key=secret))
        await until(200, lambda: till.ask("GET", f"/campaigns/{campaign}"))
        assert (await till.claimed(campaign, "bob")).status == 201
        assert (await till.claimed(campaign, "cid")).json()["code"] == "SOLD_OUT"

        shown = await one.ask("GET", f"/campaigns/{campaign}")
        edit = {
            "name": "Launch",
            "starts_at": "2020-01-01T00:00:00.000Z",
            "rewards": [a_reward(quota_total=3)],
        }
        edited = await one.ask(
            "PUT", f"/campaigns/{campaign}", edit, If_Match=shown.headers["etag"]
        )
        assert edited.status == 200, edited.body
        # No cache decides about stock: the new quota holds at once, everywhere.
        assert (await till.claimed(campaign, "cid")).status == 201

        await one.verb(campaign, "pause")
        refused = await till.claimed(campaign, "dan")
        assert refused.json()["code"] == "NOT_ACTIVE"

        gone = await one.ask("DELETE", f"/keys/{key_id}")
        assert gone.status == 200, gone.body
        await until(401, lambda: till.ask("GET", f"/campaigns/{campaign}"))
        assert (await till.claimed(campaign, "ann")).status == 401
