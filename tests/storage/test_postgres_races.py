"""Several processes on one database: what each of them must not do, and what comes of it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from postgres_databases import settings_of
from postgres_ledger import open_ledger
from psycopg import Connection, sql

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Settled, Wish
from largesse.kernel.errors import BusyError, UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.storage.postgres.database import ATTEMPTS_MAX, PostgresDatabase
from largesse.storage.postgres.settle import Memory, settle
from largesse.storage.postgres.transaction import EVERYBODY, Transaction
from largesse.storage.postgres.trips import Line
from largesse.testing.factories import (
    NOW_MS,
    ScriptedCodes,
    World,
    a_campaign,
    a_reward,
    a_wish,
    keep_campaign,
    open_campaign,
    serials,
)

PROCESSES = 4
CUSTOMERS = 64
ROUNDS = 10
STOCK = 40

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database()"""
_HOLD = "SELECT number FROM reward WHERE number = %s FOR UPDATE"
_COUNT = "SELECT count(*) FROM journal WHERE reward = %s AND kind = 1"
_HOLD_AND_COUNT = """
WITH held AS MATERIALIZED (SELECT number FROM reward WHERE number = %s FOR UPDATE)
SELECT (SELECT count(*) FROM journal j WHERE j.reward = held.number AND kind = 1) FROM held"""


@pytest.fixture
def database(postgres_url: str) -> Iterator[PostgresDatabase]:
    """An empty database."""
    with closing(PostgresDatabase(settings_of(postgres_url))) as opened:
        yield opened


def session(database: PostgresDatabase) -> Connection:
    """A connection that sees everything, as if by hand."""
    db = psycopg.connect(database.settings.url, autocommit=True)
    db.execute("SELECT set_config('search_path', 'largesse', false)")
    db.execute("SELECT set_config('largesse.tenant', '0', false)")
    return db


def wait_until_somebody_waits(db: Connection) -> None:
    """Come back when a session waits for a lock."""
    while not (db.execute(_WAITING).fetchone() or (0,))[0]:
        pass


# --- the lock is a statement of its own ---------------------------------------------------------


@pytest.mark.parametrize(("statements", "seen"), [("one", 0), ("two", 1)])
async def test_a_statement_sees_what_was_there_before_it_waited(
    database: PostgresDatabase, statements: str, seen: int
) -> None:
    """Why holding and looking are two: as one they overlook what came while it waited."""
    campaign = await open_campaign(open_ledger(database).world)
    reward = campaign.rewards[0].number

    with session(database) as first, session(database) as second, session(database) as watching:
        first.execute("BEGIN")
        first.execute(_HOLD, (reward,))

        def look() -> int:
            second.execute("BEGIN")
            if statements == "one":
                row = second.execute(_HOLD_AND_COUNT, (reward,)).fetchone()
            else:
                second.execute(_HOLD, (reward,))
                row = second.execute(_COUNT, (reward,)).fetchone()
            return int((row or (-1,))[0])

        with ThreadPoolExecutor(1) as threads:
            looking: Future[int] = threads.submit(look)
            wait_until_somebody_waits(watching)
            give_one(first, campaign)
            first.execute("COMMIT")
            assert looking.result() == seen


def give_one(db: Connection, campaign: Campaign) -> None:
    """Write an incentive by hand."""
    db.execute(
        "INSERT INTO journal"
        " (part, tenant, kind, at_ms, campaign, reward, serial, version, customer, key)"
        " VALUES (%s, %s, 1, %s, %s, %s, 1, 1, 'ann', 'k')",
        (
            campaign.number % 16,
            campaign.tenant,
            NOW_MS,
            campaign.number,
            campaign.rewards[0].number,
        ),
    )


# --- the same customers from several processes --------------------------------------------------


@pytest.mark.slow
async def test_the_same_customers_everywhere(database: PostgresDatabase) -> None:
    """Each process asks for all of them, over two rewards under one cap: exact, no error."""
    world = open_ledger(database).world
    rewards = a_reward("A", quota_total=STOCK), a_reward("B", quota_total=STOCK)
    campaign = await open_campaign(world, *rewards, per_customer_max=1)

    settled = race(database, campaign)

    assert {one.outcome for one in settled} <= {
        Outcome.ISSUED,
        Outcome.CUSTOMER_LIMIT_REACHED,
        Outcome.SOLD_OUT,
    }
    new = [one for one in settled if one.outcome is Outcome.ISSUED and not one.replayed]
    assert len({one.issued.customer for one in new if one.issued}) == len(new) == CUSTOMERS
    assert (await world.incentives.prove(whole=True)).violations == ()


def race(database: PostgresDatabase, campaign: Campaign) -> list[Settled]:
    """Let so many processes, each with its own memory and connection, settle the same wishes."""
    start = threading.Barrier(PROCESSES)

    def process(number: int) -> list[Settled]:
        memory, settled = Memory(ScriptedCodes(), bool), []
        with Line.connect(database.settings.url, autocommit=True) as db:
            start.wait()
            for turn in range(ROUNDS):
                wishes = wishes_of(campaign, number, turn)
                settled += settle(memory, database.limits, wishes, db)
        return settled

    with ThreadPoolExecutor(PROCESSES) as threads:
        return [one for some in threads.map(process, range(PROCESSES)) for one in some]


def wishes_of(campaign: Campaign, process: int, turn: int) -> list[Wish]:
    """One wish of each customer, in another order and for another reward each time."""
    names = [f"c{(7 * number + process) % CUSTOMERS}" for number in range(CUSTOMERS)]
    return [
        a_wish(campaign, name, reward=(process + turn) % 2, key=f"{process} {turn}")
        for name in names
    ]


async def test_the_keys_beneath_hold_without_any_lock(database: PostgresDatabase) -> None:
    """A process that holds nothing and goes by old counters is stopped by what stands beneath."""
    campaign = await open_campaign(open_ledger(database).world, a_reward(quota_total=1))
    with session(database) as db:
        give_one(db, campaign)
        with pytest.raises(psycopg.errors.UniqueViolation, match=r"reward_serial|customer_key"):
            give_one(db, campaign)
        with pytest.raises(psycopg.errors.CheckViolation):
            db.execute("UPDATE reward SET issued = 2, serials = 2")


# --- conflicts, locks and time ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "times", "calls", "ends_well"),
    [
        ("40001", 1, 2, True),
        ("40P01", ATTEMPTS_MAX - 1, ATTEMPTS_MAX, True),
        ("40001", ATTEMPTS_MAX, ATTEMPTS_MAX, False),
        ("XX000", 1, 1, False),
    ],
)
async def test_conflicts_are_tried_again(
    database: PostgresDatabase, code: str, times: int, calls: int, *, ends_well: bool
) -> None:
    """As often as that may help, and nothing else is."""
    called = 0

    def work(transaction: Transaction) -> int:
        nonlocal called
        called += 1
        if called <= times:
            raising = "DO $$ BEGIN RAISE 'no' USING ERRCODE = {}; END $$"
            transaction.db.execute(sql.SQL(raising).format(sql.Literal(code)))
        return transaction.number("SELECT 7")

    if ends_well:
        assert await database.write(EVERYBODY, work) == 7
    else:
        with pytest.raises(UnavailableError):
            await database.write(EVERYBODY, work)
    assert called == calls


async def test_two_that_wait_for_each_other(database: PostgresDatabase) -> None:
    """A real deadlock: one of the two is undone, done again, and both end well."""
    world = open_ledger(database).world
    one = await open_campaign(world)
    other = await keep_campaign(world, a_campaign(one.definition, one.tenant, id="camp_2"))
    first, second = (campaign.rewards[0].number for campaign in (one, other))
    met = threading.Barrier(2, timeout=10)
    attempts: list[int] = []

    def work(order: tuple[int, int]) -> Callable[[Transaction], int]:
        def hold_both(transaction: Transaction) -> int:
            attempts.append(order[0])
            transaction.hold_reward(order[0])
            if attempts.count(order[0]) == 1:
                met.wait()
            transaction.hold_reward(order[1])
            return order[0]

        return hold_both

    done = await asyncio.gather(
        database.write(EVERYBODY, work((first, second))),
        database.write(EVERYBODY, work((second, first))),
    )

    assert list(done) == [first, second]
    assert len(attempts) >= 3


async def test_whoever_waits_too_long_is_told_to_come_again(postgres_url: str) -> None:
    """For a row, for a connection, or for an answer: nothing has happened."""
    impatient = settings_of(
        postgres_url, lock_s_max=0.2, statement_s_max=0.5, connection_s_max=0.2, pool_max=1
    )
    with closing(PostgresDatabase(impatient)) as database:
        world: World = open_ledger(database).world
        campaign = await open_campaign(world)
        with session(database) as holding:
            holding.execute("BEGIN")
            holding.execute(_HOLD, (campaign.rewards[0].number,))
            with pytest.raises(BusyError):
                await world.incentives.settle([a_wish(campaign)])
        with pytest.raises(UnavailableError):
            await database.write(EVERYBODY, lambda work: work.execute("SELECT pg_sleep(30)"))
        with database._commands.connection(), pytest.raises(BusyError):
            await world.incentives.counters([campaign.rewards[0].number])
        database.turn_s_max = 0.1
        slow = asyncio.ensure_future(
            database.write(EVERYBODY, lambda work: work.execute("SELECT pg_sleep(0.4)"))
        )
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await world.incentives.counters([campaign.rewards[0].number])
        await slow
        assert serials(await world.incentives.settle([a_wish(campaign)])) == [1]


async def test_nothing_of_a_transaction_stays_in_its_session(database: PostgresDatabase) -> None:
    """Whoever pools between us and the server hands the session to somebody else."""
    await database.write(7, lambda transaction: transaction.execute("SELECT 1"))
    with database._commands.connection() as db:
        row = db.execute(
            "SELECT current_setting('largesse.tenant', true), current_setting('search_path'),"
            " current_setting('statement_timeout')"
        ).fetchone()
    assert row in [(wall, '"$user", public', "0") for wall in ("", None)]
