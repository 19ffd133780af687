"""The writing of what lots have issued: a statement of each kind for all lots of a batch.

A sale of many rewards makes small lots, and what a statement costs is mostly that it is called.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain

import apsw

from largesse.issuance import decide
from largesse.issuance.model import Issued
from largesse.kernel.errors import UnavailableError
from largesse.kernel.fact import FactKind
from largesse.storage.sqlite.bulk import Bulk, execute_for
from largesse.storage.sqlite.lots import Lot
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.transaction import Transaction

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
_TAKE_MANY = Bulk(
    """
WITH new (n, reward, serials, count, day) AS (VALUES {rows})
UPDATE reward SET issued = issued + new.count, serials = reward.serials + new.count, day = new.day,
  issued_day = new.count + CASE reward.day WHEN new.day THEN issued_day ELSE 0 END
FROM new WHERE n < ?1 AND number = new.reward AND reward.serials = new.serials
  AND (quota_total IS NULL OR issued + reserved + new.count <= quota_total)
  AND (quota_daily IS NULL
    OR new.count + CASE reward.day WHEN new.day THEN issued_day ELSE 0 END <= quota_daily)""",
    width=4,
)
_SERIALS = """
SELECT r.number, r.serials FROM carray(?) wanted CROSS JOIN reward r ON r.number = wanted.value"""
_ADD_EXTENTS = Bulk(
    """
WITH new (n, reward, serial, seq) AS (VALUES {rows})
INSERT INTO extent_added (reward, serial, seq) SELECT reward, serial, seq FROM new WHERE n < ?1""",
    width=3,
)
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
_ISSUED = Bulk(
    """
WITH new (n, at_ms, campaign, reward, serial, version, customer, key, code) AS (VALUES {rows})
INSERT INTO journal (seq, kind, at_ms, campaign, reward, serial, version, customer, key, detail)
SELECT ?3 + ?2 + n, ?4, at_ms, campaign, reward, serial, version, customer, key, code
FROM new WHERE n < ?1""",
    width=8,
    common=2,
)
# A sale is mostly one reward with codes that follow from the serials: then nothing differs between
# its rows but whose they are, and values are what costs most to bind.
_ISSUED_OF_ONE = Bulk(
    """
WITH new (n, customer, key) AS (VALUES {rows})
INSERT INTO journal (seq, kind, at_ms, campaign, reward, serial, version, customer, key)
SELECT ?3 + ?2 + n, ?4, ?5, ?6, ?7, ?8 + ?2 + n, ?9, customer, key
FROM new WHERE n < ?1""",
    width=2,
    common=7,
)


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
    if len(giving) == 1 and not giving[0].is_random:
        _insert_of_one(db, seq, giving[0].issued)
    else:
        _insert(db, seq, chain.from_iterable(lot.issued for lot in giving))
    _take_stock(db, giving)
    extents: list[object] = []
    for lot in giving:
        tail, serial = lot.tail, lot.issued[0].serial
        if not tail.serial or seq - tail.seq != serial - tail.serial:
            extents += (lot.number, serial, seq)
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
        taken = execute_for(db, _TAKE_MANY, list(chain.from_iterable(taking)))
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


def _insert_of_one(db: apsw.Connection, first: int, issued: Sequence[Issued]) -> None:
    """Write the rows that one reward has issued at one moment, without a code of their own."""
    values: list[object] = []
    for one in issued:
        values += (one.customer, one.key)
    of_all = issued[0]
    about = (of_all.at_ms, of_all.campaign, of_all.reward, of_all.serial, of_all.version)
    execute_for(db, _ISSUED_OF_ONE, values, (first, int(FactKind.INCENTIVE_ISSUED), *about))


def _insert(db: apsw.Connection, first: int, issued: Iterable[Issued]) -> None:
    """Write the rows of incentives, from seq `first` on."""
    values: list[object] = []
    for one in issued:
        values += (
            one.at_ms,
            one.campaign,
            one.reward,
            one.serial,
            one.version,
            one.customer,
            one.key,
            one.code,
        )
    execute_for(db, _ISSUED, values, (first, int(FactKind.INCENTIVE_ISSUED)))
