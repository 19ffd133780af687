"""Webhooks and their deliveries in an SQLite file."""

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from largesse.kernel.fact import AuditEntry, Position
from largesse.kernel.paging import AFTER_ALL
from largesse.storage.columns.webhooks import (
    delivery_of,
    row_of_changed,
    row_of_new,
    webhook_of,
)
from largesse.storage.sqlite import audit
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.transaction import Transaction
from largesse.webhooks.model import (
    Delivery,
    DeliveryState,
    NewDelivery,
    Webhook,
)

WEBHOOKS = """
SELECT number, id, tenant, url, description, kinds, secret, old_secret, old_until_ms,
  disabled, disabled_at_ms, failing_since_ms, created_at_ms, 0 AS since_tx, since, waiting
FROM webhook"""
DELIVERIES = """
SELECT number, webhook, message, type, 0 AS tx, seq, body, state, created_at_ms, due_ms,
  done_at_ms, tries, attempts
FROM webhook_delivery"""

_ONE = f"{WEBHOOKS} WHERE tenant = ? AND id = ?"
_OF_TENANT = f"{WEBHOOKS} WHERE tenant = ? ORDER BY number"
_ADD = """
INSERT INTO webhook (id, tenant, url, description, kinds, secret, created_at_ms, since)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_SAVE = """
UPDATE webhook SET url = ?, description = ?, kinds = ?, secret = ?, old_secret = ?,
  old_until_ms = ?, disabled = ?, disabled_at_ms = ?, failing_since_ms = ?
WHERE number = ?"""
_REMOVE = "DELETE FROM webhook WHERE number = ?"
_REMOVED = "INSERT INTO webhook_removed (number) VALUES (?)"

_LISTED = f"{DELIVERIES} WHERE webhook = ? AND number < ? ORDER BY number DESC LIMIT ?"
_LISTED_IN = f"""{DELIVERIES} WHERE webhook = ? AND state = ? AND number < ?
ORDER BY number DESC LIMIT ?"""
_DELIVERY = f"{DELIVERIES} WHERE webhook = ? AND number = ?"
_ADD_DELIVERY = """
INSERT INTO webhook_delivery (webhook, message, type, seq, body, created_at_ms, due_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO NOTHING"""
_AGAIN = """
UPDATE webhook_delivery SET state = 'WAITING', due_ms = ?, done_at_ms = NULL, tries = 0
WHERE number = ?"""
_MORE_WAITING = "UPDATE webhook SET waiting = waiting + ? WHERE number = ?"


class SQLiteWebhookRecords:
    """See `WebhookRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._db = transaction.db

    def webhook(self, tenant: int, webhook_id: str) -> Webhook | None:
        """See `WebhookRecords`."""
        found = rows(self._db, _ONE, (tenant, webhook_id))
        return webhook_of(found[0]) if found else None

    def webhooks(self, tenant: int) -> list[Webhook]:
        """See `WebhookRecords`."""
        return [webhook_of(row) for row in rows(self._db, _OF_TENANT, (tenant,))]

    def add_webhook(self, webhook: Webhook) -> Webhook:
        """See `WebhookRecords`."""
        since = self._transaction.last_seq
        self._db.execute(_ADD, (*row_of_new(webhook), since))
        number = self._db.last_insert_rowid()
        return msgspec.structs.replace(webhook, number=number, since=Position(0, since))

    def save_webhook(self, webhook: Webhook) -> None:
        """See `WebhookRecords`."""
        self._db.execute(_SAVE, (*row_of_changed(webhook), webhook.number))

    def remove_webhook(self, webhook: Webhook) -> None:
        """See `WebhookRecords`."""
        self._db.execute(_REMOVE, (webhook.number,))
        self._db.execute(_REMOVED, (webhook.number,))

    def deliveries(
        self, webhook: int, state: DeliveryState | None, before: int | None, limit: int
    ) -> list[Delivery]:
        """See `WebhookRecords`."""
        below = AFTER_ALL if before is None else before
        if state is None:
            found = rows(self._db, _LISTED, (webhook, below, limit))
        else:
            found = rows(self._db, _LISTED_IN, (webhook, state.value, below, limit))
        return [delivery_of(row) for row in found]

    def delivery(self, webhook: int, number: int) -> Delivery | None:
        """See `WebhookRecords`."""
        found = rows(self._db, _DELIVERY, (webhook, number))
        return delivery_of(found[0]) if found else None

    def add_delivery(self, webhook: int, new: NewDelivery, now_ms: int) -> Delivery:
        """See `WebhookRecords`."""
        made = add_deliveries(self._db, webhook, [new], now_ms)
        assert made == 1, "a ping has an id of its own"
        delivery = self.delivery(webhook, self._db.last_insert_rowid())
        assert delivery is not None
        return delivery

    def send_again(self, delivery: Delivery, now_ms: int) -> Delivery:
        """See `WebhookRecords`."""
        self._db.execute(_AGAIN, (now_ms, delivery.number))
        if delivery.state is not DeliveryState.WAITING:
            self._db.execute(_MORE_WAITING, (1, delivery.webhook))
        found = self.delivery(delivery.webhook, delivery.number)
        assert found is not None
        return found

    def audit(self, entry: AuditEntry) -> None:
        """See `WebhookRecords`."""
        audit.add_entry(self._db, entry)


def add_deliveries(
    db: apsw.Connection, webhook: int, new: Sequence[NewDelivery], now_ms: int
) -> int:
    """Have messages delivered, due now; how many, without those that were there already."""
    before = db.total_changes()
    db.executemany(_ADD_DELIVERY, [_columns(webhook, one, now_ms) for one in new])
    made = db.total_changes() - before
    if made:
        db.execute(_MORE_WAITING, (made, webhook))
    return made


def _columns(webhook: int, new: NewDelivery, now_ms: int) -> tuple[Any, ...]:
    seq = None if new.position is None else new.position.seq
    return (webhook, new.message, new.type, seq, new.body, now_ms)
