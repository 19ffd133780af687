"""Sends to webhooks what is due, each webhook at its own pace, and records what became of it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
from msgspec import Struct

from largesse.issuance.model import Wanted
from largesse.issuance.ports import OutboxStore
from largesse.issuance.publishing import Publishing
from largesse.kernel.clock import Clock
from largesse.kernel.errors import BusyError, UnavailableError
from largesse.kernel.health import Health
from largesse.kernel.lease import Lease
from largesse.webhooks import decide
from largesse.webhooks.message import body_of, message
from largesse.webhooks.model import (
    Attempt,
    Behind,
    Delivery,
    DeliveryState,
    Disabled,
    Tried,
    Webhook,
)
from largesse.webhooks.ports import DeliveryStore, Sender
from largesse.webhooks.subscription import NAME as RELAY
from largesse.workers.timers import Wait, set_or_over

LEASE = "webhook dispatch"
LEASE_S = 10.0
"""One process delivers; where it was killed another one takes over after so long."""

POLL_S = 1.0
"""The longest time between two looks at what is due."""

CATCH_UP_ROWS_MAX = 1_000
"""Rows of the outbox looked at for one webhook that is behind, before the next one's turn."""

RECORDED_AT_ONCE_MAX = 256
"""Attempts recorded in one transaction: a millisecond or two of the writer."""

FAILURES_ALONE = 5
"""A webhook that failed so often in a row is tried with one message at a time."""

_log = structlog.get_logger(__name__)

Report = Callable[[Sequence[Tried]], object]
"""Told of attempts once they are recorded."""


class Office(Struct, frozen=True):
    """What is needed to deliver; `wiring` fills it."""

    deliveries: DeliveryStore
    outbox: OutboxStore
    publishing: Publishing
    sender: Sender


class Room(Struct, frozen=True):
    """How many attempts are under way at once, to one webhook and to all of them."""

    per_webhook: int
    in_flight: int


class Chance(Struct, frozen=True):
    """Time, waits and dice."""

    clock: Clock
    dice: Callable[[], float]
    wait: Wait = asyncio.sleep


class Dispatcher:
    """Looks at what is due, sends it side by side, and records in batches.

    One that answers slowly, or not at all, fills its own room and nobody else's.
    """

    def __init__(self, office: Office, room: Room, chance: Chance, holder: str) -> None:
        self._office = office
        self._room = room
        self._chance = chance
        self._holder = holder
        self._woken = asyncio.Event()
        self._ended = asyncio.Event()
        self._in_flight: dict[int, asyncio.Task[None]] = {}
        self._busy: Counter[int] = Counter()
        self._failures: defaultdict[int, int] = defaultdict(int)
        self._tried: list[Tried] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._lease: Lease | None = None
        self._renew_at_s = 0.0
        self._looks = 0
        self.report: Report = lambda _: None

    def start(self, health: Health) -> None:
        """Begin to deliver."""
        for work in (self._look_on(health), self._record_on()):
            self._tasks.append(asyncio.create_task(work, name=LEASE))

    async def stop(self) -> None:
        """End at once: what is under way was perhaps taken, and is sent again under its id."""
        for task in [*self._tasks, *self._in_flight.values()]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._in_flight.values(), return_exceptions=True)
        with suppress(UnavailableError, BusyError):
            await self.record()
            if self._lease is not None:
                await self._office.outbox.release(self._lease)

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    async def look(self) -> None:
        """One look: have webhooks that are behind catch up, and begin what is due and has room."""
        now_ms = self._chance.clock.now_ms()
        deliveries = self._office.deliveries
        for behind in await deliveries.behind():
            await self._catch_up(behind, now_ms)
        due = await deliveries.due(now_ms, self._in_flight.keys(), self._room.per_webhook)
        # Another one is first at each look, so that where there is room for few all get their turn.
        self._looks += 1
        first = self._looks % max(1, len(due))
        for webhook, found in due[first:] + due[:first]:
            room = min(self._room_of(webhook.number), self._room.in_flight - len(self._in_flight))
            await self._begin(webhook, found[: max(0, room)])

    async def record(self) -> None:
        """Record what has ended, in batches; what could not be recorded stays to be."""
        while self._tried:
            batch = self._tried[:RECORDED_AT_ONCE_MAX]
            await self._office.deliveries.record(batch)
            del self._tried[: len(batch)]
            for tried in batch:
                self._forget(tried.delivery)
            self.report(batch)
            _log_batch(batch)

    @property
    def in_flight(self) -> int:
        """How many attempts are under way or wait to be recorded."""
        return len(self._in_flight)

    async def drained(self) -> None:
        """Wait until what is under way has ended, and record it."""
        await asyncio.gather(*self._in_flight.values())
        await self.record()

    async def _look_on(self, health: Health) -> None:
        while True:
            problem = None
            self._woken.clear()
            try:
                if await self._leased():
                    await self.look()
            except (BusyError, UnavailableError) as error:
                _log.info("dispatch put off", reason=str(error))
            except Exception as error:  # noqa: BLE001 - the next look may do better
                problem = f"failed: {str(error) or type(error).__name__}"
                _log.exception("dispatch failed")
            health.report("webhooks", problem)
            await set_or_over(self._woken, self._chance.wait, POLL_S)

    async def _record_on(self) -> None:
        while True:
            await self._ended.wait()
            self._ended.clear()
            try:
                await self.record()
            except (BusyError, UnavailableError) as error:
                _log.info("recording put off", reason=str(error))
                await self._chance.wait(POLL_S)
                self._ended.set()
            self.wake()

    async def _leased(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        if self._lease is not None and now_s < self._renew_at_s:
            return True
        if self._lease is None and not await self._is_needed():
            return False  # where there is nothing to do nothing is written
        outbox = self._office.outbox
        self._lease = await outbox.lease(LEASE, 0, self._holder, int(LEASE_S * 1000))
        self._renew_at_s = now_s + LEASE_S / 2
        return self._lease is not None

    async def _is_needed(self) -> bool:
        """Whether anything waits to be sent, or somebody to catch up."""
        deliveries = self._office.deliveries
        return await deliveries.next_due_ms() is not None or bool(await deliveries.behind())

    def _room_of(self, webhook: int) -> int:
        alone = self._failures[webhook] >= FAILURES_ALONE
        return (1 if alone else self._room.per_webhook) - self._busy[webhook]

    async def _catch_up(self, behind: Behind, now_ms: int) -> None:
        webhook, part, position = behind
        wanted = Wanted(frozenset({webhook.tenant}), frozenset(webhook.kinds), webhook.since)
        piece = await self._office.outbox.read(part, position, wanted, CATCH_UP_ROWS_MAX)
        await self._office.deliveries.catch_up(behind, RELAY, piece, now_ms)
        self.wake()

    async def _begin(self, webhook: Webhook, found: Sequence[Delivery]) -> None:
        """Start to send some deliveries of one webhook."""
        bodies = await self._bodies(found)
        for delivery in found:
            body = bodies.get(delivery.number)
            if body is None:
                self._give_up(delivery)
                continue
            self._busy[webhook.number] += 1
            work = self._attempt(webhook, delivery, body)
            self._in_flight[delivery.number] = asyncio.create_task(work)

    async def _bodies(self, found: Sequence[Delivery]) -> dict[int, bytes]:
        """What each delivery carries, by its number; none for a fact that is gone."""
        bodies = {one.number: one.body for one in found if one.body is not None}
        places = {one.position: one.number for one in found if one.position is not None}
        if places:
            rows = await self._office.outbox.at(sorted(places))
            facts = await self._office.publishing.facts(rows)
            for row, fact in zip(rows, facts, strict=True):
                bodies[places[row.position]] = body_of(fact)
        return bodies

    async def _attempt(self, webhook: Webhook, delivery: Delivery, body: bytes) -> None:
        clock = self._chance.clock
        began_ms = clock.now_ms()
        secrets = decide.live_secrets(webhook, began_ms)
        sent = message(webhook.url, delivery.message, began_ms // 1000, body, secrets)
        result = await self._office.sender.send(sent)
        worked = decide.succeeded(result)
        self._failures[webhook.number] = 0 if worked else self._failures[webhook.number] + 1
        self._note(
            decide.after_attempt(webhook, delivery, result, clock.now_ms(), self._chance.dice())
        )

    def _give_up(self, delivery: Delivery) -> None:
        """End a delivery whose fact is gone: a draft that was deleted."""
        now_ms = self._chance.clock.now_ms()
        attempt = Attempt(at_ms=now_ms, took_ms=0, error="what it was about is gone")
        state = DeliveryState.FAILED
        self._note(Tried(delivery=delivery, attempt=attempt, state=state, due_ms=None))

    def _note(self, tried: Tried) -> None:
        self._tried.append(tried)
        self._ended.set()

    def _forget(self, delivery: Delivery) -> None:
        """A recorded delivery is under way no more."""
        if self._in_flight.pop(delivery.number, None) is not None:
            self._busy[delivery.webhook] -= 1
            if not self._busy[delivery.webhook]:
                del self._busy[delivery.webhook]


def _log_batch(batch: Sequence[Tried]) -> None:
    """A line per batch, and one for each webhook that was disabled in it."""
    states = Counter(tried.state.value for tried in batch)
    _log.info("webhooks", attempts=len(batch), states=dict(states))
    for tried in batch:
        if tried.disable is not None:
            reason = "it answered 410" if tried.disable is Disabled.GONE else "it failed for days"
            _log.warning("webhook disabled", webhook=tried.delivery.webhook, reason=reason)
