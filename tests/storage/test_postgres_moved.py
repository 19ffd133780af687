"""A dump that goes on in another server, whose transactions have other numbers than its rows."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Barrier
from typing import NamedTuple

import psycopg
import pytest
from postgres_databases import Databases, settings_of
from postgres_dumps import AHEAD_MIN, dump, far_server, restore
from postgres_ledger import open_ledger
from postgres_server import PostgresServer, postgres
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from largesse.campaigns.model import Campaign
from largesse.cli.doctor_postgres import judge
from largesse.issuance.model import Wanted
from largesse.kernel.fact import START, FactKind, Position
from largesse.kernel.outcome import Outcome
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.inspection import inspect
from largesse.storage.postgres.numbering import number_on, numbers_of
from largesse.storage.postgres.outbox import PARTS, READ
from largesse.storage.postgres.schema import Phase, upgrade
from largesse.storage.postgres.transaction import Limits, Transaction
from largesse.testing.contracts.outbox import outbox_of, told_of
from largesse.testing.contracts.webhooks import a_webhook, add, of
from largesse.testing.factories import NOW_MS, World, a_wish, crowd, open_campaign, settle

pytestmark = pytest.mark.slow

NAME = "a subscriber"
PROCESSES = 4
_PATIENT = Limits(statement_ms_max=10_000, lock_ms_max=10_000)


class Dumped(NamedTuple):
    """A ledger that somebody used, in a file, and what he knew of it."""

    file: Path
    campaign: Campaign
    told: list[Position]


@pytest.fixture(scope="module")
def far() -> Iterator[PostgresServer]:
    """A server whose numbers are far ahead of those of the others."""
    with far_server() as server:
        yield server


@pytest.fixture(scope="module")
def near() -> Iterator[PostgresServer]:
    """A server that has hardly counted."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def dumped(far: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Dumped:
    """Ten incentives, all told, from the server that counted far."""
    folder = tmp_path_factory.mktemp("dumped")
    with Databases(far.url()).empty() as url:
        with psycopg.connect(url, autocommit=True) as db:
            upgrade(db, frozenset(Phase))
        with closing(PostgresDatabase(settings_of(url))) as database:
            campaign, told = asyncio.run(_use(open_ledger(database).world))
        dump(far, url, folder / "ledger.dump")
    return Dumped(folder / "ledger.dump", campaign, told)


async def _use(world: World) -> tuple[Campaign, list[Position]]:
    campaign = await open_campaign(world)
    await add(world, a_webhook(campaign.tenant))
    await settle(world, *crowd(campaign, 10))
    told = [row.position for row in await told_of(world, campaign)]
    outbox = outbox_of(world)
    lease = await outbox.lease(NAME, campaign.number % PARTS, "me", 1)
    assert lease is not None
    await outbox.keep(lease, told[-1])
    await outbox.release(lease)
    return campaign, told


@pytest.fixture(scope="module")
def restored(dumped: Dumped, near: PostgresServer) -> Iterator[str]:
    """The dump in a server that has hardly counted; its name there. Nobody looks into it."""
    with Databases(near.url()).empty() as url:
        restore(dumped.file, url)
        yield str(conninfo_to_dict(url)["dbname"])


@pytest.fixture
def url(restored: str, near: PostgresServer) -> Iterator[str]:
    """A copy of that."""
    with psycopg.connect(near.url(), autocommit=True) as db:
        make = sql.SQL("CREATE DATABASE copy TEMPLATE {}").format(sql.Identifier(restored))
        db.execute(make)
        yield near.url("copy")
        db.execute("DROP DATABASE copy WITH (FORCE)")


@contextmanager
def by_hand(url: str) -> Iterator[Connection]:
    """A session that sees everything and looks after no numbers."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("SELECT set_config('search_path', 'largesse', false)")
        db.execute("SELECT set_config('largesse.tenant', '0', false)")
        yield db


def news(db: Connection, dumped: Dumped) -> list[int]:
    """When what happened that is behind the last fact of the dump, for whoever reads on there."""
    part, last = dumped.campaign.number % PARTS, dumped.told[-1]
    rows = db.execute(
        READ,
        {
            **{one: part + PARTS * at for at, one in enumerate(("one", "two", "three", "four"))},
            "kinds": list(FactKind),
            "tenants": [dumped.campaign.tenant],
            "tx": last.transaction,
            "seq": last.seq,
            "limit": 100,
        },
    ).fetchall()
    return [row[3] for row in rows]


def write(db: Connection, dumped: Dumped, at_ms: int) -> None:
    """Write a fact, and let all that runs on the server come to its end."""
    with db.transaction():
        Transaction(db).tell(FactKind.CAMPAIGN_CHANGED, at_ms, dumped.campaign)
    [next_] = db.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone() or ("",)
    over = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= %s::xid8"
    while db.execute(over, (next_,)).fetchone() != (True,):
        pass


def test_without_a_lead_nobody_hears_of_it(url: str, dumped: Dumped) -> None:
    """The control: what is written under the server's own numbers is passed by, for ever."""
    assert dumped.told[-1].transaction > AHEAD_MIN
    with by_hand(url) as db:
        write(db, dumped, NOW_MS + 1)
        assert news(db, dumped) == []
        number_on(db, _PATIENT)
        db.execute("SELECT set_config('search_path', 'largesse', false)")
        write(db, dumped, NOW_MS + 2)
        assert news(db, dumped) == [NOW_MS + 2]


async def test_it_goes_on(url: str, dumped: Dumped) -> None:
    """Facts come behind those that were told, once, whoever reads on; and all adds up."""
    with closing(PostgresDatabase(settings_of(url))) as database:
        world = open_ledger(database).world
        first = await world.incentives.prove(whole=True)
        [again, new] = await settle(
            world, *crowd(dumped.campaign, 1), a_wish(dumped.campaign, "new")
        )
        outbox, part = outbox_of(world), dumped.campaign.number % PARTS
        lease = await outbox.lease(NAME, part, "me, too", 1_000)
        assert lease is not None
        assert lease.position == dumped.told[-1]
        wanted = Wanted(frozenset({dumped.campaign.tenant}), frozenset(FactKind), START)
        piece = await outbox.read(part, lease.position, wanted, 100)
        assert [(row.kind, row.serial) for row in piece.rows] == [
            (FactKind.INCENTIVE_ISSUED, 11),
        ]
        assert [row.position for row in await outbox.at(dumped.told)] == dumped.told
        assert [row.position for row in await told_of(world, dumped.campaign)][:-1] == dumped.told
        assert again.replayed
        assert new.outcome is Outcome.ISSUED
        second = await world.incentives.prove(whole=False)
        assert (first.violations, second.violations) == ((), ())


async def test_a_webhook_made_there_is_told_what_comes_then(url: str, dumped: Dumped) -> None:
    """And nothing of before, as everywhere; one from before hears what comes, too."""
    with closing(PostgresDatabase(settings_of(url))) as database:
        world = open_ledger(database).world
        webhook = await of(world, await add(world, a_webhook(dumped.campaign.tenant, "wh_2")))
        await settle(world, a_wish(dumped.campaign, "new"))
        [*_, last] = await told_of(world, dumped.campaign)
        assert dumped.told[-1] < webhook.since < last.position


def test_many_that_start_at_once(url: str) -> None:
    """One raises the numbers, the others find them raised: by no more than was needed."""
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(PROCESSES))
        sessions = [stack.enter_context(by_hand(url)) for _ in range(PROCESSES)]
        ready = Barrier(PROCESSES)

        def start(db: Connection) -> None:
            ready.wait()
            number_on(db, _PATIENT)

        list(threads.map(start, sessions))
        found = numbers_of(sessions[0])
    assert found is not None
    assert AHEAD_MIN / 2 < found.lead < AHEAD_MIN * 2
    assert found.short == 0


def test_doctor_tells(url: str) -> None:
    """Before the first start what it will do, and afterwards what it did."""

    def numbers() -> tuple[str, str]:
        [one] = [one for one in judge(inspect(url)) if one.check == "numbers"]
        return one.standing, one.found

    standing, found = numbers()
    assert standing == "warn"
    assert "had counted further" in found
    with by_hand(url) as db:
        number_on(db, _PATIENT)
    standing, found = numbers()
    assert standing == "ok"
    assert "since it was moved" in found


async def test_there_and_back(
    url: str, dumped: Dumped, far: PostgresServer, near: PostgresServer, tmp_path: Path
) -> None:
    """A lead travels with the dump, and is enough where a server has counted further anyway."""
    with closing(PostgresDatabase(settings_of(url))) as database:
        await settle(open_ledger(database).world, a_wish(dumped.campaign, "there"))
    dump(near, url, tmp_path / "back.dump")
    with Databases(far.url()).empty() as back:
        restore(tmp_path / "back.dump", back)
        with closing(PostgresDatabase(settings_of(back))) as database:
            world = open_ledger(database).world
            await settle(world, a_wish(dumped.campaign, "back"))
            told = await told_of(world, dumped.campaign)
            assert [row.serial for row in told[-2:]] == [11, 12]
            assert (await world.incentives.prove(whole=True)).violations == ()


def test_where_the_server_counted_further_nothing_changes(
    dumped: Dumped, far: PostgresServer
) -> None:
    """Back on its own server, the numbers are the server's."""
    with Databases(far.url()).empty() as url:
        restore(dumped.file, url)
        with by_hand(url) as db:
            number_on(db, _PATIENT)
            assert numbers_of(db) == (0, 0)


def test_who_writes_meanwhile_is_waited_for(url: str, dumped: Dumped) -> None:
    """What is being written as the numbers are raised is among the rows that they come behind."""
    with by_hand(url) as writing, by_hand(url) as raising:
        writing.execute("BEGIN")
        Transaction(writing).tell(FactKind.CAMPAIGN_CHANGED, NOW_MS, dumped.campaign)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            number_on(raising, Limits(statement_ms_max=10_000, lock_ms_max=100))
        assert numbers_of(raising) != (0, 0)
        writing.execute("COMMIT")
        number_on(raising, _PATIENT)
        found = numbers_of(raising)
        assert found is not None
        assert found.short == 0
