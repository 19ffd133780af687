"""Webhooks and their deliveries in PostgreSQL."""

from collections.abc import Sequence
from typing import LiteralString

import msgspec

from largesse.kernel.fact import AuditEntry, Position
from largesse.kernel.paging import AFTER_ALL
from largesse.storage.columns.webhooks import (
    delivery_of,
    row_of_changed,
    row_of_new,
    webhook_of,
)
from largesse.storage.postgres import audit
from largesse.storage.postgres.transaction import Transaction
from largesse.webhooks.model import (
    Delivery,
    DeliveryState,
    NewDelivery,
    Webhook,
)

WEBHOOK: LiteralString = """
w.number, w.id, w.tenant, w.url, w.description, w.kinds, w.secret, w.old_secret, w.old_until_ms,
  w.disabled, w.disabled_at_ms, w.failing_since_ms, w.created_at_ms, w.since, 0, w.waiting"""
DELIVERY: LiteralString = """
d.number, d.webhook, d.message, d.type, d.tx, d.seq, d.body, d.state, d.created_at_ms, d.due_ms,
  d.done_at_ms, d.tries, d.attempts"""

_ONE: LiteralString = f"SELECT {WEBHOOK} FROM webhook w WHERE w.tenant = %s AND w.id = %s"
_OF_TENANT: LiteralString = f"""
SELECT {WEBHOOK} FROM webhook w WHERE w.tenant = %s ORDER BY w.number"""
_ADD = """
INSERT INTO webhook (id, tenant, url, description, kinds, secret, created_at_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING number, since"""
_SAVE = """
UPDATE webhook SET url = %s, description = %s, kinds = %s, secret = %s, old_secret = %s,
  old_until_ms = %s, disabled = %s, disabled_at_ms = %s, failing_since_ms = %s
WHERE number = %s"""
_REMOVE = "DELETE FROM webhook WHERE number = %s"
_REMOVED = "INSERT INTO webhook_removed (number, tenant) VALUES (%s, %s)"

_LISTED: LiteralString = f"""
SELECT {DELIVERY} FROM webhook_delivery d WHERE d.webhook = %s AND d.number < %s
ORDER BY d.number DESC LIMIT %s"""
_LISTED_IN: LiteralString = f"""
SELECT {DELIVERY} FROM webhook_delivery d WHERE d.webhook = %s AND d.state = %s AND d.number < %s
ORDER BY d.number DESC LIMIT %s"""
_DELIVERY: LiteralString = f"""
SELECT {DELIVERY} FROM webhook_delivery d WHERE d.webhook = %s AND d.number = %s"""
_ADD_DELIVERIES = """
INSERT INTO webhook_delivery
  (webhook, tenant, message, type, tx, seq, body, created_at_ms, due_ms)
SELECT w.number, w.tenant, n.message, n.type, n.tx, n.seq, n.body, %s, %s
FROM webhook w CROSS JOIN unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bytea[])
  WITH ORDINALITY AS n (message, type, tx, seq, body, nth)
WHERE w.number = %s ORDER BY n.nth
ON CONFLICT (webhook, message) DO NOTHING RETURNING number"""
_AGAIN = """
UPDATE webhook_delivery SET state = 'WAITING', due_ms = %s, done_at_ms = NULL, tries = 0
WHERE number = %s"""
_MORE_WAITING = "UPDATE webhook SET waiting = waiting + %s WHERE number = %s"


class PostgresWebhookRecords:
    """See `WebhookRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def webhook(self, tenant: int, webhook_id: str) -> Webhook | None:
        """See `WebhookRecords`."""
        found = self._transaction.row(_ONE, (tenant, webhook_id))
        return None if found is None else webhook_of(found)

    def webhooks(self, tenant: int) -> list[Webhook]:
        """See `WebhookRecords`."""
        return [webhook_of(row) for row in self._transaction.rows(_OF_TENANT, (tenant,))]

    def add_webhook(self, webhook: Webhook) -> Webhook:
        """See `WebhookRecords`. Of what runs beside this it gets what is numbered behind it."""
        number, since = self._transaction.row(_ADD, row_of_new(webhook))
        return msgspec.structs.replace(webhook, number=number, since=Position(since, 0))

    def save_webhook(self, webhook: Webhook) -> None:
        """See `WebhookRecords`."""
        self._transaction.execute(_SAVE, (*row_of_changed(webhook), webhook.number))

    def remove_webhook(self, webhook: Webhook) -> None:
        """See `WebhookRecords`."""
        self._transaction.execute(_REMOVE, (webhook.number,))
        self._transaction.execute(_REMOVED, (webhook.number, webhook.tenant))

    def deliveries(
        self, webhook: int, state: DeliveryState | None, before: int | None, limit: int
    ) -> list[Delivery]:
        """See `WebhookRecords`."""
        below = AFTER_ALL if before is None else before
        if state is None:
            found = self._transaction.rows(_LISTED, (webhook, below, limit))
        else:
            found = self._transaction.rows(_LISTED_IN, (webhook, state.value, below, limit))
        return [delivery_of(row) for row in found]

    def delivery(self, webhook: int, number: int) -> Delivery | None:
        """See `WebhookRecords`."""
        found = self._transaction.row(_DELIVERY, (webhook, number))
        return None if found is None else delivery_of(found)

    def add_delivery(self, webhook: int, new: NewDelivery, now_ms: int) -> Delivery:
        """See `WebhookRecords`."""
        [number] = add_deliveries(self._transaction, webhook, [new], now_ms)
        delivery = self.delivery(webhook, number)
        assert delivery is not None
        return delivery

    def send_again(self, delivery: Delivery, now_ms: int) -> Delivery:
        """See `WebhookRecords`."""
        self._transaction.execute(_AGAIN, (now_ms, delivery.number))
        if delivery.state is not DeliveryState.WAITING:
            self._transaction.execute(_MORE_WAITING, (1, delivery.webhook))
        found = self.delivery(delivery.webhook, delivery.number)
        assert found is not None
        return found

    def audit(self, entry: AuditEntry) -> None:
        """See `WebhookRecords`."""
        audit.add_entry(self._transaction, entry)


def add_deliveries(
    transaction: Transaction, webhook: int, new: Sequence[NewDelivery], now_ms: int
) -> list[int]:
    """Have messages delivered, due now; their numbers, without those that were there already."""
    if not new:
        return []
    rows = [(one.message, one.type, *(one.position or (None, None)), one.body) for one in new]
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = transaction.rows(_ADD_DELIVERIES, (now_ms, now_ms, *columns, webhook))
    if found:
        transaction.execute(_MORE_WAITING, (len(found), webhook))
    return [number for (number,) in found]
