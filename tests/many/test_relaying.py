"""Two servers on one database relay together; one of them is killed, and nothing is lost."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from receiver import LOOPBACK, Receiver, receiving
from running import Running, served
from shop import Json, Shop, shop

from largesse.storage.postgres.outbox import PARTS

CAMPAIGNS = 8
"""As many as lie in all parts of the outbox."""

CLAIMS = 40
"""To each campaign, before the kill and after it."""

SHARED_S_MAX = 60.0
"""Far beyond the lease after which a part goes to another process."""

_HOLDERS = "SELECT holder, count(*) FROM largesse.relay WHERE name = 'webhooks' GROUP BY holder"


@pytest.fixture
def two(postgres_url: str, tmp_path: Path) -> Iterator[list[Running]]:
    """Two servers with nothing but the database in common."""
    with ExitStack() as stack:
        settings = {
            "LARGESSE_DATABASE": postgres_url,
            "LARGESSE_WEBHOOKS_NETWORKS_ALLOWED": LOOPBACK,
        }
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        yield [stack.enter_context(served(folder, settings)) for folder in folders]


async def hooked(tenant: Shop, url: str) -> Json:
    """A webhook for all that is issued."""
    answer = await tenant.ask(
        "POST",
        "/webhooks",
        {"url": url, "types": ["incentive.issued"]},
        Idempotency_Key=secrets.token_hex(8),
    )
    assert answer.status == 201, answer.body
    return answer.json()


async def claim_all(tenant: Shop, campaigns: list[str], wave: str) -> set[str]:
    """The ids of what is issued in one wave of claims."""
    answers = await asyncio.gather(
        *(
            tenant.claim(campaign, f"{wave}-{number}")
            for campaign in campaigns
            for number in range(CLAIMS)
        )
    )
    assert all(answer is not None and answer.status == 201 for answer in answers)
    return {answer.json()["incentive"]["id"] for answer in answers if answer is not None}


async def told(receiver: Receiver, wanted: set[str]) -> None:
    """Wait until a receiver has heard of all these incentives."""
    async with receiver.came:
        await receiver.came.wait_for(lambda: wanted <= heard(receiver))


def heard(receiver: Receiver) -> set[str]:
    """The incentives that a receiver has heard of."""
    return {json.loads(one.body)["data"]["incentive"]["id"] for one in receiver.received}


async def shared(db: Connection, holders: int) -> None:
    """Wait until the parts are shared among so many processes."""
    async with asyncio.timeout(SHARED_S_MAX):
        while True:
            found = db.execute(_HOLDERS).fetchall()
            parts = sum(count for _, count in found)
            if (len(found), parts) == (holders, PARTS):
                return
            await asyncio.sleep(0)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_kill_of_one_of_two_loses_nothing(two: list[Running], postgres_url: str) -> None:
    """Both relay; what the killed one had is gone on with by the other one."""
    here, there = two
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receiving())
        db = stack.enter_context(psycopg.connect(postgres_url, autocommit=True))
        one = await stack.enter_async_context(shop(here.port, connections=20))
        other = await stack.enter_async_context(shop(there.port, connections=20))
        await hooked(one, receiver.url)
        campaigns = [await one.sale(10 * CLAIMS) for _ in range(CAMPAIGNS)]
        await shared(db, 2)

        issued = await claim_all(other, campaigns, "first")
        here.kill()
        issued |= await claim_all(other, campaigns, "second")
        async with asyncio.timeout(SHARED_S_MAX):
            await told(receiver, issued)
        await shared(db, 1)

    assert heard(receiver) == issued
    assert len(issued) == 2 * CAMPAIGNS * CLAIMS
