"""The sweep for incentives that have expired: found by a reader, told by the writer."""

from collections.abc import Mapping
from typing import NamedTuple

import apsw

from largesse.issuance.model import Issued
from largesse.kernel.fact import FactKind
from largesse.storage.sqlite.query import number, rows
from largesse.storage.sqlite.rows import read_rows, seqs_of
from largesse.storage.sqlite.transaction import Transaction

FACTS_MAX = 256
"""Facts of one transaction: claims that wait behind it hardly notice."""

_TENANTS = "SELECT DISTINCT tenant FROM expiry"
_DUE = """
SELECT reward, version, serial, due_ms, after_ms FROM expiry WHERE tenant = ? AND due_ms <= ?
ORDER BY due_ms"""
_MOVE = "UPDATE expiry SET serial = ?, due_ms = ? WHERE reward = ? AND version = ?"
_END = "DELETE FROM expiry WHERE reward = ? AND version = ?"
_GONE = "SELECT count(*) FROM journal WHERE of = ? AND kind IN (2, 4, 5)"


class Cursor(NamedTuple):
    """Where the sweep stands in the incentives of one reward and version."""

    reward: int
    version: int
    serial: int
    due_ms: int
    after_ms: int | None


class Expired(NamedTuple):
    """An incentive that has expired: the number of its row, and its tenant's moment."""

    seq: int
    issued: Issued
    at_ms: int


class Sweep(NamedTuple):
    """What one look found: facts to write, and cursors that move on (or end, with serial 0)."""

    expired: list[Expired]
    moved: list[Cursor]


def read_tenants(db: apsw.Connection) -> list[int]:
    """The tenants that have something which can expire."""
    return [tenant for (tenant,) in rows(db, _TENANTS)]


def look(db: apsw.Connection, moments_ms: Mapping[int, int]) -> Sweep:
    """Find what has expired by each tenant's moment, at most `FACTS_MAX` of it.

    Within a reward and version incentives expire in the order of their serials, because they were
    issued in it. What was revoked or used is passed over.
    """
    sweep = Sweep([], [])
    for tenant, now_ms in moments_ms.items():
        for due in rows(db, _DUE, (tenant, now_ms)):
            limit = FACTS_MAX - len(sweep.expired)
            if not limit:
                return sweep
            cursor = Cursor(*due)
            moved = _look_on(db, cursor, now_ms, limit, sweep.expired)
            if moved != cursor:
                sweep.moved.append(moved)
    return sweep


def tell(sweep: Sweep, transaction: Transaction) -> int:
    """Write the facts of a sweep and move its cursors; how many facts.

    What was revoked or used since the look has ended already.
    """
    told = 0
    for seq, issued, at_ms in sweep.expired:
        if not number(transaction.db, _GONE, (seq,)):
            transaction.tell_of(FactKind.INCENTIVE_EXPIRED, at_ms, seq, issued)
            told += 1
    for reward, version, serial, due_ms, _ in sweep.moved:
        if serial:
            transaction.db.execute(_MOVE, (serial, due_ms, reward, version))
        else:
            transaction.db.execute(_END, (reward, version))
    return told


def _look_on(
    db: apsw.Connection, cursor: Cursor, now_ms: int, limit: int, expired: list[Expired]
) -> Cursor:
    """Look at the next incentives of one cursor; where it stands afterwards."""
    serial = cursor.serial
    for row in read_rows(db, seqs_of(db, cursor.reward, serial, limit)):
        issued, *ended_at_ms = row.entry
        if issued.version != cursor.version:
            return cursor._replace(serial=0)  # later serials have later versions only
        due_ms = cursor.due_ms if cursor.after_ms is None else issued.at_ms + cursor.after_ms
        if due_ms > now_ms:
            return cursor._replace(serial=issued.serial, due_ms=due_ms)
        if not any(ended_at_ms):
            expired.append(Expired(row.seq, issued, now_ms))
        serial = issued.serial + 1
    if serial < cursor.serial + limit and cursor.after_ms is not None:
        # All of them were looked at, and what is issued from now on has its time before it.
        return cursor._replace(serial=serial, due_ms=now_ms + cursor.after_ms)
    return cursor._replace(serial=serial)
