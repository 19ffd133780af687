"""In which order facts may be read: identities commit out of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from postgres_databases import settings_of
from postgres_ledger import open_ledger
from psycopg import Connection

from largesse.issuance.model import Wanted
from largesse.kernel.fact import START, FactKind
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.outbox import PostgresOutboxStore
from largesse.storage.postgres.transaction import Transaction
from largesse.testing.contracts.outbox import all_told, told_of
from largesse.testing.factories import NOW_MS, open_campaign

SESSIONS = 8
TIMES = 60

_SWAPPED = """
SELECT count(*) FROM (SELECT seq, lag(seq) OVER (ORDER BY tx, seq) AS before FROM journal) j
WHERE before > seq"""
_BY_SEQ = "SELECT at_ms, seq FROM journal WHERE seq > %s ORDER BY seq"


@pytest.fixture
def sessions(postgres_url: str) -> Iterator[list[Connection]]:
    """Three sessions that see everything."""
    opened = [psycopg.connect(postgres_url, autocommit=True) for _ in range(3)]
    for db in opened:
        db.execute("SELECT set_config('search_path', 'largesse', false)")
        db.execute("SELECT set_config('largesse.tenant', '0', false)")
    yield opened
    for db in opened:
        db.close()


async def test_what_commits_late_is_not_passed_by(
    postgres_url: str, sessions: list[Connection]
) -> None:
    """By `seq` a reader passes by what commits behind it; the relay waits for that."""
    slow, quick, reader = sessions
    with closing(PostgresDatabase(settings_of(postgres_url))) as database:
        world = open_ledger(database).world
        campaign = await open_campaign(world)

        slow.execute("BEGIN")
        Transaction(slow).tell(FactKind.CAMPAIGN_CHANGED, NOW_MS + 1, campaign)
        Transaction(quick).tell(FactKind.CAMPAIGN_CHANGED, NOW_MS + 2, campaign)

        by_seq = reader.execute(_BY_SEQ, (0,)).fetchall()
        assert [at_ms for at_ms, _ in by_seq] == [NOW_MS + 2]
        outbox = PostgresOutboxStore(database, world.clock)
        wanted = Wanted(frozenset({campaign.tenant}), frozenset(FactKind), START)
        assert await all_told(outbox, wanted) == []

        slow.execute("COMMIT")

        assert reader.execute(_BY_SEQ, (by_seq[-1][1],)).fetchall() == []  # the trap: one is lost
        told = await told_of(world, campaign)
        assert [row.at_ms for row in told] == [NOW_MS + 1, NOW_MS + 2]


async def test_who_waits_for_stock_has_no_place_yet(
    postgres_url: str, sessions: list[Connection]
) -> None:
    """Holding is what comes first, so that transactions are numbered in the order of holding."""
    first, second, watching = sessions
    with closing(PostgresDatabase(settings_of(postgres_url))) as database:
        campaign = await open_campaign(open_ledger(database).world)
    first.execute("BEGIN")
    Transaction(first).hold_reward(campaign.rewards[0].number)

    second.execute("BEGIN")
    second.execute("SET LOCAL lock_timeout = '100ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        Transaction(second).hold_reward(campaign.rewards[0].number)
    second.execute("ROLLBACK")
    numbered = watching.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_xid IS NOT NULL"
    ).fetchone()

    assert numbered == (1,)


def hold_the_row(transaction: Transaction, reward: int) -> None:
    """Hold a reward without queueing for it."""
    transaction.execute("SELECT number FROM reward WHERE number = %s FOR UPDATE", (reward,))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hold", "in_order"), [(Transaction.hold_reward, True), (hold_the_row, False)]
)
async def test_many_that_wait_are_numbered_as_they_hold(
    postgres_url: str,
    sessions: list[Connection],
    hold: Callable[[Transaction, int], None],
    in_order: bool,  # noqa: FBT001 — a column of the table above
) -> None:
    """Places are given behind holding: they tell its order. By the row alone numbers do not."""
    with closing(PostgresDatabase(settings_of(postgres_url))) as database:
        campaign = await open_campaign(open_ledger(database).world)
        reward = campaign.rewards[0].number

    def work(_: int) -> None:
        with psycopg.connect(postgres_url) as db:
            for _ in range(TIMES):
                db.execute("SELECT set_config('search_path', 'largesse', true)")
                db.execute("SELECT set_config('largesse.tenant', '0', true)")
                transaction = Transaction(db)
                hold(transaction, reward)
                transaction.execute("UPDATE reward SET day = day + 1 WHERE number = %s", (reward,))
                transaction.tell(FactKind.CAMPAIGN_CHANGED, NOW_MS, campaign)
                db.commit()

    with ThreadPoolExecutor(SESSIONS) as threads:
        list(threads.map(work, range(SESSIONS)))
    [swapped] = sessions[0].execute(_SWAPPED).fetchone() or (0,)
    assert (swapped == 0) is in_order
