"""How the database finds a customer: by an index, whatever it knew of the rows when it planned."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from postgres_explained import found_and_read
from psycopg import Connection, sql

from largesse.storage.postgres import known, known_draws
from largesse.storage.postgres.transaction import PLAN_ONCE, exactly
from largesse.storage.postgres.trips import Statement

ROWS = 5_000
CUSTOMERS = 10
"""Looked for at once, each of whom has one incentive and has drawn once."""

CAMPAIGN = 3
COUNTED = 4
"""A campaign that counts what a customer has; the other one finds it by its key."""

PART = 1_000
"""A partition that was never there before: of any other one statistics may have been kept."""

_MAKE: LiteralString = """
CREATE TABLE largesse.journal_unknown PARTITION OF largesse.journal FOR VALUES IN (1000)
WITH (autovacuum_enabled = false)"""
_FILL: LiteralString = """
INSERT INTO journal
  (part, tenant, kind, at_ms, campaign, reward, serial, version, nth, customer, key, draw, period,
   ordinal)
SELECT 1000, 1, kind, 0, campaign, campaign, CASE kind WHEN 1 THEN n END, 1,
  CASE WHEN kind = 1 AND campaign = 4 THEN 1 END, 'customer ' || n, 'key',
  CASE kind WHEN 8 THEN n END, CASE kind WHEN 8 THEN 1 END, CASE kind WHEN 8 THEN 1 END
FROM generate_series(%s::bigint, %s::bigint) n
CROSS JOIN (VALUES (3::bigint, 1), (3, 8), (4, 1)) w (campaign, kind)"""

# The look-up as anybody would write it first, as a control.
_JOIN: LiteralString = """
SELECT j.serial FROM unnest(%s::bigint[], %s::text[]) AS w (campaign, customer)
JOIN journal j ON j.part = %s AND j.campaign = w.campaign AND j.customer = w.customer
WHERE j.kind = 1"""


NAMES = [f"customer {n * 500}" for n in range(1, CUSTOMERS + 1)]
SERIALS = [n * 500 for n in range(1, CUSTOMERS + 1)]
IN_CAMPAIGN, KEYS = [CAMPAIGN] * CUSTOMERS, ["key"] * CUSTOMERS
ELSEWHERE = PART - 1
BY_COUNT = [(COUNTED, name, PART) for name in NAMES]
BY_KEY = [(CAMPAIGN, name, "key", PART) for name in NAMES]
OF_REWARD = [(CAMPAIGN, name, CAMPAIGN, PART) for name in NAMES]
LOOKS = {
    "counted": known.of_campaign(BY_COUNT, known.FEW),
    "counted in several parts": known.of_campaign(
        [*BY_COUNT, (COUNTED, "nobody", ELSEWHERE)], known.FEW
    ),
    "by key": known.by_key(BY_KEY),
    "by key in several parts": known.by_key([*BY_KEY, (CAMPAIGN, "nobody", "key", ELSEWHERE)]),
    "of rewards": known.of_rewards(OF_REWARD),
    "of rewards in several parts": known.of_rewards(
        [*OF_REWARD, (CAMPAIGN, "nobody", CAMPAIGN, ELSEWHERE)]
    ),
    "who drew before": Statement(known_draws._RETURNING, (IN_CAMPAIGN, NAMES, PART)),
    "draws by key": Statement(known_draws._BY_KEY, (IN_CAMPAIGN, NAMES, KEYS, PART)),
    "draws of a period": Statement(
        known_draws._OF_PERIOD, (IN_CAMPAIGN, NAMES, [1] * CUSTOMERS, PART, 1)
    ),
    "what draws won": Statement(known_draws._WON, (IN_CAMPAIGN, SERIALS, PART, PART)),
}
_KEYED = LOOKS["by key"]
CONTROLS = {
    "equal": Statement(
        _KEYED.text.replace(exactly("j.key", "w.key"), "j.key = w.key"), _KEYED.bindings
    ),
    "a join": Statement(_JOIN, (IN_CAMPAIGN, NAMES, PART)),
}


@pytest.fixture
def db(postgres_url: str) -> Iterator[Connection]:
    """A session with a partition that nobody knows, which is gone at the end."""
    with psycopg.connect(postgres_url) as opened:
        opened.execute(_MAKE)
        opened.execute("SELECT set_config('search_path', 'largesse', true)")
        opened.execute("SELECT set_config('largesse.tenant', '0', true)")
        yield opened
        opened.rollback()


@pytest.mark.parametrize(
    ("known", "few"), [(0, 0), (20, 20), (0, 200), (1, 200), (1, 1_000)], ids=str
)
@pytest.mark.parametrize("name", LOOKS)
def test_a_customer_is_found_without_reading_the_partition(
    db: Connection, name: str, known: int, few: int
) -> None:
    """By a plan that was made when there were few rows, of which statistics knew some."""
    db.execute(_FILL, (1, known))
    db.execute("ANALYZE journal_unknown")
    db.execute(_FILL, (known + 1, few))
    db.execute(PLAN_ONCE)
    prepare(db, LOOKS[name])
    db.execute(_FILL, (few + 1, ROWS))

    found, read = found_and_read(db, executed(LOOKS[name]))

    assert found == CUSTOMERS
    assert read <= 2 * CUSTOMERS


@pytest.mark.parametrize("look", CONTROLS.values(), ids=CONTROLS)
def test_it_is_the_form_that_finds_him(db: Connection, look: Statement) -> None:
    """Without an order that one index has, or as a join, all rows are read: the test can tell."""
    db.execute(_FILL, (1, 20))
    db.execute("ANALYZE journal_unknown")
    db.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
    prepare(db, look)
    db.execute(_FILL, (21, ROWS))

    found, read = found_and_read(db, executed(look))

    assert found >= CUSTOMERS
    assert read > ROWS / 2


def prepare(db: Connection, look: Statement) -> None:
    """Have the server plan a statement now."""
    numbered = look.text
    for number in range(1, len(look.bindings) + 1):
        numbered = numbered.replace("%s", f"${number}", 1)
    db.execute(sql.SQL("PREPARE look AS ") + sql.SQL(numbered))
    db.execute(executed(look))


def executed(look: Statement) -> sql.Composed:
    """What runs the statement that was prepared."""
    texts = [
        "{" + ",".join(f'"{item}"' for item in one) + "}" if isinstance(one, list) else str(one)
        for one in look.bindings
    ]
    return sql.SQL("EXECUTE look ({})").format(sql.SQL(", ").join(map(sql.Literal, texts)))
