"""One statement for many rows: each row once, in its place, and none of those bound in vain."""

import apsw
import pytest

from largesse.storage.sqlite.bulk import ROWS_AT_ONCE, STEP, Bulk, execute_for

ADD = Bulk(
    """
WITH new (n, word, number) AS (VALUES {rows})
INSERT INTO kept (place, kind, word, number) SELECT ?2 + n, ?3, word, number
FROM new WHERE n < ?1""",
    width=2,
    common=1,
)

COUNTS = [
    *(0, 1, 2, 3, STEP - 1, STEP, STEP + 1, 2 * STEP, 2 * STEP + 1),
    *(ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 2 * ROWS_AT_ONCE + STEP + 1),
]


@pytest.fixture
def db() -> apsw.Connection:
    """A table in which a row that was not meant would be refused."""
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE kept (place INTEGER PRIMARY KEY, kind, word NOT NULL, number)")
    return db


@pytest.mark.parametrize("count", COUNTS)
def test_every_row_is_written_once(db: apsw.Connection, count: int) -> None:
    """At, below and above each length that a statement is made for; places count on."""
    values: list[object] = []
    for at in range(count):
        values += (f"word {at}", None if at % 3 else at)

    assert execute_for(db, ADD, values, ("kind",)) == count

    kept = db.execute("SELECT * FROM kept ORDER BY place").fetchall()
    assert kept == [(at, "kind", f"word {at}", None if at % 3 else at) for at in range(count)]


def test_few_statements_serve_for_all_lengths(db: apsw.Connection) -> None:
    """So that all of them stay prepared, and most batches find theirs."""
    texts: set[str] = set()
    db.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: texts.add(event["sql"]))
    for count in range(1, ROWS_AT_ONCE + 1):
        db.execute("DELETE FROM kept")
        execute_for(db, ADD, ["word", 1] * count, ("kind",))
    assert len(texts - {"DELETE FROM kept"}) <= STEP + ROWS_AT_ONCE // STEP
