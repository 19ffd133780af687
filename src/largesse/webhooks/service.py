"""What one can do with webhooks."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from largesse.kernel import ids
from largesse.kernel.clock import Clock
from largesse.kernel.command import Command, Done
from largesse.kernel.errors import InvalidInputError, NotFoundError, WrongStatusError
from largesse.kernel.fact import START, AuditEntry
from largesse.kernel.ids import Ids
from largesse.webhooks import decide
from largesse.webhooks.addresses import Allowed
from largesse.webhooks.message import PING_TYPE, body_of_ping
from largesse.webhooks.model import (
    SECRET_BYTES,
    Delivery,
    DeliveryState,
    NewDelivery,
    NewSecret,
    Webhook,
    WebhookChange,
    WebhookInput,
)
from largesse.webhooks.ports import WebhookRecords, WebhookStore

DELIVERY_PREFIX = "dlv"


class Origins(Struct, frozen=True):
    """Where new ids and secrets come from."""

    ids: Ids
    secret_bytes: Callable[[int], bytes]


class Rules(Struct, frozen=True):
    """What a tenant may have: so many webhooks, and addresses that are allowed."""

    webhooks_max: int
    allowed: Allowed


class Webhooks:
    """A tenant's webhooks and what was sent to them.

    `wake` is called where something is to be sent at once.
    """

    def __init__(self, store: WebhookStore, clock: Clock, origins: Origins, rules: Rules) -> None:
        self._store = store
        self._clock = clock
        self._origins = origins
        self._rules = rules
        self.wake: Callable[[], object] = lambda: None

    async def create(self, command: Command, wish: WebhookInput) -> Done[NewSecret]:
        """Make a webhook for what happens from now on. Its secret is in the answer this once."""
        decide.check_url(wish.url, self._rules.allowed)
        decide.check_description(wish.description)
        secret = self._origins.secret_bytes(SECRET_BYTES)

        def work(records: WebhookRecords) -> NewSecret:
            if len(records.webhooks(command.tenant)) >= self._rules.webhooks_max:
                limit = self._rules.webhooks_max
                raise InvalidInputError(f"a tenant has at most {limit} webhooks: delete one")
            webhook = records.add_webhook(self._new(command, wish, secret))
            records.audit(AuditEntry.of(command, webhook.id, None, _shown(webhook)))
            return NewSecret(webhook, None)

        done = await self._store.write(command, work, NewSecret)
        return done if done.replayed else Done(NewSecret(done.answer.webhook, secret))

    async def webhooks(self, tenant: int) -> list[Webhook]:
        """A tenant's webhooks in the order of their creation."""
        return await self._store.read(lambda records: records.webhooks(tenant))

    async def webhook(self, tenant: int, webhook_id: str) -> Webhook:
        """One webhook. Others' are not found."""
        return await self._store.read(lambda records: _find(records, tenant, webhook_id))

    async def change(self, command: Command, webhook_id: str, wish: WebhookChange) -> Webhook:
        """Change some of it. One that is enabled again gets what it missed."""
        if wish.url is not None:
            decide.check_url(wish.url, self._rules.allowed)
        if wish.description is not None:
            decide.check_description(wish.description)

        def work(records: WebhookRecords) -> Webhook:
            before = _find(records, command.tenant, webhook_id)
            after = decide.changed(before, wish, command.machine_ms)
            self._save(records, command, before, after)
            return after

        done = await self._store.write(command, work, Webhook)
        self.wake()
        return done.answer

    async def rotate(self, command: Command, webhook_id: str, overlap_s: int) -> Done[NewSecret]:
        """Give it a new secret, shown this once; for so long the old one signs beside it."""
        secret = self._origins.secret_bytes(SECRET_BYTES)

        def work(records: WebhookRecords) -> NewSecret:
            before = _find(records, command.tenant, webhook_id)
            after = decide.rotated(before, secret, command.machine_ms + 1_000 * overlap_s)
            self._save(records, command, before, after)
            return NewSecret(after, None)

        done = await self._store.write(command, work, NewSecret)
        return done if done.replayed else Done(NewSecret(done.answer.webhook, secret))

    async def remove(self, command: Command, webhook_id: str) -> None:
        """Take it away, with all that waits for it."""

        def work(records: WebhookRecords) -> None:
            webhook = _find(records, command.tenant, webhook_id)
            records.remove_webhook(webhook)
            records.audit(AuditEntry.of(command, webhook.id, _shown(webhook), None))

        await self._store.write(command, work, type(None))

    async def ping(self, command: Command, webhook_id: str) -> Done[Delivery]:
        """Send it a message about nothing. `WrongStatusError` while it is disabled."""
        message = self._origins.ids.new("msg")

        def work(records: WebhookRecords) -> Delivery:
            webhook = _enabled(_find(records, command.tenant, webhook_id))
            body = body_of_ping(webhook.id, command.machine_ms)
            new = NewDelivery(message=message, type=PING_TYPE, body=body)
            return records.add_delivery(webhook.number, new, command.machine_ms)

        done = await self._store.write(command, work, Delivery)
        self.wake()
        return done

    async def deliveries(
        self,
        webhook: Webhook,
        state: DeliveryState | None,
        before: int | None,
        limit: int,
    ) -> list[Delivery]:
        """What was sent or is to be sent, newest first, those with a number below `before`."""
        return await self._store.read(
            lambda records: records.deliveries(webhook.number, state, before, limit)
        )

    async def delivery(self, tenant: int, webhook_id: str, delivery_id: str) -> Delivery:
        """One delivery with its attempts."""
        return await self._store.read(
            lambda records: _find_delivery(records, tenant, webhook_id, delivery_id)
        )

    async def send_again(
        self, command: Command, webhook_id: str, delivery_id: str
    ) -> Done[Delivery]:
        """Send a message again, under the id that it had. `WrongStatusError` while disabled."""

        def work(records: WebhookRecords) -> Delivery:
            _enabled(_find(records, command.tenant, webhook_id))
            delivery = _find_delivery(records, command.tenant, webhook_id, delivery_id)
            return records.send_again(delivery, command.machine_ms)

        done = await self._store.write(command, work, Delivery)
        self.wake()
        return done

    def _new(self, command: Command, wish: WebhookInput, secret: bytes) -> Webhook:
        return Webhook(
            number=0,
            id=self._origins.ids.new("wh"),
            tenant=command.tenant,
            url=wish.url,
            description=wish.description,
            kinds=wish.kinds,
            secret=secret,
            created_at_ms=command.machine_ms,
            since=START,
        )

    @staticmethod
    def _save(records: WebhookRecords, command: Command, before: Webhook, after: Webhook) -> None:
        if before != after:
            records.save_webhook(after)
            entry = AuditEntry.of(command, after.id, _shown(before), _shown(after))
            records.audit(entry)


def delivery_id(delivery: Delivery) -> str:
    """A delivery's id on the wire."""
    return ids.encode(DELIVERY_PREFIX, delivery.number)


def _find(records: WebhookRecords, tenant: int, webhook_id: str) -> Webhook:
    webhook = records.webhook(tenant, webhook_id)
    if webhook is None:
        raise NotFoundError(f"there is no webhook {webhook_id!r} here")
    return webhook


def _find_delivery(
    records: WebhookRecords, tenant: int, webhook_id: str, delivery_id: str
) -> Delivery:
    webhook = _find(records, tenant, webhook_id)
    number = ids.decode(DELIVERY_PREFIX, delivery_id)
    known = number is not None and number < 1 << 63
    found = records.delivery(webhook.number, number) if number is not None and known else None
    if found is None:
        raise NotFoundError(f"there is no delivery {delivery_id!r} here")
    return found


def _enabled(webhook: Webhook) -> Webhook:
    if webhook.disabled is not None:
        raise WrongStatusError("the webhook is disabled: enable it first")
    return webhook


def _shown(webhook: Webhook) -> dict[str, Any]:
    """What the audit keeps of it: no secret."""
    return {
        "url": webhook.url,
        "description": webhook.description,
        "types": [kind.topic for kind in webhook.kinds],
        "disabled": msgspec.to_builtins(webhook.disabled),
        "old_secret_until_ms": webhook.old_until_ms,
    }
