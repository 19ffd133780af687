"""Webhooks and their deliveries in this process."""

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from largesse.issuance.model import Piece, Wanted
from largesse.kernel.fact import START, AuditEntry, Position
from largesse.kernel.lease import Lease
from largesse.storage.memory.outbox import advance
from largesse.storage.memory.state import MemoryState
from largesse.webhooks import decide
from largesse.webhooks.model import (
    ATTEMPTS_KEPT_MAX,
    Behind,
    Delivery,
    DeliveryState,
    Due,
    NewDelivery,
    Tried,
    Webhook,
)


class MemoryWebhookRecords:
    """See `WebhookRecords`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def webhook(self, tenant: int, webhook_id: str) -> Webhook | None:
        """See `WebhookRecords`."""
        return next((one for one in self.webhooks(tenant) if one.id == webhook_id), None)

    def webhooks(self, tenant: int) -> list[Webhook]:
        """See `WebhookRecords`."""
        return [one for one in self._state.webhooks.values() if one.tenant == tenant]

    def add_webhook(self, webhook: Webhook) -> Webhook:
        """See `WebhookRecords`."""
        number = self._state.new_number("webhook")
        since = Position(0, len(self._state.facts))
        kept = replace(webhook, number=number, since=since)
        self._state.webhooks[number] = kept
        return kept

    def save_webhook(self, webhook: Webhook) -> None:
        """See `WebhookRecords`."""
        waiting = self._state.webhooks[webhook.number].waiting
        self._state.webhooks[webhook.number] = replace(webhook, waiting=waiting)

    def remove_webhook(self, webhook: Webhook) -> None:
        """See `WebhookRecords`."""
        state = self._state
        del state.webhooks[webhook.number]
        for number in [one.number for one in state.deliveries.values()]:
            if state.deliveries[number].webhook == webhook.number:
                del state.deliveries[number]
        for key in [key for key in state.webhooks_behind if key[0] == webhook.number]:
            del state.webhooks_behind[key]

    def deliveries(
        self, webhook: int, state: DeliveryState | None, before: int | None, limit: int
    ) -> list[Delivery]:
        """See `WebhookRecords`."""
        found = [
            one
            for one in self._state.deliveries.values()
            if one.webhook == webhook
            and state in (None, one.state)
            and (before is None or one.number < before)
        ]
        return found[::-1][:limit]

    def delivery(self, webhook: int, number: int) -> Delivery | None:
        """See `WebhookRecords`."""
        found = self._state.deliveries.get(number)
        return None if found is None or found.webhook != webhook else found

    def add_delivery(self, webhook: int, new: NewDelivery, now_ms: int) -> Delivery:
        """See `WebhookRecords`."""
        [delivery] = _add(self._state, webhook, [new], now_ms)
        return delivery

    def send_again(self, delivery: Delivery, now_ms: int) -> Delivery:
        """See `WebhookRecords`."""
        state = DeliveryState.WAITING
        again = replace(delivery, state=state, due_ms=now_ms, done_at_ms=None, tries=0)
        self._state.deliveries[delivery.number] = again
        if delivery.state is not DeliveryState.WAITING:
            _wait_for(self._state, delivery.webhook, 1)
        return again

    def audit(self, entry: AuditEntry) -> None:
        """See `WebhookRecords`."""
        self._state.audit.append(entry)


class MemoryDeliveryStore:
    """See `DeliveryStore`. Nothing here awaits, so that each call is a transaction."""

    def __init__(self, state: MemoryState, waiting_max: int) -> None:
        self._state = state
        self._waiting_max = waiting_max

    async def wanted(self, part: int) -> Wanted | None:
        """See `DeliveryStore`."""
        behind = {number for number, of in self._state.webhooks_behind if of == part}
        every = [one for one in self._state.webhooks.values() if one.number not in behind]
        if not every:
            return None
        return Wanted(
            frozenset(one.tenant for one in every),
            frozenset(kind for one in every for kind in one.kinds),
            min(one.since for one in every),
        )

    async def enqueue(self, lease: Lease, piece: Piece, now_ms: int) -> int:
        """See `DeliveryStore`."""
        advance(self._state, lease, piece.upto)
        return sum(
            self._give(webhook, lease.part, piece, now_ms)
            for webhook in list(self._state.webhooks.values())
        )

    async def behind(self) -> list[Behind]:
        """See `DeliveryStore`."""
        found = [
            Behind(self._state.webhooks[number], part, position)
            for (number, part), position in self._state.webhooks_behind.items()
        ]
        room = self._waiting_max // 2
        return [
            one for one in found if one.webhook.disabled is None and one.webhook.waiting <= room
        ]

    async def catch_up(self, behind: Behind, lease_name: str, piece: Piece, now_ms: int) -> int:
        """See `DeliveryStore`."""
        webhook, part, position = behind
        key = (webhook.number, part)
        if self._state.webhooks_behind.get(key) != position:
            return 0
        lease = self._state.leases.get((lease_name, part))
        relayed = START if lease is None else lease.position
        upto = min(piece.upto, relayed)
        self._state.webhooks_behind[key] = upto
        if upto == relayed:
            del self._state.webhooks_behind[key]
            if lease is not None:
                self._state.leases[lease_name, part] = lease._replace(token=lease.token + 1)
        missed = [told for told in piece.rows if told.position <= upto]
        return len(_add(self._state, webhook.number, decide.messages(webhook, missed), now_ms))

    async def due(self, now_ms: int, in_flight: Collection[int], per_webhook: int) -> list[Due]:
        """See `DeliveryStore`."""
        due: dict[int, list[Delivery]] = {}
        waiting = [one for one in self._state.deliveries.values() if one.due_ms is not None]
        for one in sorted(waiting, key=lambda one: (one.due_ms, one.number)):
            ready = one.due_ms is not None and one.due_ms <= now_ms
            if ready and one.number not in in_flight:
                due.setdefault(one.webhook, []).append(one)
        return [
            Due(webhook, due[number][:per_webhook])
            for number, webhook in self._state.webhooks.items()
            if webhook.disabled is None and number in due
        ]

    async def next_due_ms(self) -> int | None:
        """See `DeliveryStore`."""
        enabled = {one.number for one in self._state.webhooks.values() if one.disabled is None}
        every = [one.due_ms for one in self._state.deliveries.values() if one.webhook in enabled]
        return min((due_ms for due_ms in every if due_ms is not None), default=None)

    async def record(self, tried: Sequence[Tried]) -> int:
        """See `DeliveryStore`."""
        return sum(self._record(one) for one in tried)

    async def forget(self, before_ms: int) -> int:
        """See `DeliveryStore`."""
        over = [
            one.number
            for one in self._state.deliveries.values()
            if one.done_at_ms is not None and one.done_at_ms < before_ms
        ]
        for number in over:
            del self._state.deliveries[number]
        return len(over)

    def _give(self, webhook: Webhook, part: int, piece: Piece, now_ms: int) -> int:
        messages = decide.messages(webhook, piece.rows)
        if not messages or (webhook.number, part) in self._state.webhooks_behind:
            return 0
        if webhook.disabled is not None or webhook.waiting >= self._waiting_max:
            self._state.webhooks_behind[webhook.number, part] = piece.after
            return 0
        return len(_add(self._state, webhook.number, messages, now_ms))

    def _record(self, tried: Tried) -> bool:
        state = self._state
        kept = state.deliveries.get(tried.delivery.number)
        began = (DeliveryState.WAITING, tried.delivery.tries)
        if kept is None or (kept.state, kept.tries) != began:
            return False
        ended_at_ms = tried.attempt.at_ms + tried.attempt.took_ms
        done = tried.state is not DeliveryState.WAITING
        state.deliveries[kept.number] = replace(
            kept,
            state=tried.state,
            due_ms=tried.due_ms,
            done_at_ms=ended_at_ms if done else None,
            tries=kept.tries + 1,
            attempts=(*tried.delivery.attempts, tried.attempt)[-ATTEMPTS_KEPT_MAX:],
        )
        if done:
            _wait_for(state, kept.webhook, -1)
        webhook = state.webhooks[kept.webhook]
        works = tried.state is DeliveryState.DELIVERED
        since_ms = None if works else webhook.failing_since_ms or tried.attempt.at_ms
        webhook = replace(webhook, failing_since_ms=since_ms)
        if tried.disable is not None and webhook.disabled is None:
            webhook = replace(webhook, disabled=tried.disable, disabled_at_ms=ended_at_ms)
        state.webhooks[kept.webhook] = webhook
        return True


def _add(
    state: MemoryState, webhook: int, new: Sequence[NewDelivery], now_ms: int
) -> list[Delivery]:
    """Have messages delivered, without those that were there already."""
    known = {one.message for one in state.deliveries.values() if one.webhook == webhook}
    made = [
        Delivery(
            number=state.new_number("delivery"),
            webhook=webhook,
            message=one.message,
            type=one.type,
            position=one.position,
            body=one.body,
            state=DeliveryState.WAITING,
            created_at_ms=now_ms,
            due_ms=now_ms,
            done_at_ms=None,
            tries=0,
            attempts=(),
        )
        for one in new
        if one.message not in known
    ]
    state.deliveries |= {one.number: one for one in made}
    _wait_for(state, webhook, len(made))
    return made


def _wait_for(state: MemoryState, webhook: int, more: int) -> None:
    kept = state.webhooks[webhook]
    state.webhooks[webhook] = replace(kept, waiting=kept.waiting + more)
