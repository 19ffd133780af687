"""The columns of webhooks and of their deliveries."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from largesse.kernel.fact import FactKind, Position
from largesse.webhooks.model import Attempt, Delivery, DeliveryState, Disabled, Webhook


class _Row(NamedTuple):
    """A webhook; its position is two columns, the first of them 0 where all commits are one row."""

    number: int
    id: str
    tenant: int
    url: str
    description: str
    kinds: str
    secret: bytes
    old_secret: bytes | None
    old_until_ms: int | None
    disabled: str | None
    disabled_at_ms: int | None
    failing_since_ms: int | None
    created_at_ms: int
    since_tx: int
    since_seq: int
    waiting: int


WEBHOOK_COLUMNS = len(_Row._fields)


def webhook_of(columns: Sequence[Any]) -> Webhook:
    """A webhook by the columns of `_Row`."""
    fields = _Row(*columns)._asdict()
    disabled, since = fields["disabled"], (fields.pop("since_tx"), fields.pop("since_seq"))
    return Webhook(
        **fields
        | {
            "kinds": msgspec.json.decode(fields["kinds"], type=tuple[FactKind, ...]),
            "disabled": None if disabled is None else Disabled(disabled),
            "since": Position(*since),
        }
    )


def row_of_new(webhook: Webhook) -> tuple[Any, ...]:
    """Id, tenant, address, description, kinds, secret and time of creation."""
    about = (webhook.id, webhook.tenant, webhook.url, webhook.description)
    return (*about, _to_json(webhook.kinds), webhook.secret, webhook.created_at_ms)


def row_of_changed(webhook: Webhook) -> tuple[Any, ...]:
    """What may change: address, description and kinds; the two secrets; how it fares."""
    return (
        *(webhook.url, webhook.description, _to_json(webhook.kinds)),
        *(webhook.secret, webhook.old_secret, webhook.old_until_ms),
        *(webhook.disabled, webhook.disabled_at_ms, webhook.failing_since_ms),
    )


def delivery_of(columns: Sequence[Any]) -> Delivery:
    """A delivery: number, webhook, message, type, position in two columns, body, and its state."""
    number, webhook, message, kind, tx, seq, body, state, created_at_ms = columns[:9]
    due_ms, done_at_ms, tries, attempts = columns[9:]
    return Delivery(
        number=number,
        webhook=webhook,
        message=message,
        type=kind,
        position=None if seq is None else Position(tx, seq),
        body=body,
        state=DeliveryState(state),
        created_at_ms=created_at_ms,
        due_ms=due_ms,
        done_at_ms=done_at_ms,
        tries=tries,
        attempts=msgspec.json.decode(attempts, type=tuple[Attempt, ...]),
    )


def _to_json(kinds: Sequence[FactKind]) -> str:
    return msgspec.json.encode(kinds).decode()
