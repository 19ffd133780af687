"""How the database finds a customer: by an index, also where nothing was ever counted."""

import json
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import Connection, sql

from largesse.storage.postgres import known

ROWS = 20_000
CAMPAIGN = 3
PART = 1_000
"""A partition that was never there before: of any other one statistics may have been kept."""

_MAKE: LiteralString = """
CREATE TABLE largesse.journal_unknown PARTITION OF largesse.journal FOR VALUES IN (1000)
WITH (autovacuum_enabled = false)"""

# The look-up as anybody would write it first, as a control.
_JOIN: LiteralString = """
SELECT j.serial FROM unnest(%s::bigint[], %s::text[]) AS w (campaign, customer)
JOIN journal j ON j.part = %s AND j.campaign = w.campaign AND j.customer = w.customer
WHERE j.kind = 1 AND %s > 0 AND %s > 0"""
_FILL = """
INSERT INTO journal
  (part, tenant, kind, at_ms, campaign, reward, serial, version, nth, customer, key)
SELECT %s, 1, 1, 0, %s, 1, n, 1, 1, 'customer ' || n, 'key' FROM generate_series(1, %s) n"""


@pytest.fixture
def db(postgres_url: str) -> Iterator[Connection]:
    """A session in which every statement was prepared while the ledger was empty."""
    with psycopg.connect(postgres_url, autocommit=True) as opened:
        opened.execute(_MAKE)
        opened.execute("SELECT set_config('search_path', 'largesse', false)")
        opened.execute("SELECT set_config('largesse.tenant', '0', false)")
        yield opened
        opened.execute("DROP TABLE largesse.journal_unknown")


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize(
    ("statement", "read_at_most"), [("ours", 50), ("join", None)], ids=["ours", "control"]
)
def test_a_customer_is_found_without_reading_the_partition(
    db: Connection, mode: str, statement: str, read_at_most: int | None
) -> None:
    """On rows that no statistics know, by a plan that was made when there were none.

    The plain join reads the whole partition, once for all or for each: that is why ours is not one.
    """
    text = known._COUNTED if statement == "ours" else _JOIN
    db.execute("SELECT set_config('plan_cache_mode', %s, false)", (mode,))
    prepare(db, text)
    db.execute(_FILL, (PART, CAMPAIGN, ROWS))

    read = rows_read(db)

    if read_at_most is None:
        assert read > ROWS / 2
    else:
        assert read <= read_at_most


def prepare(db: Connection, statement: LiteralString) -> None:
    """Have the server plan a statement now."""
    numbered = statement
    for number in range(1, 6):
        numbered = numbered.replace("%s", f"${number}", 1)
    db.execute(
        sql.SQL("PREPARE look (bigint[], text[], integer, integer, integer) AS ")
        + sql.SQL(numbered)
    )
    for _ in range(6):
        db.execute("EXECUTE look ('{3}', '{nobody}', 1000, 64, 1000)")


def rows_read(db: Connection) -> int:
    """How many rows of the journal a look for 10 customers touches."""
    customers = ",".join(f'"customer {n * 1000}"' for n in range(1, 11))
    run = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE look ({}, {}, {}, 64, {})").format(
        *(sql.Literal("{" + ",".join(one) + "}") for one in ([str(CAMPAIGN)] * 10, [customers])),
        *(PART, PART),
    )
    [plan] = db.execute(run).fetchone() or ({},)
    found = plan if isinstance(plan, list) else json.loads(plan)
    return sum(touched(node) for node in nodes(found[0]["Plan"]))


def nodes(plan: Any) -> Iterator[Any]:  # noqa: ANN401 — JSON knows no types
    """All nodes of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def touched(node: Any) -> int:  # noqa: ANN401 — JSON knows no types
    """The rows of the journal that a node looked at."""
    if not str(node.get("Relation Name", "")).startswith("journal"):
        return 0
    each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(each * node["Actual Loops"])
