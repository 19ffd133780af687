"""What the proofs of the promises share: their dice, and the line that each of them leaves."""

import asyncio
import os
import random
from collections.abc import Callable

import pytest
import uvloop

SEED_VARIABLE = "PROMISE_SEED"
"""Repeats a run: set it to the seed that a `promise:` line tells."""


@pytest.hookimpl
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A client of thousands takes the faster loop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def seed() -> int:
    """What the dice of this test start from: another number each time."""
    return int(os.environ.get(SEED_VARIABLE, random.SystemRandom().randrange(10**9)))


@pytest.fixture
def dice(seed: int) -> random.Random:
    """Dice whose every throw can be repeated."""
    return random.Random(seed)


@pytest.fixture
def told(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None], seed: int
) -> Callable[[str], None]:
    """Leaves a `promise:` line with what was proven; the summary of the run shows it."""
    on = "PostgreSQL, " if "postgres" in request.node.name else ""
    return lambda figures: record_property("promise", f"{figures} ({on}seed {seed})")
