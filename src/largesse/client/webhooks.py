"""Calls about webhooks and what was sent to them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from largesse.client.call import Answer, Call, Request, get, path_of, post, reading
from largesse.client.model import Delivery, NewWebhook, Page, Webhook

_NEW = reading(NewWebhook)
_WEBHOOK = reading(Webhook)
_WEBHOOKS = reading(Page[Webhook])
_DELIVERY = reading(Delivery)
_DELIVERIES = reading(Page[Delivery])
_GONE = reading(type(None))


def create(
    url: str,
    *,
    types: Sequence[str] | None = None,
    description: str = "",
    key: str | None = None,
) -> Call[NewWebhook]:
    """Have facts sent to an address, every type unless some are named."""
    body = _said({"url": url, "description": description, "types": types})
    return post(path_of("webhooks"), body, _NEW, key)


def list_all(*, limit: int | None = None, cursor: str | None = None) -> Call[Page[Webhook]]:
    """List the tenant's webhooks, the oldest first."""
    return get(path_of("webhooks"), _WEBHOOKS, limit=limit, cursor=cursor)


def show(webhook_id: str) -> Call[Webhook]:
    """Show a webhook."""
    return get(path_of("webhooks", webhook_id), _WEBHOOK)


def change(
    webhook_id: str,
    *,
    url: str | None = None,
    types: Sequence[str] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> Call[Webhook]:
    """Change what is named and leave the rest."""
    said = {"url": url, "types": types, "description": description, "enabled": enabled}
    body = msgspec.json.encode(_said(said))
    return Call(Request("PATCH", path_of("webhooks", webhook_id), body), _WEBHOOK)


def delete(webhook_id: str) -> Call[None]:
    """Take a webhook away, with all that waits for it."""
    request = Request("DELETE", path_of("webhooks", webhook_id))
    return Call(request, _nothing, repeatable=False)


def rotate(
    webhook_id: str, *, overlap_s: int | None = None, key: str | None = None
) -> Call[NewWebhook]:
    """Give a webhook a new secret, shown this once; the old one signs, too, for a while."""
    body = _said({"overlap_s": overlap_s})
    return post(path_of("webhooks", f"{webhook_id}:rotate"), body, _NEW, key)


def ping(webhook_id: str, *, key: str | None = None) -> Call[Delivery]:
    """Send a message about nothing."""
    return post(path_of("webhooks", f"{webhook_id}:ping"), None, _DELIVERY, key)


def deliveries(
    webhook_id: str,
    *,
    status: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[Delivery]]:
    """List what was sent to a webhook or is to be, the newest first."""
    path = path_of("webhooks", webhook_id, "deliveries")
    return get(path, _DELIVERIES, status=status, limit=limit, cursor=cursor)


def delivery(webhook_id: str, delivery_id: str) -> Call[Delivery]:
    """Show one delivery with its attempts."""
    return get(path_of("webhooks", webhook_id, "deliveries", delivery_id), _DELIVERY)


def resend(webhook_id: str, delivery_id: str, *, key: str | None = None) -> Call[Delivery]:
    """Send a message again, under the id that it had."""
    path = path_of("webhooks", webhook_id, "deliveries", f"{delivery_id}:resend")
    return post(path, None, _DELIVERY, key)


def _nothing(answer: Answer) -> None:
    """An answer without a body."""
    if answer.body:
        _GONE(answer)


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
