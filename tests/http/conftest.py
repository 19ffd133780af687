"""HTTP tests run on the loop that serves in production."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop


@pytest.hookimpl
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop: its transports differ from asyncio's where it matters to the lane."""
    return {"uvloop": uvloop.new_event_loop}
