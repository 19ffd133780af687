"""What is on its way to webhooks, in PostgreSQL: made, taken and recorded in batches.

Whoever gives facts to webhooks holds the relay's row first and the webhooks' rows next, ascending:
so a webhook that catches up and the relay that passes it by see each other.
"""

from collections.abc import Collection, Sequence
from functools import partial
from typing import LiteralString, NamedTuple

import msgspec

from largesse.issuance.model import Piece, Wanted
from largesse.kernel.fact import FactKind, Position
from largesse.kernel.lease import Lease
from largesse.storage.columns.webhooks import WEBHOOK_COLUMNS, delivery_of, webhook_of
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.leases import advance
from largesse.storage.postgres.transaction import EVERYBODY, Transaction
from largesse.storage.postgres.webhooks import (
    DELIVERY,
    WEBHOOK,
    add_deliveries,
)
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
"""Deliveries forgotten in one transaction: some milliseconds."""

_WANTED = """
SELECT w.tenant, kind.value::integer, w.since
FROM webhook w, json_array_elements_text(w.kinds::json) AS kind
WHERE NOT EXISTS (SELECT FROM webhook_behind b WHERE b.webhook = w.number AND b.part = %s)"""
_OF_TENANTS: LiteralString = f"""
SELECT {WEBHOOK} FROM webhook w WHERE w.tenant = ANY(%s::integer[]) ORDER BY w.number FOR UPDATE"""
_ALL_BEHIND = """
SELECT webhook FROM webhook_behind WHERE part = %s AND webhook = ANY(%s::bigint[])"""
_FALL_BEHIND = """
INSERT INTO webhook_behind (webhook, part, tenant, tx, seq) VALUES (%s, %s, %s, %s, %s)"""
_BEHIND: LiteralString = f"""
SELECT b.part, b.tx, b.seq, {WEBHOOK}
FROM webhook_behind b JOIN webhook w ON w.number = b.webhook
WHERE w.disabled IS NULL AND w.waiting <= %s ORDER BY w.number, b.part"""
_RELAYED = "SELECT tx, seq FROM relay WHERE name = %s AND part = %s FOR UPDATE"
_HOLD = "SELECT number FROM webhook WHERE number = %s FOR UPDATE"
_STEP = """
UPDATE webhook_behind SET tx = %s, seq = %s
WHERE webhook = %s AND part = %s AND tx = %s AND seq = %s"""
_JOIN = "DELETE FROM webhook_behind WHERE webhook = %s AND part = %s"
_CALL_OFF = "UPDATE relay SET token = token + 1 WHERE name = %s AND part = %s"

_DUE: LiteralString = f"""
SELECT {WEBHOOK}, {DELIVERY}
FROM webhook w CROSS JOIN LATERAL (
  SELECT * FROM webhook_delivery d
  WHERE d.webhook = w.number AND d.due_ms <= %s AND d.number <> ALL(%s::bigint[])
  ORDER BY d.due_ms, d.number LIMIT %s) d
WHERE w.disabled IS NULL AND w.waiting > 0 ORDER BY w.number, d.due_ms, d.number"""
_NEXT_DUE = """
SELECT min(d.due_ms) FROM webhook w CROSS JOIN LATERAL (
  SELECT d.due_ms FROM webhook_delivery d WHERE d.webhook = w.number AND d.due_ms IS NOT NULL
  ORDER BY d.due_ms, d.number LIMIT 1) d
WHERE w.disabled IS NULL AND w.waiting > 0"""

# Rows are held in the order of their numbers, so that two who record at once wait for each other.
_HELD = """
SELECT number, tries FROM webhook_delivery
WHERE number = ANY(%s::bigint[]) AND state = 'WAITING' ORDER BY number FOR UPDATE"""
_RECORD = """
UPDATE webhook_delivery d SET state = n.state, due_ms = n.due_ms, done_at_ms = n.done_at_ms,
  tries = d.tries + 1, attempts = n.attempts
FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::text[])
  AS n (number, state, due_ms, done_at_ms, attempts)
WHERE d.number = n.number"""
_FOLLOW = """
UPDATE webhook SET waiting = waiting - %(done)s,
  failing_since_ms = CASE WHEN %(worked)s THEN %(failed_ms)s::bigint
    ELSE coalesce(failing_since_ms, %(failed_ms)s::bigint) END,
  disabled_at_ms = CASE WHEN disabled IS NULL THEN %(disabled_at_ms)s::bigint
    ELSE disabled_at_ms END,
  disabled = coalesce(disabled, %(disabled)s::text)
WHERE number = %(webhook)s"""

_FORGET = """
DELETE FROM webhook_delivery WHERE number IN (
  SELECT number FROM webhook_delivery WHERE done_at_ms < %s ORDER BY done_at_ms LIMIT %s
  FOR UPDATE SKIP LOCKED)"""
_REMOVED = "SELECT number FROM webhook_removed LIMIT 1"
_CLEAR = """
DELETE FROM webhook_delivery WHERE number IN (
  SELECT number FROM webhook_delivery WHERE webhook = %s LIMIT %s)"""
_CLEARED = "DELETE FROM webhook_removed WHERE number = %s"


class PostgresDeliveryStore:
    """See `DeliveryStore`. Of one webhook at most about `waiting_max` deliveries wait."""

    def __init__(self, database: PostgresDatabase, waiting_max: int) -> None:
        self._database = database
        self._waiting_max = waiting_max

    async def wanted(self, part: int) -> Wanted | None:
        """See `DeliveryStore`."""
        found = await self._database.read(
            EVERYBODY, lambda transaction: transaction.rows(_WANTED, (part,))
        )
        if not found:
            return None
        tenants, kinds, since = zip(*found, strict=True)
        every_kind = frozenset(FactKind(kind) for kind in kinds)
        return Wanted(frozenset(tenants), every_kind, Position(min(since), 0))

    async def enqueue(self, lease: Lease, piece: Piece, now_ms: int) -> int:
        """See `DeliveryStore`."""

        def work(transaction: Transaction) -> int:
            advance(transaction, lease, piece.upto)
            tenants = list({told.tenant for told in piece.rows})
            webhooks = [webhook_of(row) for row in transaction.rows(_OF_TENANTS, (tenants,))]
            numbers = [webhook.number for webhook in webhooks]
            behind = {row[0] for row in transaction.rows(_ALL_BEHIND, (lease.part, numbers))}
            keeping_up = [one for one in webhooks if one.number not in behind]
            return sum(
                self._give(transaction, one, lease.part, piece, now_ms) for one in keeping_up
            )

        return await self._database.write(EVERYBODY, work)

    async def behind(self) -> list[Behind]:
        """See `DeliveryStore`."""
        room = (self._waiting_max // 2,)
        found = await self._database.read(
            EVERYBODY, lambda transaction: transaction.rows(_BEHIND, room)
        )
        return [
            Behind(webhook_of(columns), part, Position(tx, seq))
            for part, tx, seq, *columns in found
        ]

    async def catch_up(self, behind: Behind, lease_name: str, piece: Piece, now_ms: int) -> int:
        """See `DeliveryStore`."""
        webhook, part, position = behind

        def work(transaction: Transaction) -> int:
            relayed = Position(*(transaction.row(_RELAYED, (lease_name, part)) or (0, 0)))
            transaction.execute(_HOLD, (webhook.number,))
            upto = min(piece.upto, relayed)
            step = (*upto, webhook.number, part, *position)
            if transaction.execute(_STEP, step).rowcount != 1:
                return 0
            if upto == relayed:
                transaction.execute(_JOIN, (webhook.number, part))
                transaction.execute(_CALL_OFF, (lease_name, part))
            missed = [told for told in piece.rows if told.position <= upto]
            messages = decide.messages(webhook, missed)
            return len(add_deliveries(transaction, webhook.number, messages, now_ms))

        return await self._database.write(EVERYBODY, work)

    async def due(self, now_ms: int, in_flight: Collection[int], per_webhook: int) -> list[Due]:
        """See `DeliveryStore`."""
        asked = (now_ms, list(in_flight), per_webhook)
        found = await self._database.read(
            EVERYBODY, lambda transaction: transaction.rows(_DUE, asked)
        )
        due: dict[int, Due] = {}
        for row in found:
            if row[0] not in due:
                due[row[0]] = Due(webhook_of(row[:WEBHOOK_COLUMNS]), [])
            due[row[0]].deliveries.append(delivery_of(row[WEBHOOK_COLUMNS:]))
        return list(due.values())

    async def next_due_ms(self) -> int | None:
        """See `DeliveryStore`."""
        [next_ms] = await self._database.read(
            EVERYBODY, lambda transaction: transaction.row(_NEXT_DUE)
        )
        assert next_ms is None or isinstance(next_ms, int)
        return next_ms

    async def record(self, tried: Sequence[Tried]) -> int:
        """See `DeliveryStore`."""
        return await self._database.write(EVERYBODY, partial(_record, tried))

    async def forget(self, before_ms: int) -> int:
        """See `DeliveryStore`."""
        return await self._database.write(EVERYBODY, partial(_forget, before_ms))

    def _give(
        self, transaction: Transaction, webhook: Webhook, part: int, piece: Piece, now_ms: int
    ) -> int:
        """Make a webhook's deliveries of a piece, or have it fall behind; how many it made."""
        messages = decide.messages(webhook, piece.rows)
        if webhook.disabled is None and webhook.waiting < self._waiting_max:
            return len(add_deliveries(transaction, webhook.number, messages, now_ms))
        if messages:
            missed = (webhook.number, part, webhook.tenant, *piece.after)
            transaction.execute(_FALL_BEHIND, missed)
        return 0


class _Following(NamedTuple):
    """What follows for a webhook from attempts at its deliveries, in their order.

    `worked` says whether one got through, `failed_ms` when one failed first after the last such.
    """

    done: int = 0
    worked: bool = False
    failed_ms: int | None = None
    disabled: str | None = None
    disabled_at_ms: int | None = None

    def and_then(self, tried: Tried) -> "_Following":
        """With one attempt more."""
        is_done = tried.state is not DeliveryState.WAITING
        following = self._replace(done=self.done + is_done)
        if tried.state is DeliveryState.DELIVERED:
            following = following._replace(worked=True, failed_ms=None)
        elif self.failed_ms is None:
            following = following._replace(failed_ms=tried.attempt.at_ms)
        if tried.disable is not None and self.disabled is None:
            disabled_at_ms = _ended_at_ms(tried)
            following = following._replace(
                disabled=tried.disable.value, disabled_at_ms=disabled_at_ms
            )
        return following


def _record(tried: Sequence[Tried], transaction: Transaction) -> int:
    """Keep what became of attempts; how many counted."""
    # What was begun twice counts once.
    firsts = {one.delivery.number: one for one in reversed(tried)}
    tries = dict(transaction.rows(_HELD, (sorted(firsts),)))
    counting = [
        one for number, one in reversed(firsts.items()) if tries.get(number) == one.delivery.tries
    ]
    if not counting:
        return 0
    columns = zip(*map(_columns, counting), strict=True)
    transaction.execute(_RECORD, tuple(list(column) for column in columns))
    following: dict[int, _Following] = {}
    for one in counting:
        webhook = one.delivery.webhook
        following[webhook] = following.get(webhook, _Following()).and_then(one)
    for webhook, what in sorted(following.items()):
        transaction.execute(_FOLLOW, what._asdict() | {"webhook": webhook})
    return len(counting)


def _columns(tried: Tried) -> tuple[object, ...]:
    """What `_RECORD` writes of an attempt."""
    attempts = (*tried.delivery.attempts, tried.attempt)[-ATTEMPTS_KEPT_MAX:]
    done_at_ms = None if tried.state is DeliveryState.WAITING else _ended_at_ms(tried)
    kept = msgspec.json.encode(attempts).decode()
    return tried.delivery.number, tried.state.value, tried.due_ms, done_at_ms, kept


def _ended_at_ms(tried: Tried) -> int:
    return tried.attempt.at_ms + tried.attempt.took_ms


def _forget(before_ms: int, transaction: Transaction) -> int:
    """Forget deliveries that were done long ago, and those of a webhook that was removed."""
    forgotten = transaction.execute(_FORGET, (before_ms, FORGOTTEN_AT_ONCE)).rowcount
    for (webhook,) in transaction.rows(_REMOVED):
        cleared = transaction.execute(_CLEAR, (webhook, FORGOTTEN_AT_ONCE)).rowcount
        if cleared < FORGOTTEN_AT_ONCE:
            transaction.execute(_CLEARED, (webhook,))
        forgotten += cleared
    return forgotten
