"""The second wall between tenants: rows that a statement forgot to leave out are not there."""

from collections.abc import Iterator
from contextlib import closing
from typing import LiteralString

import psycopg
import pytest
from msgspec.structs import replace
from postgres_databases import settings_of
from postgres_ledger import open_ledger
from psycopg import Connection, sql

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Wish
from largesse.kernel.outcome import Outcome
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.known import Known, learn, load_and_hold
from largesse.storage.postgres.transaction import EVERYBODY, Transaction
from largesse.storage.postgres.trips import BatchTransaction, Line
from largesse.testing.factories import (
    NOW_MS,
    World,
    a_campaign,
    a_definition,
    a_tenant,
    a_wish,
    keep_campaign,
    keep_tenant,
    settle,
)

_TABLES = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'largesse' AND c.relkind IN ('r', 'p') ORDER BY c.relname"""
_OPEN_TO_ALL = {"migration", "installation", "relay", "relay_member"}
"""What no tenant owns."""


@pytest.fixture
def database(postgres_url: str) -> Iterator[PostgresDatabase]:
    """An empty database."""
    with closing(PostgresDatabase(settings_of(postgres_url))) as opened:
        yield opened


async def two_tenants(world: World) -> list[Campaign]:
    """A campaign of each of two tenants, with one incentive given."""
    campaigns = []
    for name in ("acme", "beta"):
        tenant = await keep_tenant(world, a_tenant(name))
        campaign = a_campaign(a_definition(), tenant.number, id=f"camp_{name}")
        campaigns.append(await keep_campaign(world, campaign))
        await settle(world, a_wish(campaigns[-1]))
    return campaigns


def test_every_table_of_a_tenant_has_the_wall(postgres_url: str) -> None:
    """Those that a later migration adds, and every partition by itself, too."""
    with psycopg.connect(postgres_url) as db:
        walled: dict[str, bool] = dict(db.execute(_TABLES).fetchall())

    assert {name for name, wall in walled.items() if not wall} == _OPEN_TO_ALL
    assert len(walled) > 25


async def test_who_names_nobody_sees_nothing(database: PostgresDatabase) -> None:
    """Nor by the name of a partition; who names a tenant sees his rows, who names all sees all."""
    first, second = await two_tenants(open_ledger(database).world)

    async def count(wall: str, table: str) -> int:
        def work(transaction: Transaction) -> int:
            transaction.execute("SELECT set_config('largesse.tenant', %s, true)", (wall,))
            named = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            return int((transaction.db.execute(named).fetchone() or (-1,))[0])

        return await database.read(EVERYBODY, work)

    for table, all_rows in (("journal", 2), ("reward", 2), ("campaign", 2), ("tenant", 2)):
        assert await count("", table) == 0
        assert await count(str(first.tenant), table) == 1
        assert await count(str(second.tenant), table) == 1
        assert await count(str(EVERYBODY), table) == all_rows
    assert await count(str(EVERYBODY), f"journal_{first.number % 16}") == 0


async def test_a_batch_that_mixes_tenants(database: PostgresDatabase) -> None:
    """Each wish is read behind its own tenant's wall, whatever it names.

    The statements that read a batch say nothing of tenants, so that the wall alone is tested here;
    with the wall taken away the same call finds the other tenant's reward.
    """
    first, second = await two_tenants(open_ledger(database).world)
    stranger = replace(a_wish(first), tenant=second.tenant)
    wishes = {first.tenant: [a_wish(first)], second.tenant: [a_wish(second), stranger]}

    assert await seen(database, wishes, first) == [first.tenant]

    with psycopg.connect(database.settings.url, autocommit=True) as db:
        try:
            set_wall(db, "DISABLE")
            assert await seen(database, wishes, first) == [first.tenant, second.tenant]
        finally:
            set_wall(db, "ENABLE")


async def test_a_batch_in_which_one_tenant_gives_nothing(database: PostgresDatabase) -> None:
    """What the other one gives is written behind his wall all the same."""
    ledger = open_ledger(database)
    first, second = await two_tenants(ledger.world)
    nowhere = replace(a_wish(first, "bob"), campaign=second.number)

    settled = await settle(ledger.world, nowhere, a_wish(second, "bob"))

    assert [one.outcome for one in settled] == [Outcome.CLOSED, Outcome.ISSUED]


async def seen(
    database: PostgresDatabase, wishes: dict[int, list[Wish]], campaign: Campaign
) -> list[int]:
    """The tenants whose part of a batch found a campaign's reward, its row or its customer's."""

    def work(line: Line) -> list[int]:
        memory: dict[int, Known] = {}
        transaction = BatchTransaction(line, database.limits, EVERYBODY)
        transaction.ask([])
        for tenant in wishes:
            learn(transaction, memory, tenant, [campaign.number])
            if campaign.number in memory:
                break
        loaded = load_and_hold(transaction, memory, wishes)
        reward, who = campaign.rewards[0].number, (campaign.number, "ann")
        line.rollback()
        return [
            tenant
            for tenant, found in loaded.items()
            if reward in found.counters
            or campaign.number in found.campaigns
            or who in found.entries
        ]

    return await database.claim(work)


def set_wall(db: Connection, how: LiteralString) -> None:
    """Take the wall away, or put it back."""
    for table in ("reward", "campaign", "journal"):
        change = sql.SQL("ALTER TABLE largesse.{} {} ROW LEVEL SECURITY")
        db.execute(change.format(sql.Identifier(table), sql.SQL(how)))


async def test_nobody_writes_behind_another_s_wall(database: PostgresDatabase) -> None:
    """Stock cannot be taken, rows cannot be added, nothing can be changed."""
    first, second = await two_tenants(open_ledger(database).world)
    reward = first.rewards[0].number

    with psycopg.connect(database.settings.url, autocommit=True) as db:
        db.execute("SELECT set_config('search_path', 'largesse', false)")
        db.execute("SELECT set_config('largesse.tenant', %s, false)", (str(second.tenant),))
        with pytest.raises(psycopg.Error, match="does not bear") as refused:
            db.execute("SELECT take_stocks(%s::bigint[], '{1}', '{1}', '{0}')", ([reward],))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(
                "INSERT INTO journal (part, tenant, kind, campaign, reward, serial, at_ms, version)"
                " VALUES (0, %s, 1, %s, %s, 9, %s, 1)",
                (first.tenant, first.number, reward, NOW_MS),
            )
        assert db.execute("UPDATE campaign SET name = 'x' WHERE id = 'camp_acme'").rowcount == 0
    assert refused.value.sqlstate == "LG001"
