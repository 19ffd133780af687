"""Draws in PostgreSQL: from several processes at once, and what stands behind what was decided."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import LiteralString

import psycopg
import pytest
from postgres_databases import settings_of
from postgres_ledger import open_ledger
from psycopg import errors

from largesse.campaigns.model import Campaign, DrawPeriod, DrawsPer
from largesse.draws.model import DrawSettled
from largesse.kernel.errors import UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.storage.postgres.database import PostgresDatabase
from largesse.testing.factories import (
    World,
    a_campaign,
    a_chance,
    a_draw,
    a_tenant,
    draw,
    draws_of,
    keep_campaign,
    keep_tenant,
    open_draw,
)

SURE = 1_000_000
PROCESSES = 4
CUSTOMERS = 40
BATCH = 8
STOCK = 15


@pytest.fixture
def database(postgres_url: str) -> Iterator[PostgresDatabase]:
    """An empty database."""
    with closing(PostgresDatabase(settings_of(postgres_url))) as opened:
        yield opened


def plant(database: PostgresDatabase, statement: LiteralString) -> None:
    """Change rows by hand, past all that the program does."""
    with psycopg.connect(database.settings.url, autocommit=True) as db:
        db.execute("SELECT set_config('search_path', 'largesse', false)")
        db.execute("SELECT set_config('largesse.tenant', '0', false)")
        db.execute(statement)


async def test_the_same_customers_at_every_process(postgres_url: str) -> None:
    """Each draws once, whoever is asked; numbers have no gap, exactly the stock is won."""
    with ExitStack() as stack:
        databases = [
            stack.enter_context(closing(PostgresDatabase(settings_of(postgres_url))))
            for _ in range(PROCESSES)
        ]
        worlds = [open_ledger(database).world for database in databases]
        campaign = await open_draw(worlds[0], a_chance("A", SURE, quota_total=STOCK))

        answers = await asyncio.gather(
            *(draw_all(world, campaign, at) for at, world in enumerate(worlds))
        )

        settled = [one for some in answers for one in some]
        counted = Counter(one.outcome for one in settled)
        assert counted == {
            Outcome.DRAWN: CUSTOMERS,
            Outcome.ALREADY_DRAWN: CUSTOMERS * (PROCESSES - 1),
        }
        kept = await draws_of(worlds[0]).draws(campaign.number, 0, 1_000)
        assert [one.number for one in kept] == list(range(1, CUSTOMERS + 1))
        assert sum(one.won is not None for one in kept) == STOCK
        assert (await worlds[0].incentives.prove(whole=True)).violations == ()


async def draw_all(world: World, campaign: Campaign, process: int) -> list[DrawSettled]:
    """Have every customer draw at one process, in batches."""
    settled = []
    for start in range(0, CUSTOMERS, BATCH):
        wishes = [
            a_draw(campaign, f"u{at}", key=f"{process} {at}", seed="0")
            for at in range(start, start + BATCH)
        ]
        settled += await draw(world, *wishes)
    return settled


async def test_a_batch_that_mixes_tenants(database: PostgresDatabase) -> None:
    """Each is behind his own wall: nobody draws in another's campaign."""
    world = open_ledger(database).world
    mine = await open_draw(world, a_chance("A", SURE))
    rival = await keep_tenant(world, a_tenant("rival"))
    theirs = await keep_campaign(world, a_campaign(mine.definition, rival.number, id="camp_rival"))

    stranger = a_draw(theirs, "eve")
    stranger.tenant = mine.tenant
    settled = await draw(world, a_draw(mine), a_draw(theirs), stranger)

    outcomes = [one.outcome for one in settled]
    assert outcomes == [Outcome.DRAWN, Outcome.DRAWN, Outcome.CLOSED]
    assert [one.drawn and one.drawn.number for one in settled] == [1, 1, None]


async def test_a_book_that_was_turned_back_writes_nothing(database: PostgresDatabase) -> None:
    """The number stands in the write itself: whoever decided on another one changes nothing."""
    world = open_ledger(database).world
    campaign = await open_draw(world, a_chance("A", 0))
    await draw(world, a_draw(campaign))
    plant(
        database,
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE draw_book SET draws = draws + 1; RETURN NEW; END $$;"
        "CREATE TRIGGER late BEFORE INSERT ON journal_1 FOR EACH ROW"
        " WHEN (NEW.kind = 8) EXECUTE FUNCTION late()",
    )
    try:
        assert campaign.number == 1
        with pytest.raises(UnavailableError):
            await draw(world, a_draw(campaign, "bob"))
    finally:
        plant(database, "DROP TRIGGER late ON journal_1; DROP FUNCTION late")
    assert len(await draws_of(world).draws(campaign.number, 0, 10)) == 1


DEATHS: dict[str, LiteralString] = {
    "amid the draw": "TRIGGER die BEFORE INSERT ON journal_1",
    "at its commit": "CONSTRAINT TRIGGER die AFTER INSERT ON journal_1 INITIALLY DEFERRED",
}


@pytest.mark.parametrize("when", DEATHS)
async def test_B11_a_failure_uses_up_nothing(database: PostgresDatabase, when: str) -> None:
    """The database ends the session of a draw: no day, no number, no stock; the retry draws."""
    world = open_ledger(database).world
    campaign = await open_draw(world, a_chance("A", SURE, quota_total=2))
    await draw(world, a_draw(campaign, "bob"))
    plant(
        database,
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
        "CREATE " + DEATHS[when] + " FOR EACH ROW WHEN (NEW.kind = 8) EXECUTE FUNCTION die()",
    )
    try:
        assert campaign.number == 1
        with pytest.raises(UnavailableError):
            await draw(world, a_draw(campaign))
    finally:
        plant(database, "DROP TRIGGER die ON journal_1; DROP FUNCTION die")
    [settled] = await draw(world, a_draw(campaign))

    assert settled.drawn is not None
    assert settled.issued is not None
    assert (settled.drawn.number, settled.issued.serial, settled.replayed) == (2, 2, False)
    assert (await world.incentives.prove(whole=True)).violations == ()


_AGAIN: LiteralString = """
INSERT INTO journal (part, tenant, kind, at_ms, campaign, version, customer, period, ordinal, key,
  draw)
SELECT part, tenant, 8, at_ms, campaign, 1, customer, WHAT FROM journal WHERE kind = 8"""
TWICE: dict[str, LiteralString] = {
    "a day": "period, 1, 'another key', 9",
    "a key": "period + 1, 1, key, 9",
    "a number": "period + 1, 1, 'another key', 1",
}


@pytest.mark.parametrize("what", TWICE)
async def test_the_keys_of_the_schema_stand_behind(database: PostgresDatabase, what: str) -> None:
    """Whatever a program decides: no second draw of a day, of a key or of a number."""
    world = open_ledger(database).world
    campaign = await open_draw(world, a_chance("A", 0))
    await draw(world, a_draw(campaign))
    with pytest.raises(errors.UniqueViolation):
        plant(database, _AGAIN.replace("WHAT", TWICE[what]))


FAULTS: dict[str, tuple[LiteralString, str]] = {
    "a gap in the numbers": ("UPDATE journal SET draw = 9 WHERE draw = 3", "draw_numbers"),
    "a draw that vanished": ("DELETE FROM journal WHERE draw = 2", "draw_numbers"),
    "a book that says more": ("UPDATE draw_book SET draws = 4", "draws"),
    "a win of another customer": ("UPDATE journal SET customer = 'eve' WHERE draw = 2", "wins"),
    "a win that was not given": ("UPDATE journal SET serial = 9 WHERE draw = 2", "wins"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_is_found(database: PostgresDatabase, fault: str) -> None:
    """And named; before it nothing is wrong."""
    world = open_ledger(database).world
    campaign = await open_draw(world, a_chance("A", SURE))
    await draw(world, *(a_draw(campaign, f"u{at}") for at in range(3)))
    assert (await world.incentives.prove(whole=True)).violations == ()

    statement, rule = FAULTS[fault]
    plant(database, statement)

    found = (await world.incentives.prove(whole=True)).violations
    assert rule in {violation.rule for violation in found}


async def test_a_gap_is_found_by_the_next_proof(database: PostgresDatabase) -> None:
    """Numbers are counted in each proof, not only in whole ones."""
    world = open_ledger(database).world
    per_campaign = DrawsPer(DrawPeriod.CAMPAIGN, 2)
    campaign = await open_draw(world, a_chance("A", 0), draws_per=per_campaign)
    await draw(world, a_draw(campaign))
    assert (await world.incentives.prove(whole=False)).violations == ()
    await draw(world, a_draw(campaign, "bob"))
    plant(database, "UPDATE journal SET draw = 3 WHERE draw = 2")
    found = (await world.incentives.prove(whole=False)).violations
    assert {violation.rule for violation in found} == {"draw_numbers"}
