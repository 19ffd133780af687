"""HTTP tests run on the loop that serves in production."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop
from rest_stage import Town, opened_town


@pytest.hookimpl
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop: its transports differ from asyncio's where it matters to the lane."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """The whole application on a file of its own: an operator and two tenants."""
    async with opened_town(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def still_town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A town for all tests of a module that change nothing in it, and run on one loop."""
    async with opened_town(tmp_path_factory.mktemp("town")) as opened:
        yield opened
