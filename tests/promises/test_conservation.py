"""Promise: an auditor holds the counters against the rows, and says aloud what does not add up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest
from crowd import crowd
from exactness import answered
from running import WATCHFUL, served
from shop import Json, Shop, a_reward, shop

SOLD = 500
FOUND_S_MAX = 15.0

MISTAKES = {
    "a counter has drifted": "UPDATE reward SET issued = issued - 1",
    "a row is gone": "DELETE FROM journal WHERE kind = 1 AND serial = 250",
    "a place has a second holder": """
        INSERT INTO journal (seq, kind, at_ms, campaign, reward, serial, customer, key, version)
        SELECT (SELECT max(seq) + 1 FROM journal), 1, at_ms, campaign, reward, serial, 'eve', 'k',
            version
        FROM journal WHERE kind = 1 AND serial = 250""",
    "a customer holds one too many": """
        UPDATE journal SET customer = 'c1', key = 'another' WHERE kind = 1 AND customer = 'c2'""",
}
"""What could go wrong with a ledger, and how it is planted."""


@asynccontextmanager
async def auditor(folder: Path) -> AsyncIterator[tuple[int, Shop]]:
    """A server that proves its ledger all the time; its port, and a tenant."""
    with served(folder, WATCHFUL) as running:
        async with shop(running.port, 4) as tenant:
            yield running.port, tenant
        running.stop()


async def sell(folder: Path) -> None:
    """Fill a ledger: a cap of one, a total and a daily quota."""
    async with auditor(folder) as (_, tenant):
        rewards = [a_reward(quota_total=SOLD, quota_daily=SOLD)]
        sale = await tenant.campaign(per_customer_max=1, rewards=rewards)
        ended = await asyncio.gather(*(tenant.claim(sale, f"c{n}") for n in range(SOLD)))
        assert {answer.status for answer in answered(ended)} == {201}


def plant(folder: Path, mistake: str) -> None:
    """Change the ledger behind the back of its server, which has ended."""
    db = apsw.Connection(str(folder / "ledger.db"))
    try:
        db.execute(mistake)
        assert db.changes() == 1
    finally:
        db.close()


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_planted_mistake_is_found(tmp_path: Path, mistake: str) -> None:
    """The endpoint names what is wrong, and the server is not ready."""
    await sell(tmp_path)
    plant(tmp_path, MISTAKES[mistake])
    async with auditor(tmp_path) as (port, tenant):
        proof = await first_proof(tenant)
        assert proof["violations"], "the auditor has seen nothing"
        async with asyncio.timeout(FOUND_S_MAX), crowd(port) as visitors:
            while (answer := await visitors.ask("GET", "/readyz")).status != 503:
                pass
        assert "conservation" in answer.json()["problems"]


@pytest.mark.slow
async def test_a_sound_ledger_is_proven(tmp_path: Path, told: Callable[[str], None]) -> None:
    """The control: without a planted mistake there is nothing to find."""
    await sell(tmp_path)
    async with auditor(tmp_path) as (_, tenant):
        proof = await first_proof(tenant)
    assert (proof["campaigns"], proof["violations"]) == (1, [])
    told(
        f"conservation audit: {len(MISTAKES)} planted mistakes of {len(MISTAKES)} found over HTTP, "
        "none in a sound ledger"
    )


async def first_proof(tenant: Shop) -> Json:
    """The proof of the whole ledger that a server begins with."""
    async with asyncio.timeout(FOUND_S_MAX):
        while (proof := await tenant.get("/audit/conservation"))["checked_at"] is None:
            pass
    return proof
