"""A file of an older release: this one reads, proves and goes on with its extents and draws."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from sqlite_ledger import Ledger, open_ledger

from largesse.campaigns.model import Campaign, CampaignType
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.file import APPLICATION_ID, migrations
from largesse.storage.sqlite.transaction import Transaction
from largesse.testing.factories import (
    a_campaign,
    a_chance,
    a_definition,
    a_draw,
    a_reward,
    a_wish,
    draw,
    draws_of,
    keep_campaign,
    open_campaign,
    settle,
)

BEFORE_EXTENTS_MOVED = 6
"""The last schema that had one table for where serials stand."""

ROUNDS = 5
AT_ONCE = 8


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """A ledger, closed at the end."""
    ledger = open_ledger(path)
    try:
        yield ledger
    finally:
        ledger.close()


def set_back(path: Path, schema: int) -> None:
    """Make a file what it would be if an older release had written it: schema and rows."""
    old = path.with_suffix(".old")
    db = apsw.Connection(str(old))
    db.pragma("page_size", apsw.Connection(str(path)).pragma("page_size"))
    for statements in migrations()[:schema]:
        db.execute(statements)
    db.pragma("application_id", APPLICATION_ID)
    db.pragma("user_version", schema)
    db.execute("ATTACH ? AS new", (str(path),))
    tables = [
        name for (name,) in db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")
    ]
    for table in tables:
        columns = ", ".join(
            column for _, column, *_ in db.execute(f"PRAGMA main.table_info({table})")
        )
        db.execute(f"DELETE FROM main.{table}")  # noqa: S608 — of our schema
        db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")  # noqa: S608 — of our schema
    db.close()
    old.replace(path)


async def a_past(ledger: Ledger) -> tuple[Campaign, Campaign]:
    """Claims of two rewards and draws, in several batches: extents of each."""
    claims = await open_campaign(ledger.world, a_reward("A"), a_reward("B"))
    wheel = await keep_campaign(
        ledger.world,
        a_campaign(
            a_definition(a_chance("C", 1_000_000, quota_total=20), type=CampaignType.DRAW),
            claims.tenant,
            id="camp_wheel",
        ),
    )
    await go_on(ledger, claims, wheel, "old")
    return claims, wheel


async def go_on(ledger: Ledger, claims: Campaign, wheel: Campaign, name: str) -> None:
    """Some batches more."""
    for turn in range(ROUNDS):
        names = [f"{name}-{turn}-{at}" for at in range(AT_ONCE)]
        await settle(ledger.world, *(a_wish(claims, one, at % 2) for at, one in enumerate(names)))
        settled = await draw(ledger.world, *(a_draw(wheel, one) for one in names))
        assert {one.outcome for one in settled} == {Outcome.DRAWN}


async def violated(ledger: Ledger) -> set[str]:
    """The rules that a whole proof finds broken."""
    return {one.rule for one in (await ledger.store.prove(whole=True)).violations}


@pytest.fixture
async def upgraded(tmp_path: Path) -> tuple[Path, Campaign, Campaign]:
    """A file of the older schema with a past; the next opening upgrades it."""
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        claims, wheel = await a_past(ledger)
    set_back(path, BEFORE_EXTENTS_MOVED)
    return path, claims, wheel


async def test_a_file_of_the_older_schema(upgraded: tuple[Path, Campaign, Campaign]) -> None:
    """Everything in it is found again, proven, and gone on with, serial by serial."""
    path, claims, wheel = upgraded
    with apsw.Connection(str(path)) as db:
        assert db.pragma("user_version") == BEFORE_EXTENTS_MOVED
        extents = db.execute("SELECT count(*) FROM extent").get
    db.close()
    assert extents > ROUNDS
    with opened(path) as ledger:
        assert await violated(ledger) == set()
        [again] = await draw(ledger.world, a_draw(wheel, "old-1-3", key="another"))
        assert again.outcome is Outcome.ALREADY_DRAWN
        await go_on(ledger, claims, wheel, "new")
        assert await violated(ledger) == set()
        drawn = await draws_of(ledger.world).draws(wheel.number, 0, 1_000)
        assert [one.number for one in drawn] == list(range(1, 2 * ROUNDS * AT_ONCE + 1))
        won = [one.won.serial for one in drawn if one.won is not None]
        assert won == list(range(1, 21))
        entries = await ledger.store.entries(
            sorted(reward.number for reward in claims.rewards), None, 1_000
        )
        assert len(entries) == 2 * ROUNDS * AT_ONCE
    with opened(path) as ledger:
        assert await violated(ledger) == set()


@pytest.mark.parametrize(
    ("mistake", "rules"),
    [
        ("UPDATE extent_moved SET seq = seq + 1 WHERE serial > 1", {"extents", "wins"}),
        ("DELETE FROM extent_moved WHERE serial > 1", {"extents", "wins"}),
    ],
    ids=["points elsewhere", "is lost"],
)
async def test_what_was_moved_wrongly_is_found(
    upgraded: tuple[Path, Campaign, Campaign], mistake: str, rules: set[str]
) -> None:
    """By the whole proof, for claims and for what draws won."""
    path, _, _ = upgraded
    with opened(path) as ledger:
        assert await violated(ledger) == set()

        def plant(transaction: Transaction) -> None:
            transaction.db.execute(mistake)

        await ledger.writer.write(plant)
        assert rules <= await violated(ledger)
