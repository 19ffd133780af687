"""One server for all conformance cases, as its users start it; a tenant of his own for each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest
import uvloop
from running import WATCHFUL, Running, served
from shop import Shop, new_tenant, shop

CONNECTIONS = 16


@pytest.hookimpl
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A client of thousands takes the faster loop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module")
def server(
    ledger: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A running `largesse serve`, once on each kind of ledger."""
    with served(tmp_path_factory.mktemp("conformance"), {**WATCHFUL, **ledger}) as running:
        yield running


@pytest.fixture
async def acme(server: Running) -> AsyncIterator[Shop]:
    """A tenant who lives in the time of the machine."""
    async with shop(server.port, CONNECTIONS, await new_tenant(server.port)) as opened:
        yield opened


@pytest.fixture
async def timeless(server: Running) -> AsyncIterator[Shop]:
    """A tenant whose time stands still until it is told to move."""
    key = await new_tenant(server.port, test_mode=True)
    async with shop(server.port, CONNECTIONS, key) as opened:
        yield opened
