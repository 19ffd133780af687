"""The promise of draws: two verifiers that agree on what happened, and on what did not."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import postgres_ledger
import pytest
import sqlite_ledger
from bundles import a_history, in_node, in_python, lines_of, live, written
from postgres_databases import settings_of

from largesse.storage.postgres.database import PostgresDatabase
from largesse.testing.factories import World

DRAWS = 10_000
TAMPERED = 1_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A ledger of either kind."""
    if request.param == "sqlite":
        with closing(sqlite_ledger.open_ledger(tmp_path / "ledger.db")) as ledger:
            yield ledger.world
        return
    url: str = request.getfixturevalue("postgres_url")
    with closing(PostgresDatabase(settings_of(url))) as database:
        yield postgres_ledger.open_ledger(database).world


async def test_ten_thousand_draws(world: World, seed: int, told: Callable[[str], None]) -> None:
    """Through a real ledger, with shortages, revokes, days and edits: both read the same."""
    versions = await live(world, seed, customers=2_800)
    proof = await written(world, versions)

    [first], [second] = in_python(proof), in_node(proof)

    assert first == second
    assert first.findings == []
    assert first.draws >= DRAWS
    numbers = [line["n"] for line in lines_of(proof) if "n" in line]
    assert numbers == list(range(1, first.draws + 1))
    told(f"draws: {first.draws:,} draws of one proof: both verifiers agree on each")


async def test_any_byte_changed_is_found(
    seed: int, dice: Random, told: Callable[[str], None]
) -> None:
    """Proofs with one byte changed: none holds, by either verifier."""
    content = await a_history(seed, customers=8)
    assert [one.holds for one in in_python(content) + in_node(content)] == [True, True]
    changed = []
    for _ in range(TAMPERED):
        at = dice.randrange(len(content))
        byte = (content[at] + dice.randrange(1, 256)) % 256
        changed.append(content[:at] + bytes([byte]) + content[at + 1 :])

    for verdicts in (in_python(*changed), in_node(*changed)):
        assert [one.holds for one in verdicts] == [False] * TAMPERED
    told(f"draws: {TAMPERED:,} proofs with one byte changed: 0 held, by either verifier")
