"""The writing of what lots have issued: a statement of each kind for all lots of a batch.

A sale of many rewards makes small lots, and what a statement costs is mostly that it is called.
"""

from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

import apsw

from largesse.issuance import decide
from largesse.issuance.model import Issued
from largesse.kernel.errors import UnavailableError
from largesse.kernel.fact import FactKind
from largesse.storage.sqlite.lots import Lot
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.transaction import Transaction

ROWS_AT_ONCE = 256
"""Rows of the largest insert: SQLite steps through them without the interpreter's lock."""

SMALL = 16
"""Up to so many rows there is a statement of every length: most batches are small."""

MOVED_EVERY = 4_096
"""Rows of the journal after which the added extents are moved: some pages of them, in some
milliseconds. A batch over 64 rewards wrote 69 pages where it now writes 10."""

# The quotas stand in the write itself, whatever was decided before it; CHECKs stand beneath.
_TAKE = """
UPDATE reward SET issued = issued + ?3, serials = serials + ?3, day = ?4,
  issued_day = ?3 + CASE day WHEN ?4 THEN issued_day ELSE 0 END
WHERE number = ?1 AND serials = ?2
  AND (quota_total IS NULL OR issued + reserved + ?3 <= quota_total)
  AND (quota_daily IS NULL OR ?3 + CASE day WHEN ?4 THEN issued_day ELSE 0 END <= quota_daily)"""
_TAKE_MANY = """
WITH lot (reward, serials, count, day) AS (VALUES {rows})
UPDATE reward SET issued = issued + lot.count, serials = reward.serials + lot.count, day = lot.day,
  issued_day = lot.count + CASE reward.day WHEN lot.day THEN issued_day ELSE 0 END
FROM lot WHERE number = lot.reward AND reward.serials = lot.serials
  AND (quota_total IS NULL OR issued + reserved + lot.count <= quota_total)
  AND (quota_daily IS NULL
    OR lot.count + CASE reward.day WHEN lot.day THEN issued_day ELSE 0 END <= quota_daily)"""
_SERIALS = """
SELECT r.number, r.serials FROM carray(?) wanted CROSS JOIN reward r ON r.number = wanted.value"""
_ADD_EXTENTS = "INSERT INTO extent_added (reward, serial, seq) VALUES {rows}"
_MOVE_EXTENTS = (
    "INSERT INTO extent_moved (reward, serial, seq) SELECT reward, serial, seq FROM extent_added",
    "DELETE FROM extent_added",
)
_WATCH_EXPIRY = """
INSERT INTO expiry (reward, version, tenant, serial, due_ms, after_ms) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING"""
_EXHAUSTED = """
INSERT INTO journal (seq, kind, at_ms, campaign, reward, serial, version)
VALUES (?, ?, ?, ?, ?, ?, ?)"""
_ISSUED = """
INSERT INTO journal (seq, kind, at_ms, campaign, reward, serial, version, customer, key, detail)
VALUES {rows}"""


class Written:
    """The hashes of the rows that a batch has written, each with the row's number."""

    def __init__(self) -> None:
        self.hashes: list[int] = []
        self.seqs: list[int] = []


def write_lots(transaction: Transaction, lots: Iterable[Lot], written: Written) -> None:
    """Write what lots have issued: rows, stock, and what follows from them.

    The rows of a lot stand side by side. Raises `UnavailableError` where the file has not the stock
    that was decided on.
    """
    giving = [lot for lot in lots if lot.issued]
    if not giving:
        return
    db = transaction.db
    seq = first = transaction.take_seqs(sum(len(lot.issued) for lot in giving))
    _insert(db, seq, [issued for lot in giving for issued in lot.issued])
    _take_stock(db, giving)
    extents: list[tuple[object, ...]] = []
    for lot in giving:
        tail, serial = lot.tail, lot.issued[0].serial
        if not tail.serial or seq - tail.seq != serial - tail.serial:
            extents.append((lot.number, serial, seq))
            lot.tail = tail._replace(serial=serial, seq=seq)
        count = len(lot.issued)
        written.hashes += lot.found_by
        written.seqs += range(seq, seq + count)
        for at, one in lot.found_by_too:
            written.hashes.append(one)
            written.seqs.append(seq + at)
        seq += count
    execute_for(db, _ADD_EXTENTS, extents)
    if extents and first // MOVED_EVERY < seq // MOVED_EVERY:
        for statement in _MOVE_EXTENTS:
            db.execute(statement)
    for lot in giving:
        if lot.tail.expiring != lot.offer.campaign.version:
            _watch_expiry(db, lot)
    for lot in giving:
        last = lot.issued[-1]
        lot.go_on()
        if lot.counters.issued + lot.counters.reserved == lot.definition.quota_total:
            _tell_exhausted(transaction, last)


def _take_stock(db: apsw.Connection, lots: Sequence[Lot]) -> None:
    """Take from the stock of each lot what it has issued, or nothing is written."""
    taking = [(lot.number, lot.counters.serials, len(lot.issued), lot.offer.day) for lot in lots]
    if len(taking) == 1:
        db.execute(_TAKE, taking[0])
        taken = db.changes()
    else:
        taken = execute_for(db, _TAKE_MANY, taking)
    if taken != len(lots):
        numbers = apsw.carray(array("q", [lot.number for lot in lots]))
        serials = dict(rows(db, _SERIALS, (numbers,)))
        short = [str(one.number) for one in lots if serials.get(one.number) != one.ahead.serials]
        message = f"the stock of reward {', '.join(short)} does not bear what was decided"
        raise UnavailableError(message)


def _watch_expiry(db: apsw.Connection, lot: Lot) -> None:
    """Have the sweep look after the incentives of a version from its first one on."""
    first, definition = lot.issued[0], lot.definition
    due_ms = decide.expires_at_ms(definition, first.at_ms)
    if due_ms is not None:
        after_ms = None if due_ms == definition.expires_at_ms else due_ms - first.at_ms
        what = (first.reward, first.version, lot.offer.campaign.tenant, first.serial)
        db.execute(_WATCH_EXPIRY, (*what, due_ms, after_ms))
    lot.tail = lot.tail._replace(expiring=first.version)


def _tell_exhausted(transaction: Transaction, last: Issued) -> None:
    about = (last.at_ms, last.campaign, last.reward, last.serial, last.version)
    seq = transaction.take_seqs(1)
    transaction.db.execute(_EXHAUSTED, (seq, int(FactKind.STOCK_EXHAUSTED), *about))


def _insert(db: apsw.Connection, first: int, issued: Sequence[Issued]) -> None:
    """Write the rows of incentives, from seq `first` on."""
    kind = int(FactKind.INCENTIVE_ISSUED)
    values = [
        (
            seq,
            kind,
            one.at_ms,
            one.campaign,
            one.reward,
            one.serial,
            one.version,
            one.customer,
            one.key,
            one.code,
        )
        for seq, one in enumerate(issued, first)
    ]
    execute_for(db, _ISSUED, values)


def execute_for(db: apsw.Connection, statement: str, values: Sequence[tuple[object, ...]]) -> int:
    """Execute a statement for many rows, all of one width, put in for its `{rows}`.

    Few large statements are faster than many small ones. How many rows it has changed.
    """
    changed = 0
    for start, count in _pieces(len(values)):
        part = values[start : start + count]
        db.execute(_for_rows(statement, len(part[0]), count), tuple(chain.from_iterable(part)))
        changed += db.changes()
    return changed


@lru_cache(maxsize=256)
def _for_rows(statement: str, width: int, count: int) -> str:
    row = f"({', '.join('?' * width)})"
    return statement.format(rows=", ".join([row] * count))


def _pieces(count: int) -> Iterable[tuple[int, int]]:
    """Cuts a count into 256s, then 128, 64, 32, 16 and a rest: (start, length) of each.

    So few enough statements serve for all of them to stay prepared.
    """
    start, length = 0, ROWS_AT_ONCE
    while start < count:
        while length > count - start and length > SMALL:
            length //= 2
        length = min(length, count - start)
        yield start, length
        start += length
