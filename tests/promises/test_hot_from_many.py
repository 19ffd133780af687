"""Promise: one hot campaign from several processes is as exact as from one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import pytest
from exactness import answered, check_sale, check_stock
from running import WATCHFUL, Running, served
from shop import Shop, shop

PROCESSES = 4
CONNECTIONS = 8
ROUNDS_OF_ONE = 200
CUSTOMERS_FOR_ONE = 40
AT_ONCE = 10
"""Rounds that run side by side."""

CUSTOMERS = 8_000
STOCK = 2_000
LARGE_ROUNDS = 3


@pytest.fixture(scope="module")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Running]]:
    """Several servers on one database, which know nothing of each other."""
    with ExitStack() as stack:
        url = stack.enter_context(request.getfixturevalue("databases").fresh())
        settings = {**WATCHFUL, "LARGESSE_DATABASE": url}
        yield [
            stack.enter_context(served(tmp_path_factory.mktemp("hot"), settings))
            for _ in range(PROCESSES)
        ]


@asynccontextmanager
async def doors(servers: list[Running]) -> AsyncIterator[list[Shop]]:
    """The same tenant's connections to each of them."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(shop(running.port, CONNECTIONS)) for running in servers
        ]


async def one_round(tenants: list[Shop], stock: int, customers: int) -> str:
    """A sale that all enter at once, each of them at two processes with one key; its id.

    Both must tell a customer the same: which of the two decided is nobody's business.
    """
    sale = await tenants[0].sale(stock)
    asked = [
        asyncio.gather(
            *(tenants[(n + door) % len(tenants)].claim(sale, f"c{n}") for n in range(customers))
        )
        for door in (0, 1)
    ]
    here, there = [answered(ended) for ended in await asyncio.gather(*asked)]
    given = check_sale(here, stock)
    assert check_sale(there, stock) == given
    check_stock(await tenants[-1].stock(sale), rows=stock)
    return sale


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_one_hot_campaign_from_four_processes(
    servers: list[Running], told: Callable[[str], None]
) -> None:
    """The only unit 200 times, and large sales, by customers who ask at two of them at once."""
    async with doors(servers) as tenants:
        for _ in range(ROUNDS_OF_ONE // AT_ONCE):
            rounds = (one_round(tenants, 1, CUSTOMERS_FOR_ONE) for _ in range(AT_ONCE))
            await asyncio.gather(*rounds)
        for _ in range(LARGE_ROUNDS):
            await one_round(tenants, STOCK, CUSTOMERS)
        proofs = [await tenant.proof() for tenant in tenants]
    for proof in proofs:
        assert proof["violations"] == []
        assert proof["campaigns"] == ROUNDS_OF_ONE + LARGE_ROUNDS
    told(
        f"{PROCESSES} processes on one PostgreSQL: {ROUNDS_OF_ONE} rounds of {CUSTOMERS_FOR_ONE} "
        f"on stock 1 and {LARGE_ROUNDS} of {CUSTOMERS} on {STOCK}, each customer at two processes "
        "at once, exact"
    )
