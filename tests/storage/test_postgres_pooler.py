"""Behind a pooler that hands each transaction another session of the server."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest
from pgbouncer import pgbouncer
from postgres_databases import settings_of
from postgres_ledger import open_ledger

from largesse.storage.postgres.database import PREPARE_AFTER, PostgresDatabase
from largesse.testing.factories import (
    a_reward,
    a_wish,
    crowd,
    open_campaign,
    revoke,
    serials,
)

PROCESSES = 3
BATCHES = 3 * PREPARE_AFTER
SIZE = 5


@pytest.fixture
def pooled_url(postgres_url: str) -> Iterator[str]:
    """A database, through the pooler."""
    with pgbouncer(postgres_url) as url:
        yield url


async def test_everything_works_behind_it(pooled_url: str) -> None:
    """Several processes settle, command and read over a few sessions that are nobody's own."""
    with ExitStack() as stack:
        databases = [
            stack.enter_context(closing(PostgresDatabase(settings_of(pooled_url))))
            for _ in range(PROCESSES)
        ]
        worlds = [open_ledger(database).world for database in databases]
        campaign = await open_campaign(worlds[0], a_reward(quota_total=PROCESSES * BATCHES * SIZE))
        settled = []
        for turn in range(BATCHES):
            batches = (
                world.incentives.settle(
                    crowd(campaign, SIZE, campaign.created_at_ms + 10 * turn + at)
                )
                for at, world in enumerate(worlds)
            )
            settled += [one for batch in await asyncio.gather(*batches) for one in batch]
        await revoke(worlds[0], settled[0])
        again = await worlds[1].incentives.settle([a_wish(campaign, "late")])

    given = PROCESSES * BATCHES * SIZE
    assert sorted(serials(settled)) == list(range(1, given + 1))
    assert serials(again) == [given + 1]


def test_it_is_noticed(pooled_url: str, postgres_url: str) -> None:
    """Statements are prepared only where the server's session is our own."""
    told = {}
    for name, url in (("pooled", pooled_url), ("direct", postgres_url)):
        with ExitStack() as stack:
            database = stack.enter_context(closing(PostgresDatabase(settings_of(url))))
            line = stack.enter_context(database._claims.connection())
            command = stack.enter_context(database._commands.connection())
            told[name] = line.prepares, command.prepare_threshold
    assert told == {"pooled": (False, None), "direct": (True, PREPARE_AFTER)}


def test_a_prepared_statement_does_not_survive_it(pooled_url: str) -> None:
    """The trap itself: were it to survive, the test above would prove nothing."""
    lost = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(psycopg.connect(pooled_url, autocommit=True, prepare_threshold=0))
            for _ in range(PROCESSES)
        ]

        def ask_all() -> None:
            for client in [*clients, *clients]:
                client.execute("SELECT 1")

        with pytest.raises(lost):
            ask_all()


async def test_a_statement_that_was_lost_is_sent_anew(pooled_url: str) -> None:
    """Should a pooler ever go unnoticed, its first error makes it known; nothing is lost."""
    with closing(PostgresDatabase(settings_of(pooled_url))) as database:
        world = open_ledger(database).world
        campaign = await open_campaign(world)
        with database._claims.connection() as db:
            db.prepare_threshold = 0
        with psycopg.connect(pooled_url, autocommit=True, prepare_threshold=0) as other:
            other.execute("SELECT 1")
            settled = [await world.incentives.settle([a_wish(campaign, f"c{n}")]) for n in range(5)]
    assert [serials(one) for one in settled] == [[1], [2], [3], [4], [5]]
