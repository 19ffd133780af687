"""Webhooks: the relay, the dispatcher, and what people do with them."""

import os
import secrets
from collections.abc import Sequence

from largesse.delivery.reaching import Ways
from largesse.delivery.webhook import WebhookSender
from largesse.http.metrics import Metrics
from largesse.http.services import Services
from largesse.kernel.errors import StartError
from largesse.kernel.ids import Ids
from largesse.settings.tree import Settings
from largesse.settings.tree import Webhooks as Limits
from largesse.webhooks.addresses import Allowed
from largesse.webhooks.service import Origins, Rules, Webhooks
from largesse.webhooks.subscription import Subscription
from largesse.wiring.storage import Storage
from largesse.workers.dispatch import Chance, Dispatcher, Office, Room
from largesse.workers.relay import Pace, Relay, Subscriber
from largesse.workers.timers import Timer

FORGET_PERIOD_S = 600.0
"""Deliveries are kept for days; some minutes more or less are nothing."""

DAY_MS = 86_400_000


class Delivering:
    """Everything that brings facts to webhooks."""

    def __init__(self, settings: Settings, storage: Storage, webhooks: Webhooks) -> None:
        self._settings = settings
        self._storage = storage
        self._webhooks = webhooks
        self._relay: Relay | None = None
        self._dispatcher: Dispatcher | None = None
        self._sender: WebhookSender | None = None

    def start(self, services: Services, metrics: Metrics, others: Sequence[Subscriber]) -> None:
        """Begin to relay, to `others` too, and to deliver."""
        telling = self._storage.telling
        limits = self._settings.webhooks
        self._sender = WebhookSender(_ways(limits))
        publishing, health = services.issuance.publishing, services.health
        office = Office(telling.deliveries, telling.outbox, publishing, self._sender)
        room = Room(limits.per_webhook_max, limits.in_flight_max)
        chance = Chance(self._storage.clock, secrets.SystemRandom().random)
        dispatcher = Dispatcher(office, room, chance, telling.holder)
        dispatcher.report = metrics.attempts
        self._webhooks.wake = dispatcher.wake
        pace = Pace(self._settings.relay.rows_max, self._settings.relay.poll_s)
        self._relay = Relay(telling.outbox, pace, telling.holder)
        telling.ring(self._relay.ring)
        clock, wake = self._storage.clock, dispatcher.wake
        self._relay.start([Subscription(telling.deliveries, clock, wake), *others], health)
        dispatcher.start(health)
        self._dispatcher = dispatcher

    async def stop(self) -> None:
        """End both; what was under way comes again."""
        if self._relay is not None:
            await self._relay.stop()
        if self._dispatcher is not None:
            await self._dispatcher.stop()
        if self._sender is not None:
            await self._sender.close()

    def timers(self) -> list[Timer]:
        """What is done from time to time."""
        return [Timer("deliveries", FORGET_PERIOD_S, self._forget)]

    async def _forget(self) -> None:
        before_ms = self._storage.clock.now_ms() - self._settings.webhooks.kept_days * DAY_MS
        while await self._storage.telling.deliveries.forget(before_ms):
            pass


def make_webhooks(settings: Settings, storage: Storage, ids: Ids) -> Webhooks:
    """What people do with webhooks. Raises `StartError` where a setting names no network."""
    limits = settings.webhooks
    rules = Rules(limits.per_tenant_max, _allowed(limits))
    origins = Origins(ids, os.urandom)
    return Webhooks(storage.telling.webhooks, storage.clock, origins, rules)


def _allowed(limits: Limits) -> Allowed:
    try:
        return Allowed(limits.networks_allowed)
    except ValueError as error:
        message = f"webhooks.networks_allowed: {error}; a network is written like 10.1.0.0/16"
        raise StartError(message) from error


def _ways(limits: Limits) -> Ways:
    return Ways(float(limits.attempt_s_max), limits.in_flight_max, _allowed(limits))
