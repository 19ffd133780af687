"""Promise: a receiver that fails is delivered to all the same, at least once, under one id."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from few_words import Words
from postgres_databases import settings_of
from postgres_ledger import open_ledger as open_postgres
from receiver import LOOPBACK, OK, RESET, SILENCE, Received, Reply, receiving
from sqlite_ledger import opened

from largesse.delivery.reaching import Ways
from largesse.delivery.webhook import WebhookSender
from largesse.issuance.facts import fact_id
from largesse.kernel.health import Health
from largesse.kernel.lease import LeaseLostError
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.deliveries import PostgresDeliveryStore
from largesse.storage.sqlite.deliveries import SQLiteDeliveryStore
from largesse.testing.contracts.outbox import outbox_of, told_of
from largesse.testing.contracts.webhooks import a_webhook, add, deliveries_of, of
from largesse.testing.factories import NOW_MS, World, crowd, open_campaign, settle
from largesse.webhooks.addresses import Allowed
from largesse.webhooks.decide import SCHEDULE_S
from largesse.webhooks.subscription import Subscription
from largesse.workers.dispatch import Chance, Dispatcher, Office, Room
from largesse.workers.relay import Way

FACTS = {"sqlite": 10_000, "postgres": 2_500}
"""Fewer where each attempt is a trip to a server; the page of promises tells of a run with as many.
"""

BATCH = 500
WAITING_MAX = 2_000
FAILING = 0.3
ATTEMPT_S_MAX = 0.4
"""A silent receiver costs so much real time; all other waits are virtual."""

LOOK_S = 0.05
"""So often, in real time, it is looked whether the clock can go on."""

FAILURES = (Reply(500), Reply(429, headers=("retry-after: 60",)), RESET, SILENCE)
OFTEN = (3, 3, 3, 1)
"""How often each of them is met: silence costs real time."""


class Moody:
    """Fails three requests of ten, but never a message so often that it is given up."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.came: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.bodies: dict[str, bytes] = {}
        self.failed: Counter[int] = Counter()
        self.changed = 0

    def __call__(self, received: Received) -> Reply:
        """What a request is answered."""
        message = received.headers["webhook-id"]
        self.came[message] += 1
        self.changed += self.bodies.setdefault(message, received.body) != received.body
        if self.came[message] < len(SCHEDULE_S) and self._dice.random() < FAILING:
            [reply] = self._dice.choices(FAILURES, OFTEN)
            self.failed[reply.status] += 1
            return reply
        self.taken[message] += 1
        return OK


class Stage(NamedTuple):
    """A ledger, and how many facts are to be told of it."""

    world: World
    facts: int


@pytest.fixture(params=["sqlite", "postgres"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """An empty ledger of each kind, and how many facts are to be told of it."""
    facts = FACTS[request.param]
    if request.param == "sqlite":
        path: Path = request.getfixturevalue("tmp_path")
        with opened(path / "largesse.db") as ledger:
            deliveries = SQLiteDeliveryStore(ledger.writer, ledger.readers, WAITING_MAX)
            yield Stage(replace(ledger.world, deliveries=deliveries), facts)
        return
    settings = settings_of(request.getfixturevalue("postgres_url"))
    with closing(PostgresDatabase(settings)) as database:
        there = PostgresDeliveryStore(database, WAITING_MAX)
        yield Stage(replace(open_postgres(database).world, deliveries=there), facts)


@pytest.mark.slow
@pytest.mark.timeout(480)
async def test_a_moody_receiver_gets_everything(
    stage: Stage, dice: random.Random, told: Callable[[str], None]
) -> None:
    """All of them, over real connections, in the virtual time of the schedule."""
    world, facts = stage
    moody = Moody(dice)
    async with receiving(moody) as receiver:
        sender = WebhookSender(Ways(ATTEMPT_S_MAX, 100, Allowed((LOOPBACK,))))
        campaign = await open_campaign(world)
        webhook = await add(world, a_webhook(campaign.tenant, url=receiver.url))
        for batch in range(facts // BATCH):
            await settle(world, *crowd(campaign, BATCH, NOW_MS + batch))
        dispatcher = await delivered(world, sender, dice)
        await sender.close()
    wanted = {fact_id(row) for row in await told_of(world, campaign)}
    kept = await of(world, webhook)

    assert len(wanted) == facts
    assert set(moody.taken) == wanted == set(moody.came)
    assert moody.changed == 0
    assert (kept.waiting, kept.disabled, dispatcher.in_flight) == (0, None, 0)
    attempts = moody.came.total()
    assert 0.25 < moody.failed.total() / attempts < 0.35
    assert all(moody.failed[reply.status] for reply in FAILURES)
    told(
        f"webhooks: {len(moody.taken)} of {facts} delivered in {attempts} attempts, of which "
        f"{dict(moody.failed)} failed by status (0 hung up, -1 silent); ids and bodies stable, "
        f"{moody.taken.total() - facts} came twice"
    )


async def delivered(world: World, sender: WebhookSender, dice: random.Random) -> Dispatcher:
    """Relay and deliver until nothing is left, with the clock at each next due moment."""
    subscription = Subscription(deliveries_of(world), world.clock, int)
    outbox = outbox_of(world)
    ways = [Way(outbox, subscription, part) for part in range(outbox.parts)]
    office = Office(deliveries_of(world), outbox_of(world), Words(), sender)
    chance = Chance(world.clock, dice.random)
    dispatcher = Dispatcher(office, Room(32, 100), chance, "me")
    progress = asyncio.Event()
    dispatcher.report = lambda _: progress.set()
    dispatcher.start(Health())
    while await come_to_what_is_next(world, dispatcher, ways):
        with suppress(TimeoutError):
            await asyncio.wait_for(progress.wait(), LOOK_S)
        progress.clear()
    await dispatcher.stop()
    return dispatcher


async def relay(ways: Iterable[Way]) -> None:
    """Hand on what is there for those who are not behind."""
    for way in ways:
        more = True
        while more:
            with suppress(LeaseLostError):  # a webhook came in again: back to where that was
                more = await way.go("me", BATCH)


async def come_to_what_is_next(world: World, dispatcher: Dispatcher, ways: Iterable[Way]) -> bool:
    """Where nothing is under way, go to the next due moment; whether anything is left."""
    if dispatcher.in_flight:
        return True
    await relay(ways)
    due_ms = await deliveries_of(world).next_due_ms()
    if due_ms is None and not await deliveries_of(world).behind():
        return False
    world.clock.advance(max(0, (due_ms or 0) - world.clock.now_ms()))
    dispatcher.wake()
    return True
