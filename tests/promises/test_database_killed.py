"""Promise: the database may die amid a sale; nobody loses what was answered, nobody restarts."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from exactness import answered, check_distinct
from postgres_databases import Databases
from postgres_server import DURABLE, PostgresServer, postgres
from raw_http import Response
from running import WATCHFUL, ready, served
from shop import Shop, shop

CYCLES = 5
CONNECTIONS = 16
IN_FLIGHT = 128
STOCK = 100_000
LOAD_S = (0.1, 0.6)
REFUSED_S_MAX = 2.5
BACK_S_MAX = 10.0


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test's own, which syncs."""
    with postgres(DURABLE) as started:
        yield started


class Sale:
    """What the clients of a sale know: answers that came, by the customer."""

    def __init__(self) -> None:
        self.won: dict[str, Response] = {}
        self.unknown: set[str] = set()
        self.slowest_s = 0.0
        self.customers = 0

    async def claim(self, tenant: Shop, campaign: str, customer: str) -> Response:
        """One claim; whether it was answered and how."""
        started_s = time.monotonic()
        answer = await tenant.claimed(campaign, customer)
        self.slowest_s = max(self.slowest_s, time.monotonic() - started_s)
        if answer.status == 201:
            first = self.won.setdefault(customer, answer)
            assert first.body == answer.body
            self.unknown.discard(customer)
        else:
            assert answer.status == 503, answer.body
            assert int(answer.headers["retry-after"]) > 0
            self.unknown.add(customer)
        return answer

    async def load(self, tenant: Shop, campaign: str) -> None:
        """Claim with so many at once until the database is gone."""
        gone = False

        async def one_client() -> None:
            nonlocal gone
            while not gone:
                self.customers += 1
                answer = await self.claim(tenant, campaign, f"c{self.customers}")
                gone = gone or answer.status == 503

        await asyncio.gather(*(one_client() for _ in range(IN_FLIGHT)))


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_the_database_is_killed_amid_a_sale(
    server: PostgresServer, tmp_path: Path, dice: random.Random, told: Callable[[str], None]
) -> None:
    """503 with Retry-After while it is gone; then on, by itself: exact, nothing lost."""
    sale, back_s = Sale(), 0.0
    databases = Databases(server.url())
    with (
        databases.empty() as url,
        served(tmp_path, {**WATCHFUL, "LARGESSE_DATABASE": url}) as running,
    ):
        async with shop(running.port, CONNECTIONS) as tenant:
            campaign = await tenant.sale(STOCK)
            for _ in range(CYCLES):
                asyncio.get_running_loop().call_later(dice.uniform(*LOAD_S), server.process.kill)
                await sale.load(tenant, campaign)
                server.kill()
                assert (await tenant.ask("GET", "/campaigns")).status == 503
                server.start_again()
                started_s = time.monotonic()
                while (await sale.claim(tenant, campaign, "first-one-back")).status != 201:
                    assert time.monotonic() - started_s < BACK_S_MAX
                back_s = max(back_s, time.monotonic() - started_s)
                for customer in sorted(sale.unknown):
                    await sale.claim(tenant, campaign, customer)
                assert not sale.unknown
            await ready(running.port)
            listed = await tenant.incentives(campaign)
            proof = await tenant.proof()
    check_distinct(listed)
    rows = {one["id"]: one for one in listed}
    assert len(rows) == len(sale.won)
    for answer in answered(list(sale.won.values())):
        assert answer.json()["incentive"] == rows[answer.json()["incentive"]["id"]]
    assert proof["violations"] == []
    assert sale.slowest_s <= REFUSED_S_MAX + 1
    told(
        f"database killed: {CYCLES} kills, {len(sale.won)} answers: 0 lost, 0 twice, 0 violations; "
        f"answered 503 within {sale.slowest_s:.1f} s, back after {back_s:.1f} s without a restart"
    )
