"""The outbox in an SQLite file: the journal itself, whose numbers are the order of commits."""

from array import array
from collections.abc import Sequence
from functools import partial
from typing import Any

import apsw

from largesse.issuance.model import Issued, Piece, Told, Wanted
from largesse.kernel.clock import Clock
from largesse.kernel.fact import FactKind, Position
from largesse.kernel.lease import Lease, LeaseLostError
from largesse.storage.sqlite.query import number, rows
from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.writer import Writer

# `i` is the ISSUED row of the incentive that a row is about, the row itself where it is that one.
_TOLD = """
SELECT j.seq, j.kind, j.at_ms, c.tenant, j.campaign, c.id, j.version, j.reward, j.serial,
  CASE j.kind WHEN 7 THEN j.detail ->> 'status' END,
  CASE WHEN i.seq IS NULL THEN 0
    ELSE 1 + (SELECT count(*) FROM journal k WHERE k.of = i.seq AND k.seq <= j.seq) END,
  i.campaign, i.reward, i.serial, i.customer, i.key, i.at_ms, i.version,
  (SELECT b.place + i.serial - b.serial FROM code_block b
    WHERE b.reward = i.reward AND b.serial <= i.serial ORDER BY b.serial DESC LIMIT 1),
  i.detail, j.draw, j.customer"""
_JOINED = """
JOIN campaign c ON c.number = j.campaign
LEFT JOIN journal i ON i.seq = CASE WHEN j.kind = 1 THEN j.seq ELSE j.of END"""
_READ = f"""{_TOLD}
FROM journal j {_JOINED}
WHERE j.seq > ? AND j.seq <= ?
  AND j.kind IN (SELECT value FROM carray(?)) AND c.tenant IN (SELECT value FROM carray(?))
ORDER BY j.seq"""  # noqa: S608 — no input in it
_AT = f"""{_TOLD}
FROM carray(?) wanted CROSS JOIN journal j ON j.seq = wanted.value {_JOINED}
ORDER BY j.seq"""
_LAST = "SELECT coalesce(max(seq), 0) FROM journal"

_HELD = "SELECT holder, token, until_ms, seq FROM relay WHERE name = ? AND part = ?"
_HOLD = """
INSERT INTO relay (name, part, holder, token, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT DO UPDATE SET holder = ?3, token = ?4, until_ms = ?5"""
_RELEASE = "UPDATE relay SET until_ms = 0 WHERE name = ? AND part = ? AND token = ?"
_ADVANCE = "UPDATE relay SET seq = ? WHERE name = ? AND part = ? AND token = ?"


class SQLiteOutboxStore:
    """See `OutboxStore`. One process writes the file, so that there is one part."""

    parts = 1

    def __init__(self, writer: Writer, readers: Readers, clock: Clock) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock

    async def lease(self, name: str, part: int, holder: str, for_ms: int) -> Lease | None:
        """See `OutboxStore`."""
        now_ms = self._clock.now_ms()

        def take(transaction: Transaction) -> Lease | None:
            db = transaction.db
            held = rows(db, _HELD, (name, part))
            last, token, until_ms, seq = held[0] if held else (holder, 1, 0, 0)
            if last != holder:
                if now_ms < until_ms:
                    return None
                token += 1
            db.execute(_HOLD, (name, part, holder, token, now_ms + for_ms))
            return Lease(name, part, holder, token, Position(0, seq))

        return await self._writer.write(take)

    async def release(self, lease: Lease) -> None:
        """See `OutboxStore`."""
        which = (lease.name, lease.part, lease.token)
        await self._writer.write(lambda transaction: transaction.db.execute(_RELEASE, which))

    async def read(self, part: int, after: Position, wanted: Wanted, limit: int) -> Piece:
        """See `OutboxStore`."""
        return await self._readers.read(partial(_read, after, wanted, limit))

    async def at(self, positions: Sequence[Position]) -> list[Told]:
        """See `OutboxStore`."""
        seqs = [position.seq for position in positions]
        return await self._readers.read(partial(read_told, seqs))

    async def keep(self, lease: Lease, position: Position) -> None:
        """See `OutboxStore`."""
        await self._writer.write(lambda transaction: advance(transaction.db, lease, position))


def advance(db: apsw.Connection, lease: Lease, position: Position) -> None:
    """Move the position of some work; `LeaseLostError` unless the lease is the latest."""
    db.execute(_ADVANCE, (position.seq, lease.name, lease.part, lease.token))
    if db.changes() != 1:
        raise LeaseLostError


def read_told(seqs: Sequence[int], db: apsw.Connection) -> list[Told]:
    """The facts with these numbers, ascending."""
    if not seqs:
        return []
    return [_told(*row) for row in rows(db, _AT, (apsw.carray(array("q", seqs)),))]


def _read(after: Position, wanted: Wanted, limit: int, db: apsw.Connection) -> Piece:
    last = number(db, _LAST)
    first = max(after.seq, wanted.since.seq)
    upto = max(first, min(last, first + limit))
    if upto == first or not wanted.kinds or not wanted.tenants:
        return Piece([], after, Position(0, upto), upto < last)
    kinds, tenants = (apsw.carray(array("q", one)) for one in (wanted.kinds, wanted.tenants))
    found = [_told(*row) for row in rows(db, _READ, (first, upto, kinds, tenants))]
    return Piece(found, after, Position(0, upto), upto < last)


def _told(*columns: Any) -> Told:  # noqa: ANN401 — SQL knows no types
    seq, kind, at_ms, tenant, campaign, campaign_id, version, reward, serial = columns[:9]
    status, sequence = columns[9:11]
    return Told(
        position=Position(0, seq),
        kind=FactKind(kind),
        at_ms=at_ms,
        tenant=tenant,
        campaign=campaign,
        campaign_id=campaign_id,
        version=version,
        reward=reward,
        serial=serial,
        issued=Issued(*columns[11:20]) if sequence else None,
        sequence=sequence,
        status=status,
        draw=columns[20],
        customer=columns[21] if columns[20] else None,
    )
