"""The numbers of the ledger's transactions, which go on where the database comes to another server.

Facts are read by (transaction, number), and a server numbers transactions for itself: one that has
a dump put into it may have counted less far than the rows of the dump. What it wrote then would
have its place before facts that were told long ago. So the ledger's numbers are the server's own
plus a lead, which is raised before anything is written: numbers only ever go up.
"""

from typing import LiteralString, NamedTuple

import structlog
from psycopg import Connection, sql

from largesse.storage.postgres.transaction import EVERYBODY, OPEN, Limits

_log = structlog.get_logger(__name__)

_ARE_THERE = "SELECT to_regprocedure('largesse.snapshot_now()') IS NOT NULL"

# What one looks at and how far the server has counted are of one moment, as this is one statement.
# No row that can be seen has the number of a transaction that is yet to come, on its own server.
_LOOK: LiteralString = """
SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint,
  pg_snapshot_xmin(pg_current_snapshot())::text::bigint, coalesce(greatest(
    (SELECT tx FROM journal ORDER BY tx DESC LIMIT 1)::text::bigint,
    (SELECT tx FROM change ORDER BY tx DESC LIMIT 1)::text::bigint,
    (SELECT max(since) FROM webhook),
    (SELECT max(tx) FROM webhook_behind),
    (SELECT max(tx) FROM relay)), 0)
FROM snapshot_now() AS now"""

# Whoever has written has committed when we have this, and whoever is about to will plan anew.
_HOLD = "LOCK TABLE journal, change, webhook IN ACCESS EXCLUSIVE MODE"

_LEAD = """
CREATE OR REPLACE FUNCTION transaction_number() RETURNS xid8 LANGUAGE sql STABLE AS $$
    SELECT (pg_current_xact_id()::text::bigint + {lead})::text::xid8
$$;
CREATE OR REPLACE FUNCTION snapshot_now() RETURNS pg_snapshot LANGUAGE sql STABLE AS $$
    SELECT format('%s:%s:%s', pg_snapshot_xmin(now)::text::bigint + {lead},
        pg_snapshot_xmax(now)::text::bigint + {lead},
        (SELECT string_agg((running::text::bigint + {lead})::text, ',' ORDER BY running)
            FROM pg_snapshot_xip(now) AS running))::pg_snapshot
    FROM pg_current_snapshot() AS now
$$"""

_LOOKING = Limits(statement_ms_max=10_000, lock_ms_max=10_000)


class Numbers(NamedTuple):
    """How far the ledger's numbers lead the server's, and by how much they still fall short.

    `short` is more than 0 where rows have numbers that this server is yet to give.
    """

    lead: int
    short: int


def numbers_of(db: Connection) -> Numbers | None:
    """How a database's numbers are; None before its schema knows of them."""
    if db.execute(_ARE_THERE, prepare=False).fetchone() != (True,):
        return None
    with db.transaction():
        db.execute(OPEN, _LOOKING.bindings(EVERYBODY), prepare=False)
        return _look(db)


def number_on(db: Connection, limits: Limits) -> None:
    """Before a connection writes: raise the lead where the server has not counted so far.

    Several processes may come at once: one raises it, the others find it raised.
    """
    with db.transaction():
        db.execute(OPEN, limits.bindings(EVERYBODY), prepare=False)
        found = _look(db)
    if found.short:  # what was looked at is let go before it is held, or two would wait for another
        with db.transaction():
            db.execute(OPEN, limits.bindings(EVERYBODY), prepare=False)
            _raise_lead(db)


def _raise_lead(db: Connection) -> None:
    db.execute(_HOLD, prepare=False)
    found = _look(db)
    if found.short:
        lead = found.lead + found.short
        db.execute(sql.SQL(_LEAD).format(lead=sql.Literal(lead)), prepare=False)
        _log.warning("ledger moved", lead=lead)


def _look(db: Connection) -> Numbers:
    oldest, next_, own_oldest, highest = db.execute(_LOOK, prepare=False).fetchone() or (0,) * 4
    # The oldest that still runs may be about to write: it must come behind the highest, too.
    return Numbers(oldest - own_oldest, highest + 1 - oldest if highest >= next_ else 0)
