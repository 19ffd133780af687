"""Whose turn it is to prove the ledger, and the last proof, in PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from postgres_databases import settings_of

from largesse.issuance.model import Conservation, Violation
from largesse.kernel.clock import FakeClock
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.proofs import PostgresProofs
from largesse.testing.factories import NOW_MS

TURN_MS = 120_000
PROOF = Conservation(NOW_MS, 3, 40, (Violation("issued", 7, "counted 4, said 5"),))


@pytest.fixture
def clock() -> FakeClock:
    """A clock that the test sets."""
    return FakeClock(NOW_MS)


@pytest.fixture
def processes(postgres_url: str, clock: FakeClock) -> Iterator[list[PostgresProofs]]:
    """Two processes on one ledger."""
    with closing(PostgresDatabase(settings_of(postgres_url))) as database:
        yield [PostgresProofs(database, clock, name) for name in ("first", "second")]


async def test_one_has_the_turn(processes: list[PostgresProofs], clock: FakeClock) -> None:
    """Until it leaves, or asks no more for so long."""
    first, second = processes
    assert [await first.take_turn(TURN_MS), await second.take_turn(TURN_MS)] == [True, False]
    clock.advance(TURN_MS - 1)
    assert [await second.take_turn(TURN_MS), await first.take_turn(TURN_MS)] == [False, True]
    clock.advance(TURN_MS)
    assert [await second.take_turn(TURN_MS), await first.take_turn(TURN_MS)] == [True, False]
    await first.leave()
    assert not await first.take_turn(TURN_MS)
    await second.leave()
    assert await first.take_turn(TURN_MS)


async def test_the_last_proof_is_shown(processes: list[PostgresProofs]) -> None:
    """As it was found, at every process; who has not the turn keeps nothing."""
    first, second = processes
    await first.take_turn(TURN_MS)
    assert await second.last() is None
    await second.keep(PROOF)
    assert await second.last() is None
    await first.keep(PROOF)
    assert await second.last() == await first.last() == PROOF
