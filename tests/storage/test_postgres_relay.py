"""The outbox in PostgreSQL: in order while many write, shared by many who relay, cheap to read."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import LiteralString

import psycopg
import pytest
from postgres_databases import settings_of
from postgres_explained import found_and_read
from postgres_ledger import open_ledger
from psycopg import Connection, sql

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Told, Wanted
from largesse.issuance.ports import OutboxStore
from largesse.kernel.fact import START, FactKind
from largesse.kernel.lease import Lease
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.outbox import PARTS, READ, PostgresOutboxStore
from largesse.storage.postgres.transaction import PLAN_ONCE
from largesse.testing.contracts.outbox import outbox_of
from largesse.testing.factories import (
    World,
    a_reward,
    a_wish,
    crowd,
    open_campaign,
    revoke,
    settle,
)

NAME = "a subscriber"
LEASE_MS = 10_000
PROCESSES = 3
BATCHES = 15
BATCH = 8
ROWS = 4_000
OWN_PART = 21

_FILL = """
INSERT INTO journal
  (tx, part, tenant, kind, at_ms, campaign, reward, serial, version, nth, customer, key)
SELECT '3', n %% 16, 1, 1, 0, n %% 16, n %% 16, n, 1, 1, 'customer ' || n, 'key'
FROM generate_series(%s::bigint, %s::bigint) n"""
# By a transaction of long ago: whoever else writes on this server has not begun before it.

_LEFT_TO_THE_PLANNER: LiteralString = (
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', true)"
)
_RUN: LiteralString = "EXECUTE look ('{1}', '{1}', 0, 4, 8, 12, 0, 0, 10)"


@pytest.fixture
def database(postgres_url: str) -> Iterator[PostgresDatabase]:
    """An empty database."""
    with closing(PostgresDatabase(settings_of(postgres_url))) as opened:
        yield opened


@pytest.fixture
def session(database: PostgresDatabase) -> Iterator[Connection]:
    """A connection that sees everything, as if by hand."""
    with psycopg.connect(database.settings.url, autocommit=True) as db:
        db.execute("SELECT set_config('search_path', 'largesse', false)")
        db.execute("SELECT set_config('largesse.tenant', '0', false)")
        yield db


# --- order --------------------------------------------------------------------------------------


async def test_facts_come_in_order_while_many_processes_settle(postgres_url: str) -> None:
    """Read while they are written: each once, none passed by, serials and what is about each."""
    with ExitStack() as stack:
        databases = [
            stack.enter_context(closing(PostgresDatabase(settings_of(postgres_url))))
            for _ in range(PROCESSES)
        ]
        worlds = [open_ledger(database).world for database in databases]
        campaign = await open_campaign(worlds[0], a_reward(quota_total=None))
        writing = asyncio.gather(*(sell(world, campaign, at) for at, world in enumerate(worlds)))
        told: list[Told] = []
        hasty = PostgresOutboxStore(databases[0], worlds[0].clock)
        while not writing.done():
            await read_on(hasty, campaign, told)
        await writing
        await read_on(outbox_of(worlds[0]), campaign, told)

    about: dict[int, list[FactKind]] = {}
    for row in told:
        assert row.serial is not None
        about.setdefault(row.serial, []).append(row.kind)
    issued, revoked = [FactKind.INCENTIVE_ISSUED], [FactKind.INCENTIVE_REVOKED]
    assert list(about) == list(range(1, PROCESSES * BATCHES * BATCH + 1))
    assert list(about.values()).count(issued + revoked) == PROCESSES * BATCHES
    assert list(about.values()).count(issued) == PROCESSES * BATCHES * (BATCH - 1)


async def sell(world: World, campaign: Campaign, process: int) -> None:
    """Settle batch after batch, and take the first of each back."""
    for batch in range(BATCHES):
        names = [f"{process} {batch} {at}" for at in range(BATCH)]
        first, *_ = await settle(world, *(a_wish(campaign, name) for name in names))
        await revoke(world, first)


async def read_on(outbox: OutboxStore, campaign: Campaign, told: list[Told]) -> None:
    """Read what there is behind what was told already."""
    wanted = Wanted(frozenset({campaign.tenant}), frozenset(FactKind), START)
    more = True
    while more:
        after = told[-1].position if told else START
        piece = await outbox.read(campaign.number % PARTS, after, wanted, 50)
        told += piece.rows
        more = piece.more


async def test_a_partition_of_a_campaign_s_own_is_read_too(
    database: PostgresDatabase, session: Connection
) -> None:
    """In its own part, and in pieces that miss nothing of any partition."""
    world = open_ledger(database).world
    shared = await open_campaign(world)
    session.execute("CREATE TABLE journal_own PARTITION OF journal FOR VALUES IN (21)")
    try:
        session.execute(
            "UPDATE campaign SET own_part = %s WHERE number = %s", (OWN_PART, shared.number)
        )
        await settle(world, *crowd(shared, 20))
        outbox = outbox_of(world)
        wanted = Wanted(frozenset({shared.tenant}), frozenset(FactKind), START)
        told, after, more = [], START, True
        while more:
            piece = await outbox.read(OWN_PART % PARTS, after, wanted, 3)
            told += piece.rows
            after, more = piece.upto, piece.more
        other = await outbox.read((OWN_PART + 1) % PARTS, START, wanted, 100)
    finally:
        session.execute("DELETE FROM journal")
        session.execute("DROP TABLE journal_own")

    assert [row.serial for row in told] == list(range(1, 21))
    assert other.rows == []


# --- sharing ------------------------------------------------------------------------------------


async def ask_all(outbox: OutboxStore, holder: str) -> list[Lease]:
    """What a holder gets of all parts."""
    asked = [await outbox.lease(NAME, part, holder, LEASE_MS) for part in range(PARTS)]
    return [lease for lease in asked if lease is not None]


async def test_the_parts_are_shared(database: PostgresDatabase) -> None:
    """The first has all until another one comes; then each has his share, and no part is lost."""
    world = open_ledger(database).world
    outbox = outbox_of(world)
    assert len(await ask_all(outbox, "one")) == PARTS
    assert await ask_all(outbox, "two") == []

    halves = [await ask_all(outbox, "one"), await ask_all(outbox, "two")]

    assert [len(half) for half in halves] == [PARTS // 2] * 2
    assert {lease.part for half in halves for lease in half} == set(range(PARTS))


async def test_a_process_that_was_killed_is_replaced(database: PostgresDatabase) -> None:
    """When its leases have run out; at once where it let them go."""
    world = open_ledger(database).world
    outbox = outbox_of(world)
    await ask_all(outbox, "one")
    await ask_all(outbox, "two")
    await ask_all(outbox, "one")
    mine = await ask_all(outbox, "two")
    world.clock.advance(LEASE_MS)
    assert len(await ask_all(outbox, "two")) == PARTS

    assert await ask_all(outbox, "three") == []
    for lease in await ask_all(outbox, "two"):
        await outbox.release(lease)
    assert len(await ask_all(outbox, "three")) == PARTS
    assert len(mine) == PARTS // 2


async def test_one_part_that_many_ask_for_has_one_holder(database: PostgresDatabase) -> None:
    """However many there are: that is how the work of one is done by one."""
    outbox = outbox_of(open_ledger(database).world)
    holders = [f"process {number}" for number in range(3 * PARTS)]

    asked = await asyncio.gather(*(outbox.lease(NAME, 0, one, LEASE_MS) for one in holders))

    assert sum(lease is not None for lease in asked) == 1


# --- cost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("few", [None, 0, 32], ids=["unknown", "known as empty", "known as small"])
def test_a_read_touches_what_it_looks_at(session: Connection, few: int | None) -> None:
    """Of thousands of rows in sixteen partitions, those of its own and hardly more than it wants.

    By a plan that was made when there was little, whatever statistics knew of that.
    """
    assert 10 <= read_for_ten(session, PLAN_ONCE, few) <= 40


def test_it_is_the_settings_that_keep_it_from_reading_all(session: Connection) -> None:
    """Left to the planner it reads all of its partitions: the test can tell."""
    assert read_for_ten(session, _LEFT_TO_THE_PLANNER, 0) >= ROWS / PARTS


def read_for_ten(session: Connection, settings: LiteralString, few: int | None) -> int:
    """How many of `ROWS` rows are read for ten, by a plan made when there were `few`."""
    with session.transaction(force_rollback=True):
        session.execute("TRUNCATE journal")  # which forgets what statistics knew
        if few is not None:
            session.execute(_FILL, (1, few))
            session.execute("ANALYZE journal")
        session.execute(settings)
        session.execute(numbered(READ))
        session.execute(_RUN)
        session.execute(_FILL, ((few or 0) + 1, ROWS))
        _, read = found_and_read(session, sql.SQL(_RUN))
        session.execute("DEALLOCATE look")
    return read


def numbered(statement: LiteralString) -> LiteralString:
    """The statement with numbered parameters, to be prepared under the name `look`."""
    names = ("kinds", "tenants", "one", "two", "three", "four", "tx", "seq", "limit")
    for number, name in enumerate(names, 1):
        statement = statement.replace(f"%({name})s", f"${number}")
    return f"PREPARE look AS {statement}"
