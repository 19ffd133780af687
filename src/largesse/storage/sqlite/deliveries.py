"""What is on its way to webhooks, in an SQLite file: made, taken and recorded in batches."""

from array import array
from collections.abc import Collection, Sequence
from functools import partial

import apsw
import msgspec

from largesse.issuance.model import Piece, Wanted
from largesse.kernel.fact import FactKind, Position
from largesse.kernel.lease import Lease
from largesse.storage.columns.webhooks import delivery_of, webhook_of
from largesse.storage.sqlite.outbox import advance
from largesse.storage.sqlite.query import number, rows
from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.webhooks import (
    DELIVERIES,
    WEBHOOKS,
    add_deliveries,
)
from largesse.storage.sqlite.writer import Writer
from largesse.webhooks import decide
from largesse.webhooks.model import (
    ATTEMPTS_KEPT_MAX,
    Behind,
    DeliveryState,
    Due,
    Tried,
    Webhook,
)

FORGOTTEN_AT_ONCE = 1_000
"""Deliveries forgotten in one transaction: some milliseconds of the writer."""

_WANTED = """
SELECT w.tenant, kind.value, w.since FROM webhook w, json_each(w.kinds) kind
WHERE NOT EXISTS (SELECT 1 FROM webhook_behind b WHERE b.webhook = w.number AND b.part = ?)"""
_OF_TENANTS = f"{WEBHOOKS} WHERE tenant IN (SELECT value FROM carray(?)) ORDER BY number"  # noqa: S608 — no input in it
_IS_BEHIND = "SELECT count(*) FROM webhook_behind WHERE webhook = ? AND part = ?"
_FALL_BEHIND = "INSERT INTO webhook_behind (webhook, part, seq) VALUES (?, ?, ?)"
_BEHIND = f"""
SELECT b.part, b.seq, w.* FROM webhook_behind b JOIN ({WEBHOOKS}) w ON w.number = b.webhook
WHERE w.disabled IS NULL AND w.waiting <= ? ORDER BY w.number"""  # noqa: S608 — no input in it
_RELAYED = "SELECT coalesce(max(seq), 0) FROM relay WHERE name = ? AND part = ?"
_STEP = "UPDATE webhook_behind SET seq = ? WHERE webhook = ? AND part = ? AND seq = ?"
_JOIN = "DELETE FROM webhook_behind WHERE webhook = ? AND part = ?"
_CALL_OFF = "UPDATE relay SET token = token + 1 WHERE name = ? AND part = ?"

_SENDING = f"{WEBHOOKS} WHERE disabled IS NULL AND waiting > 0 ORDER BY number"
_DUE = f"""{DELIVERIES}
WHERE webhook = ? AND due_ms <= ? AND number NOT IN (SELECT value FROM carray(?))
ORDER BY due_ms, number LIMIT ?"""  # noqa: S608 — no input in it
_NEXT_DUE = """
SELECT min((SELECT min(due_ms) FROM webhook_delivery d
  WHERE d.webhook = w.number AND d.due_ms IS NOT NULL))
FROM webhook w WHERE w.disabled IS NULL AND w.waiting > 0"""

_RECORD = """
UPDATE webhook_delivery SET state = ?, due_ms = ?, done_at_ms = ?, tries = tries + 1, attempts = ?
WHERE number = ? AND state = 'WAITING' AND tries = ?"""
_LESS_WAITING = "UPDATE webhook SET waiting = waiting - 1 WHERE number = ?"
_WORKS = """
UPDATE webhook SET failing_since_ms = NULL WHERE number = ? AND failing_since_ms IS NOT NULL"""
_FAILS = "UPDATE webhook SET failing_since_ms = ? WHERE number = ? AND failing_since_ms IS NULL"
_DISABLE = """
UPDATE webhook SET disabled = ?, disabled_at_ms = ? WHERE number = ? AND disabled IS NULL"""
_FORGET = """
DELETE FROM webhook_delivery WHERE number IN (
  SELECT number FROM webhook_delivery WHERE done_at_ms < ? ORDER BY done_at_ms LIMIT ?)"""
_REMOVED = "SELECT number FROM webhook_removed LIMIT 1"
_CLEAR = """
DELETE FROM webhook_delivery WHERE number IN (
  SELECT number FROM webhook_delivery WHERE webhook = ? LIMIT ?)"""
_CLEARED = "DELETE FROM webhook_removed WHERE number = ?"


class SQLiteDeliveryStore:
    """See `DeliveryStore`. Of one webhook at most about `waiting_max` deliveries wait."""

    def __init__(self, writer: Writer, readers: Readers, waiting_max: int) -> None:
        self._writer = writer
        self._readers = readers
        self._waiting_max = waiting_max

    async def wanted(self, part: int) -> Wanted | None:
        """See `DeliveryStore`."""
        return await self._readers.read(partial(_wanted, part))

    async def enqueue(self, lease: Lease, piece: Piece, now_ms: int) -> int:
        """See `DeliveryStore`."""

        def work(transaction: Transaction) -> int:
            db = transaction.db
            advance(db, lease, piece.upto)
            tenants = array("q", {told.tenant for told in piece.rows})
            found = [webhook_of(row) for row in rows(db, _OF_TENANTS, (apsw.carray(tenants),))]
            return sum(self._give(db, webhook, lease.part, piece, now_ms) for webhook in found)

        return await self._writer.write(work)

    async def behind(self) -> list[Behind]:
        """See `DeliveryStore`."""
        room = (self._waiting_max // 2,)
        found = await self._readers.read(lambda db: rows(db, _BEHIND, room))
        return [
            Behind(webhook_of(columns), part, Position(0, seq)) for part, seq, *columns in found
        ]

    async def catch_up(self, behind: Behind, lease_name: str, piece: Piece, now_ms: int) -> int:
        """See `DeliveryStore`."""
        webhook, part, position = behind

        def work(transaction: Transaction) -> int:
            db = transaction.db
            relayed = number(db, _RELAYED, (lease_name, part))
            upto = min(piece.upto.seq, relayed)
            db.execute(_STEP, (upto, webhook.number, part, position.seq))
            if db.changes() != 1:
                return 0
            if upto == relayed:
                db.execute(_JOIN, (webhook.number, part))
                db.execute(_CALL_OFF, (lease_name, part))
            missed = [told for told in piece.rows if told.position.seq <= upto]
            return add_deliveries(db, webhook.number, decide.messages(webhook, missed), now_ms)

        return await self._writer.write(work)

    async def due(self, now_ms: int, in_flight: Collection[int], per_webhook: int) -> list[Due]:
        """See `DeliveryStore`."""
        return await self._readers.read(partial(_due, now_ms, in_flight, per_webhook))

    async def next_due_ms(self) -> int | None:
        """See `DeliveryStore`."""
        [(next_ms,)] = await self._readers.read(lambda db: rows(db, _NEXT_DUE))
        assert next_ms is None or isinstance(next_ms, int)
        return next_ms

    async def record(self, tried: Sequence[Tried]) -> int:
        """See `DeliveryStore`."""
        return await self._writer.write(
            lambda transaction: sum(_record(transaction.db, one) for one in tried)
        )

    async def forget(self, before_ms: int) -> int:
        """See `DeliveryStore`."""
        return await self._writer.write(partial(_forget, before_ms))

    def _give(
        self, db: apsw.Connection, webhook: Webhook, part: int, piece: Piece, now_ms: int
    ) -> int:
        """Make a webhook's deliveries of a piece, or have it fall behind; how many it made."""
        if number(db, _IS_BEHIND, (webhook.number, part)):
            return 0
        if webhook.disabled is None and webhook.waiting < self._waiting_max:
            messages = decide.messages(webhook, piece.rows)
            return add_deliveries(db, webhook.number, messages, now_ms)
        if any(decide.wants(webhook, told) for told in piece.rows):
            db.execute(_FALL_BEHIND, (webhook.number, part, piece.after.seq))
        return 0


def _wanted(part: int, db: apsw.Connection) -> Wanted | None:
    found = rows(db, _WANTED, (part,))
    if not found:
        return None
    tenants, kinds, since = zip(*found, strict=True)
    return Wanted(
        frozenset(tenants), frozenset(FactKind(kind) for kind in kinds), Position(0, min(since))
    )


def _due(
    now_ms: int, in_flight: Collection[int], per_webhook: int, db: apsw.Connection
) -> list[Due]:
    taken = apsw.carray(array("q", in_flight or (0,)))
    due = []
    for row in rows(db, _SENDING):
        webhook = webhook_of(row)
        found = rows(db, _DUE, (webhook.number, now_ms, taken, per_webhook))
        if found:
            due.append(Due(webhook, [delivery_of(one) for one in found]))
    return due


def _record(db: apsw.Connection, tried: Tried) -> bool:
    """Keep what became of one attempt; whether it counted."""
    delivery, attempt = tried.delivery, tried.attempt
    ended_at_ms = attempt.at_ms + attempt.took_ms
    done_at_ms = None if tried.state is DeliveryState.WAITING else ended_at_ms
    attempts = msgspec.json.encode((*delivery.attempts, attempt)[-ATTEMPTS_KEPT_MAX:]).decode()
    which = (delivery.number, delivery.tries)
    db.execute(_RECORD, (tried.state.value, tried.due_ms, done_at_ms, attempts, *which))
    if db.changes() != 1:
        return False
    if done_at_ms is not None:
        db.execute(_LESS_WAITING, (delivery.webhook,))
    if tried.state is DeliveryState.DELIVERED:
        db.execute(_WORKS, (delivery.webhook,))
    else:
        db.execute(_FAILS, (attempt.at_ms, delivery.webhook))
    if tried.disable is not None:
        db.execute(_DISABLE, (tried.disable.value, ended_at_ms, delivery.webhook))
    return True


def _forget(before_ms: int, transaction: Transaction) -> int:
    """Forget deliveries that were done long ago, and those of a webhook that was removed."""
    db = transaction.db
    db.execute(_FORGET, (before_ms, FORGOTTEN_AT_ONCE))
    forgotten = db.changes()
    for (webhook,) in rows(db, _REMOVED):
        db.execute(_CLEAR, (webhook, FORGOTTEN_AT_ONCE))
        cleared = db.changes()
        if cleared < FORGOTTEN_AT_ONCE:
            db.execute(_CLEARED, (webhook,))
        forgotten += cleared
    return forgotten
