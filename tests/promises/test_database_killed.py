"""Promise: the database may die amid a sale; nobody loses what was answered, nobody restarts."""

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres_databases import Databases
from postgres_server import DURABLE, PostgresServer, postgres
from running import WATCHFUL, served
from sale import REFUSED_S_MAX, SLACK_S, STOCK, Sale
from shop import shop

CYCLES = 5
CONNECTIONS = 16
LOAD_S = (0.1, 0.6)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test's own, which syncs."""
    with postgres(DURABLE) as started:
        yield started


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_the_database_is_killed_amid_a_sale(
    server: PostgresServer, tmp_path: Path, dice: random.Random, told: Callable[[str], None]
) -> None:
    """503 with Retry-After while it is gone; then on, by itself: exact, nothing lost."""
    back_s = 0.0
    databases = Databases(server.url())
    with (
        databases.empty() as url,
        served(tmp_path, {**WATCHFUL, "LARGESSE_DATABASE": url}) as running,
    ):
        async with shop(running.port, CONNECTIONS) as tenant:
            sale = Sale(tenant, await tenant.sale(STOCK))
            for _ in range(CYCLES):
                asyncio.get_running_loop().call_later(dice.uniform(*LOAD_S), server.process.kill)
                await sale.refused(1)
                server.kill()
                assert (await tenant.ask("GET", "/campaigns")).status == 503
                server.start_again()
                back_s = max(back_s, await sale.back())
                await sale.ask_again()
            await sale.check(running)
    assert sale.slowest_s <= REFUSED_S_MAX + SLACK_S
    told(
        f"database killed: {CYCLES} kills, {len(sale.won)} answers: 0 lost, 0 twice, 0 violations; "
        f"answered 503 within {sale.slowest_s:.1f} s, back after {back_s:.1f} s without a restart"
    )
