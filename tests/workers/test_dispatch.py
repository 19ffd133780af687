"""The dispatcher: each webhook at its own pace, and nothing lost whatever its receiver does."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from few_words import Words
from memory_ledger import memory_world

from largesse.issuance.facts import fact_id
from largesse.kernel.errors import UnavailableError
from largesse.kernel.health import Health
from largesse.storage.memory.state import MemoryState
from largesse.storage.memory.webhooks import MemoryDeliveryStore
from largesse.testing.contracts.outbox import outbox_of, tell, told_of
from largesse.testing.contracts.webhooks import (
    a_webhook,
    add,
    add_ping,
    change,
    deliveries_of,
    listed,
    of,
    off,
    relay,
)
from largesse.testing.factories import (
    NOW_MS,
    WAITING_MAX,
    World,
    a_command,
    crowd,
    keep_tenant,
    open_campaign,
    settle,
)
from largesse.webhooks.decide import SCHEDULE_S
from largesse.webhooks.message import Message
from largesse.webhooks.model import DeliveryState, Disabled, Result, Tried
from largesse.workers.dispatch import FAILURES_ALONE, Chance, Dispatcher, Office, Room

PER_WEBHOOK = 2


class Receivers:
    """Sends nothing anywhere: `answer` says what a receiver says, by its address."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.answer: Callable[[Message], int] = lambda _: 200
        self.silent: set[str] = set()
        self.open: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def send(self, message: Message) -> Result:
        """Answer, or never do."""
        self.sent.append(message)
        self.open[message.url] += 1
        self.most[message.url] = max(self.most[message.url], self.open[message.url])
        try:
            if message.url in self.silent:
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            return Result(took_ms=1, status=self.answer(message))
        finally:
            self.open[message.url] -= 1

    def ids(self, url: str) -> list[str]:
        """The messages that went to an address, in their order."""
        every = [dict(one.headers)[b"webhook-id"] for one in self.sent if one.url == url]
        return [one.decode() for one in every]


def dispatcher_of(world: World, receivers: Receivers, in_flight: int = 100) -> Dispatcher:
    """A dispatcher on a world, whose dice always fall on 0."""
    office = Office(deliveries_of(world), outbox_of(world), Words(), receivers)
    return Dispatcher(office, Room(PER_WEBHOOK, in_flight), Chance(world.clock, lambda: 0.0), "me")


async def to_the_end(dispatcher: Dispatcher) -> None:
    """Look, send and record until nothing is due."""
    while True:
        await dispatcher.look()
        more = dispatcher.in_flight > 0
        await dispatcher.drained()
        if not more:
            return


async def test_everything_is_sent() -> None:
    """With its body and the id of its fact, in rounds of as many as there is room for."""
    world, receivers = memory_world(), Receivers()
    campaign = await open_campaign(world)
    webhook = await add(world, a_webhook(campaign.tenant))
    await settle(world, *crowd(campaign, 5))
    await relay(world, campaign)

    await to_the_end(dispatcher_of(world, receivers))

    told = await told_of(world, campaign)
    assert receivers.ids(webhook.url) == [fact_id(row) for row in told]
    assert receivers.most[webhook.url] == PER_WEBHOOK
    assert receivers.sent[0].body == (
        b'{"type":"incentive.issued","timestamp":"2026-12-01T12:00:00.000Z","data":{"serial":1}}'
    )
    assert {one.state for one in await listed(world, webhook, None, None, 9)} == {
        DeliveryState.DELIVERED
    }


async def test_a_dead_receiver_holds_up_nobody() -> None:
    """It fills its own room; the others get all of theirs."""
    world, receivers = memory_world(), Receivers()
    tenant = await keep_tenant(world)
    dead = await add(world, a_webhook(tenant.number, "wh_dead", url="https://dead.example"))
    well = await add(world, a_webhook(tenant.number, "wh_well", url="https://well.example"))
    receivers.silent.add(dead.url)
    for number in range(6):
        for webhook in (dead, well):
            await add_ping(world, webhook, f"msg_{number}")
    dispatcher = dispatcher_of(world, receivers, in_flight=3)
    dispatcher.start(Health())

    delivered = asyncio.Event()
    done: list[Tried] = []

    def report(tried: Sequence[Tried]) -> None:
        done.extend(tried)
        if len(done) == 6:
            delivered.set()

    dispatcher.report = report
    await asyncio.wait_for(delivered.wait(), 10)
    await dispatcher.stop()

    assert receivers.ids(well.url) == [f"msg_{number}" for number in range(6)]
    assert len(receivers.ids(dead.url)) == PER_WEBHOOK
    assert len(await listed(world, dead, DeliveryState.WAITING, None, 9)) == 6


async def test_the_schedule_is_kept() -> None:
    """Not a millisecond early; under one id, with one body; then it is given up."""
    world, receivers = memory_world(), Receivers()
    tenant = await keep_tenant(world)
    webhook = await add(world, a_webhook(tenant.number))
    await add_ping(world, webhook, "msg_1")
    receivers.answer = lambda _: 500
    dispatcher = dispatcher_of(world, receivers)

    for attempt, wait_s in enumerate(SCHEDULE_S, start=1):
        if wait_s:
            world.clock.advance(wait_s * 1000 - 1)
            await to_the_end(dispatcher)
            assert len(receivers.sent) == attempt - 1
            world.clock.advance(1)
        await to_the_end(dispatcher)
        assert len(receivers.sent) == attempt

    [failed] = await listed(world, webhook, None, None, 9)
    assert (failed.state, len(failed.attempts)) == (DeliveryState.FAILED, len(SCHEDULE_S))
    assert set(receivers.ids(webhook.url)) == {"msg_1"}
    kept = await of(world, webhook)
    assert (kept.disabled, kept.waiting) == (Disabled.FAILING, 0)


async def test_410_ends_it() -> None:
    """At once, and what waits is not sent."""
    world, receivers = memory_world(), Receivers()
    tenant = await keep_tenant(world)
    webhook = await add(world, a_webhook(tenant.number))
    for number in range(5):
        await add_ping(world, webhook, f"msg_{number}")
    receivers.answer = lambda _: 410

    await to_the_end(dispatcher_of(world, receivers))

    assert (await of(world, webhook)).disabled is Disabled.GONE
    assert len(receivers.sent) == PER_WEBHOOK


async def test_a_receiver_that_fails_is_tried_alone() -> None:
    """One message at a time, until it takes one."""
    world, receivers = memory_world(), Receivers()
    tenant = await keep_tenant(world)
    webhook = await add(world, a_webhook(tenant.number))
    for number in range(FAILURES_ALONE + 3):
        await add_ping(world, webhook, f"msg_{number}")
    receivers.answer = lambda _: 503
    dispatcher = dispatcher_of(world, receivers)
    await to_the_end(dispatcher)
    assert receivers.most[webhook.url] == PER_WEBHOOK
    receivers.most.clear()
    world.clock.advance(SCHEDULE_S[1] * 1000)
    await to_the_end(dispatcher)
    assert receivers.most[webhook.url] == 1

    receivers.answer = lambda _: 200
    world.clock.advance(SCHEDULE_S[2] * 1000)
    await to_the_end(dispatcher)
    assert receivers.most[webhook.url] == PER_WEBHOOK


async def test_who_was_disabled_catches_up() -> None:
    """In pieces that fit, in the order of the facts."""
    world, receivers = memory_world(), Receivers()
    campaign = await open_campaign(world)
    webhook = await add(world, a_webhook(campaign.tenant))
    await change(world, lambda records: records.save_webhook(off(webhook)))
    await settle(world, *crowd(campaign, 3 * WAITING_MAX))
    await relay(world, campaign)
    dispatcher = dispatcher_of(world, receivers)
    await to_the_end(dispatcher)
    assert receivers.sent == []

    await change(world, lambda records: records.save_webhook(webhook))
    await to_the_end(dispatcher)

    told = await told_of(world, campaign)
    assert receivers.ids(webhook.url) == [fact_id(row) for row in told]


class FullDisk(MemoryDeliveryStore):
    """A store that can record nothing while its disk is full."""

    full = True

    async def record(self, tried: Sequence[Tried]) -> int:
        """Refuse, or record."""
        if self.full:
            raise UnavailableError
        return await super().record(tried)


async def test_what_could_not_be_recorded_is_recorded_later() -> None:
    """The message is not sent again for that."""
    state = MemoryState()
    world, receivers = memory_world(state), Receivers()
    tenant = await keep_tenant(world)
    webhook = await add(world, a_webhook(tenant.number))
    await add_ping(world, webhook, "msg_1")
    disk = FullDisk(state, WAITING_MAX)
    dispatcher = dispatcher_of(replace(world, deliveries=disk), receivers)
    await dispatcher.look()
    with pytest.raises(UnavailableError):
        await dispatcher.drained()
    disk.full = False
    await to_the_end(dispatcher)

    assert len(receivers.sent) == 1
    [delivered] = await listed(world, webhook, None, None, 9)
    assert delivered.state is DeliveryState.DELIVERED


async def test_a_stop_amid_an_attempt_sends_it_again() -> None:
    """By the next process, under the same id: at least once."""
    world, receivers = memory_world(), Receivers()
    tenant = await keep_tenant(world)
    webhook = await add(world, a_webhook(tenant.number))
    await add_ping(world, webhook, "msg_1")
    receivers.silent.add(webhook.url)
    first = dispatcher_of(world, receivers)
    await first.look()
    await asyncio.sleep(0)
    assert len(receivers.sent) == 1
    await first.stop()

    receivers.silent.clear()
    await to_the_end(dispatcher_of(world, receivers))

    assert receivers.ids(webhook.url) == ["msg_1", "msg_1"]


async def test_a_fact_that_is_gone_is_given_up() -> None:
    """A draft was deleted before anybody was told of it."""
    world, receivers = memory_world(), Receivers()
    campaign = await open_campaign(world)
    webhook = await add(world, a_webhook(campaign.tenant))
    await tell(world, campaign, NOW_MS)
    await relay(world, campaign)
    await world.campaigns.write(
        a_command(campaign.tenant),
        lambda records: records.remove_campaign(campaign),
        type(None),
    )

    await to_the_end(dispatcher_of(world, receivers))

    assert receivers.sent == []
    [failed] = await listed(world, webhook, None, None, 9)
    assert failed.state is DeliveryState.FAILED
    assert failed.attempts[0].error == "what it was about is gone"
