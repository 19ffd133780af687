"""A release runs on the schema of the next: a step that comes before it only adds.

There is no release before this one, so that no older code can be run on this schema. What can be
held is what makes it safe: each step before a deploy leaves all that was there as it was, for
reading and for writing, and a process that is at work goes on when such a step was taken.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import LiteralString

import psycopg
import pytest
from postgres_databases import Databases, settings_of
from postgres_ledger import open_ledger
from psycopg import Connection, sql

from largesse.storage.postgres.database import PREPARE_AFTER, PostgresDatabase
from largesse.storage.postgres.schema import Migration, Phase, migrations, upgrade
from largesse.testing.factories import a_wish, open_campaign, serials

# Everything of a schema that a statement written for it may rest on, one text each.
_CATALOGUE: LiteralString = """
SELECT format('column %s.%s %s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attcollation <> t.typcollation THEN ' collate ' || l.collname ELSE '' END)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relnamespace = 'largesse'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
  AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('index %s', pg_get_indexdef(i.indexrelid))
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = 'largesse'::regnamespace AND i.indisunique AND NOT c.relispartition
UNION ALL
SELECT format('function %s', p.oid::regprocedure) FROM pg_proc p
WHERE p.pronamespace = 'largesse'::regnamespace
UNION ALL
SELECT format('policy %s on %s', polname, polrelid::regclass) FROM pg_policy"""

# What would refuse a row that a statement of an older schema writes, with the columns it is about.
_DEMANDS: LiteralString = """
SELECT c.relname::text, format('column %s.%s must be told', c.relname, a.attname),
  ARRAY[a.attname::text]
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'largesse'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND a.attnum > 0
  AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND NOT a.attisdropped
UNION ALL
SELECT c.relname, format('%s: %s', c.relname, pg_get_constraintdef(k.oid)),
  ARRAY(SELECT attname::text FROM pg_attribute
    WHERE attrelid = k.conrelid AND attnum = ANY(k.conkey) ORDER BY attnum)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = 'largesse'::regnamespace AND NOT c.relispartition
  AND k.contype IN ('c', 'f', 'u', 'x')
UNION ALL
SELECT c.relname, pg_get_indexdef(i.indexrelid),
  ARRAY(SELECT attname::text FROM pg_attribute
    WHERE attrelid = i.indrelid AND attnum = ANY(i.indkey) ORDER BY attnum)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = 'largesse'::regnamespace AND i.indisunique AND NOT c.relispartition"""

# Columns that stay NULL where a statement does not know them: no key and no CHECK minds those.
_SILENT = """
SELECT c.relname::text, a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'largesse'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND a.attnum > 0
  AND NOT a.attnotnull AND NOT a.atthasdef AND NOT a.attisdropped"""

_TABLES = """
SELECT relname::text FROM pg_class
WHERE relnamespace = 'largesse'::regnamespace AND relkind IN ('r', 'p')"""


CONSIDERED = {
    5: ("(kind = 8)",),  # a key of draws, which no release before it makes
    7: ("journal_gone_once", "journal_ended_once"),  # one key for another that holds more
}
"""Changes of these steps that the comparison cannot know to be harmless, and that are."""


class Schema:
    """A schema as the statements of a release see it."""

    def __init__(self, db: Connection) -> None:
        self.tables = {name for (name,) in db.execute(_TABLES)}
        self.has = {one for (one,) in db.execute(_CATALOGUE)}
        self.silent = set(db.execute(_SILENT))
        self.demands = {
            (table, what): tuple((table, column) for column in columns)
            for table, what, columns in db.execute(_DEMANDS)
        }

    def broken_by(self, later: "Schema") -> set[str]:
        """What statements written for this one would miss or be refused in a later one."""
        unknown = later.silent - self.silent
        added = {
            what
            for (table, what), columns in later.demands.items() - self.demands.items()
            if table in self.tables and unknown.isdisjoint(columns)
        }
        return (self.has - later.has) | added


@pytest.fixture(scope="module")
def db(databases: Databases) -> Iterator[Connection]:
    """A database without a schema."""
    with databases.empty() as url, psycopg.connect(url, autocommit=True) as opened:
        opened.execute("CREATE SCHEMA largesse")
        opened.execute("SET search_path TO largesse")
        yield opened


@pytest.fixture(autouse=True)
def _as_before(db: Connection) -> Iterator[None]:
    """Undo what a test did, tables and all."""
    with db.transaction(force_rollback=True):
        yield


def take(db: Connection, step: Migration) -> None:
    """Take one step."""
    db.execute(step.statements.encode())


def test_steps_before_a_deploy_only_add(db: Connection) -> None:
    """What the release before them reads and writes is there, unchanged, after each of them."""
    for step in migrations():
        before = Schema(db)
        take(db, step)
        if step.phase is Phase.PRE:
            broken = before.broken_by(Schema(db))
            known = CONSIDERED.get(step.number, ())
            found = {one for one in broken if not any(about in one for about in known)}
            assert found == set(), f"{step.number:04} {step.name}"


@pytest.mark.parametrize(
    ("planted", "harmless"),
    [
        ("ALTER TABLE campaign ADD COLUMN colour text", True),
        ("ALTER TABLE campaign ADD COLUMN colour text NOT NULL DEFAULT 'red'", True),
        ("ALTER TABLE campaign ADD COLUMN colour text UNIQUE CHECK (colour <> 'red')", True),
        ("CREATE TABLE colour (name text PRIMARY KEY)", True),
        ("ALTER TABLE campaign ADD COLUMN colour text NOT NULL", False),
        ("ALTER TABLE campaign DROP COLUMN name", False),
        ("ALTER TABLE campaign RENAME COLUMN name TO title", False),
        ("ALTER TABLE reward ALTER COLUMN quota_total TYPE integer", False),
        ("ALTER TABLE reward ADD CHECK (quota_total < 1000)", False),
        ("ALTER TABLE campaign ALTER COLUMN ends_at_ms SET NOT NULL", False),
        ("CREATE UNIQUE INDEX ON campaign (tenant, name)", False),
        ("DROP FUNCTION take_stock", False),
        ("DROP INDEX journal_nth_once", False),
    ],
)
def test_a_step_that_would_break_it_is_found(db: Connection, planted: str, harmless: bool) -> None:  # noqa: FBT001 — a column of the table above
    """The comparison sees what would end a release that still runs, and nothing else."""
    for step in migrations():
        take(db, step)
    before = Schema(db)
    db.execute(planted.encode())
    assert (before.broken_by(Schema(db)) == set()) is harmless


async def test_a_process_at_work_goes_on(databases: Databases) -> None:
    """Its prepared statements hold, and it writes and reads, on a schema that was added to."""
    with databases.empty() as url:
        with psycopg.connect(url, autocommit=True) as db:
            upgrade(db, frozenset(Phase))
        with closing(PostgresDatabase(settings_of(url))) as database:
            world = open_ledger(database).world
            campaign = await open_campaign(world)
            for turn in range(PREPARE_AFTER + 1):
                await world.incentives.settle([a_wish(campaign, f"before {turn}")])
            with psycopg.connect(url, autocommit=True) as db:
                for table in ("journal", "reward", "campaign", "campaign_version", "code_block"):
                    change = "ALTER TABLE largesse.{} ADD COLUMN later text DEFAULT 'new'"
                    db.execute(sql.SQL(change).format(sql.Identifier(table)))
            [settled, again] = [
                await world.incentives.settle([a_wish(campaign, name)])
                for name in ("after", "before 0")
            ]
            assert serials(settled) == [PREPARE_AFTER + 2]
            assert again[0].replayed
            listed = await world.incentives.entries([campaign.rewards[0].number], None, 100)
            assert len(listed) == PREPARE_AFTER + 2
            assert (await world.incentives.prove(whole=True)).violations == ()
