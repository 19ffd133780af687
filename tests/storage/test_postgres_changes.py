"""What one process changes, another learns: told by the database, whoever changed it."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial

import psycopg
import pytest
from pgbouncer import pgbouncer
from postgres_databases import settings_of
from postgres_ledger import open_ledger

from largesse.campaigns.model import Campaign
from largesse.storage.postgres.changes import CHANNEL, PostgresChanges
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.listening import Channel, Listening
from largesse.storage.postgres.publishing import Publisher
from largesse.storage.postgres.transaction import EVERYBODY
from largesse.testing.factories import (
    World,
    a_command,
    a_key,
    a_reward,
    a_tenant,
    crowd,
    edited,
    keep_tenant,
    open_campaign,
    settle,
)
from largesse.workers.bell import Bell

NEVER_S = 1_000.0
"""Whoever waits so long waits for a ring: no test lives to see its end."""

_SESSION = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query LIKE 'LISTEN%' AND datname = current_database()"""


@dataclass
class Other:
    """Another process, as far as it follows."""

    changes: PostgresChanges
    bell: Bell = field(default_factory=Bell)
    tenants: list[Collection[int] | None] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)

    async def look(self) -> None:
        """Learn what is new."""
        await self.changes.look(self._learn)

    async def wait(self) -> None:
        """Wait for a ring, then learn what is new."""
        await self.bell.heard(NEVER_S)
        await self.look()

    async def _learn(self, numbers: Collection[int] | None) -> None:
        self.tenants.append(numbers)


@asynccontextmanager
async def following(url: str, listen_url: str | None = None) -> AsyncIterator[Other]:
    """Another process on a database."""
    with closing(PostgresDatabase(settings_of(url))) as database:
        [snapshot] = await database.read(
            EVERYBODY, lambda state: state.row("SELECT pg_current_snapshot()::text")
        )
        campaigns: list[Campaign] = []
        listening = Listening(listen_url or url)
        changes = PostgresChanges(database, Publisher(campaigns.append), listening, snapshot)
        other = Other(changes, campaigns=campaigns)
        changes.start(other.bell.ring)
        try:
            yield other
        finally:
            await changes.stop()


@pytest.fixture
def world(postgres_url: str) -> Iterator[World]:
    """One process on the database."""
    with closing(PostgresDatabase(settings_of(postgres_url))) as database:
        yield open_ledger(database).world


async def test_a_campaign_is_heard_of(world: World, postgres_url: str) -> None:
    """When it opens, and when it changes."""
    async with following(postgres_url) as other:
        await other.wait()  # the first look, when it listens
        campaign = await open_campaign(world, a_reward(quota_total=5))
        while not other.campaigns:
            await other.wait()
        changed = edited(campaign, name="Other")
        await world.campaigns.write(
            a_command(), lambda records: records.save_campaign(changed), Campaign
        )
        while len(other.campaigns) < 2:
            await other.wait()
    assert [one.id for one in other.campaigns] == [campaign.id, campaign.id]
    assert other.campaigns[-1].definition.name == "Other"


async def test_a_key_is_heard_of(world: World, postgres_url: str) -> None:
    """Whoever changes it: an operator by hand, too."""
    async with following(postgres_url) as other:
        await other.wait()
        tenant = await keep_tenant(world, a_tenant())
        key = a_key(tenant.number, "key_1")
        await world.tenants.write(a_command(), lambda records: records.add_key(key), type(None))
        while not other.tenants:
            await other.wait()
        other.tenants.clear()
        with psycopg.connect(postgres_url) as db:
            db.execute("SET largesse.tenant = '0'")
            db.execute("UPDATE largesse.api_key SET revoked_at_ms = 1")
        await other.wait()
    assert other.tenants == [frozenset({tenant.number})]


async def test_claims_say_nothing(world: World, postgres_url: str) -> None:
    """A word in a transaction keeps others from committing with it: no claim bears that."""
    campaign = await open_campaign(world)
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute(f"LISTEN {CHANNEL}".encode())
        await settle(world, *crowd(campaign, 10))
        assert list(db.notifies(timeout=0, stop_after=1)) == []
        await keep_tenant(world, a_tenant("other"))
        assert len(list(db.notifies(timeout=NEVER_S, stop_after=1))) == 1


async def test_what_was_missed_is_read_anew(world: World, postgres_url: str) -> None:
    """A connection that was lost comes back, and everything is learnt again."""
    campaign = await open_campaign(world)
    async with following(postgres_url) as other:
        await other.wait()
        assert other.tenants == []
        assert other.campaigns == []
        with psycopg.connect(postgres_url, autocommit=True) as db:
            assert db.execute(_SESSION).fetchall() == [(True,)]
        await other.wait()
        assert other.tenants == [None]
        assert [one.id for one in other.campaigns] == [campaign.id]
        assert other.changes.hears


async def test_a_look_that_failed_is_made_good(world: World, postgres_url: str) -> None:
    """The next one reads everything: what the failed one took from the list is not lost."""

    async def fail(_: Collection[int] | None) -> None:
        raise RuntimeError

    async with following(postgres_url) as other:
        await other.wait()
        await keep_tenant(world, a_tenant("other"))
        with pytest.raises(RuntimeError):
            await other.changes.look(fail)
        await other.look()
    assert other.tenants == [None]


async def test_behind_a_pooler(world: World, postgres_url: str) -> None:
    """No word comes through: what is new is found by looking. A direct way beside it brings them.

    So it is the listening that rings: the same change rings at one and not at the other.
    """
    async with AsyncExitStack() as stack:
        pooled = stack.enter_context(pgbouncer(postgres_url))
        deaf = await stack.enter_async_context(following(pooled))
        hearing = await stack.enter_async_context(following(pooled, postgres_url))
        await hearing.wait()
        assert deaf.changes._listening._task is not None
        await asyncio.wait([deaf.changes._listening._task])
        campaign = await open_campaign(world)
        await hearing.wait()
        assert not deaf.bell._rung
        await deaf.look()
    assert not deaf.changes.hears
    for one in (deaf, hearing):
        assert [found.id for found in one.campaigns] == [campaign.id]


async def test_rows_are_not_kept_for_ever(world: World, postgres_url: str) -> None:
    """Those that everybody has read go; a new one stays."""
    await keep_tenant(world, a_tenant())
    count = "SELECT count(*) FROM largesse.change"
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("SET largesse.tenant = '0'")
        async with following(postgres_url) as other:
            await other.changes.forget()
            assert db.execute(count).fetchone() == (1,)
            db.execute("UPDATE largesse.change SET at = at - interval '1 day'")
            await other.changes.forget()
            assert db.execute(count).fetchone() == (0,)


async def test_channels_are_told_apart(postgres_url: str) -> None:
    """Several parts of a process share one connection."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    listening = Listening(postgres_url)
    for name in ("one", "two"):
        listening.on(Channel(name, partial(heard.put_nowait, name), lambda: None))
    listening.start()
    assert {await heard.get(), await heard.get()} == {"one", "two"}
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("NOTIFY two")
        db.execute("NOTIFY one")
    assert [await heard.get(), await heard.get()] == ["two", "one"]
    await listening.stop()
    assert not listening.hears
