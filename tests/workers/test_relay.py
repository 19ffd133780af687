"""The relay: in order, under one holder, killed anywhere; repeats happen, losses never."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from memory_ledger import memory_world

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Piece, Told, Wanted
from largesse.issuance.ports import OutboxStore
from largesse.kernel.errors import BusyError
from largesse.kernel.fact import START, FactKind, Position
from largesse.kernel.health import Health
from largesse.kernel.lease import Lease, LeaseLostError
from largesse.storage.memory.outbox import MemoryOutboxStore
from largesse.storage.memory.state import MemoryState
from largesse.testing.contracts.outbox import all_told, hold_against_a_latecomer, outbox_of
from largesse.testing.factories import World, a_reward, crowd, open_campaign, settle
from largesse.workers import relay as relays
from largesse.workers.bell import PAUSE_S
from largesse.workers.relay import QUIET_PAUSE_S_MAX, Pace, Relay, Way

UNITS = 12
PIECE = 5
HOLDER = "a process"


class KilledError(Exception):
    """The process ends here."""


class Mortal:
    """A store that is killed before or after its n-th call; what it did before stays done."""

    def __init__(self, store: OutboxStore, calls: int, *, after: bool) -> None:
        self._store = store
        self._calls = calls
        self._after = after

    @property
    def parts(self) -> int:
        """As the store's."""
        return self._store.parts

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """A call, which may be the last."""
        method = getattr(self._store, name)

        async def call(*arguments: object) -> object:
            self._calls -= 1
            if self._calls == 0 and not self._after:
                raise KilledError
            answer = await method(*arguments)
            if self._calls == 0:
                raise KilledError
            return answer

        return call


class Recorder:
    """A subscriber that writes down what it hears, and notes the position after that."""

    name = "recorder"

    def __init__(self, store: OutboxStore, heard: list[Told], tenant: int) -> None:
        self._store = store
        self.heard = heard
        self._tenant = tenant
        self.busy = False
        self.complete = asyncio.Event()

    async def wanted(self, part: int) -> Wanted | None:
        """Everything."""
        return Wanted(frozenset({self._tenant}), frozenset(FactKind), START)

    async def take(self, lease: Lease, piece: Piece) -> None:
        """The effect first: a kill between the two makes a repeat."""
        if self.busy:
            raise BusyError
        self.heard += piece.rows
        await self._store.keep(lease, piece.upto)
        if len({row.position for row in self.heard}) == UNITS + 1:
            self.complete.set()


async def sold_out(world: World) -> Campaign:
    """A campaign that has issued all its units: as many facts, and one of the stock."""
    campaign = await open_campaign(world, a_reward(quota_total=UNITS))
    await settle(world, *crowd(campaign, UNITS))
    return campaign


async def every_fact(world: World, campaign: Campaign) -> list[Told]:
    """What there is to hear."""
    wanted = Wanted(frozenset({campaign.tenant}), frozenset(FactKind), START)
    return await all_told(outbox_of(world), wanted)


async def run_through(store: OutboxStore, recorder: Recorder) -> None:
    """Go to the end of each part."""
    for part in range(store.parts):
        way = Way(store, recorder, part)
        while await way.go(HOLDER, PIECE):
            pass


async def losses(store: OutboxStore, told: Sequence[Told]) -> list[tuple[int, bool]]:
    """At which kills something was lost or came in disorder, when the next process went on.

    The same process is killed again and again, each time one call later, until it lives through.
    """
    lost = []
    for after in (False, True):
        for calls in range(1, 200):
            tenant = told[0].tenant
            heard: list[Told] = []
            mortal: Any = Mortal(store, calls, after=after)
            try:
                await run_through(mortal, Recorder(mortal, heard, tenant))
                lived = True
            except KilledError:
                lived = False
            await run_through(store, Recorder(store, heard, tenant))
            if list(dict.fromkeys(row.position for row in heard)) != [row.position for row in told]:
                lost.append((calls, after))
            await rewind(store)
            if lived:
                break
        else:
            pytest.fail("it never lived through")
    return lost


async def rewind(store: OutboxStore) -> None:
    """Put all positions back to the start."""
    for part in range(store.parts):
        lease = await store.lease(Recorder.name, part, HOLDER, 1_000)
        assert lease is not None
        await store.keep(lease, START)
        await store.release(lease)


async def test_a_kill_anywhere_loses_nothing() -> None:
    """Before and after each call to the store; what comes twice keeps its order."""
    world = memory_world()
    campaign = await sold_out(world)
    told = await every_fact(world, campaign)
    assert len(told) == UNITS + 1

    assert await losses(outbox_of(world), told) == []


class HastyStore(MemoryOutboxStore):
    """Notes a piece as taken when it is read: publish after the position, and hope."""

    async def read(self, part: int, after: Position, wanted: Wanted, limit: int) -> Piece:
        """Read, and note it at once."""
        piece = await super().read(part, after, wanted, limit)
        lease = await self.lease(Recorder.name, part, HOLDER, 1_000)
        assert lease is not None
        await self.keep(lease, piece.upto)
        return piece


async def test_a_relay_that_hopes_is_caught() -> None:
    """Negative control: were its losses not seen, the kills would prove nothing."""
    state = MemoryState()
    world = memory_world(state)
    campaign = await sold_out(world)
    told = await every_fact(world, campaign)

    assert await losses(HastyStore(state, world.clock, parts=3), told)


class TrustingStore(MemoryOutboxStore):
    """Takes a position from anybody who ever had the lease."""

    async def keep(self, lease: Lease, position: Position) -> None:
        """Keep it, whatever the token."""
        kept = self._state.leases[lease.name, lease.part]
        self._state.leases[lease.name, lease.part] = kept._replace(position=position)


async def test_a_store_without_fencing_is_caught() -> None:
    """Negative control of the contract."""
    state = MemoryState()
    world = memory_world(state)
    with pytest.raises(pytest.fail.Exception):
        await hold_against_a_latecomer(world, TrustingStore(state, world.clock))


async def test_two_processes_take_turns() -> None:
    """The second does nothing while the first has the lease, and goes on where that one stopped."""
    world = memory_world()
    campaign = await sold_out(world)
    told = await every_fact(world, campaign)
    store = outbox_of(world)
    heard: list[Told] = []
    recorder = Recorder(store, heard, campaign.tenant)
    part = campaign.number % store.parts
    mine, yours = Way(store, recorder, part), Way(store, recorder, part)

    assert await mine.go("me", PIECE)
    assert not await yours.go("you", PIECE)
    assert heard == told[:PIECE]
    world.clock.advance(int(relays.LEASE_S * 1000))
    assert await yours.go("you", PIECE)
    with pytest.raises(LeaseLostError):
        await mine.go("me", PIECE)
    await yours.go("you", PIECE)

    assert list(dict.fromkeys(heard)) == told


async def test_who_comes_amid_a_round_hears_all() -> None:
    """What is wanted is asked before the read, and may have grown when that is done."""
    world = memory_world()
    campaign = await sold_out(world)
    store = outbox_of(world)

    class Late(Recorder):
        nobody = True

        async def wanted(self, part: int) -> Wanted | None:
            """The first time another tenant's facts, later everything."""
            every = await super().wanted(part)
            if every is None or not self.nobody:
                return every
            self.nobody = False
            return every._replace(tenants=frozenset({campaign.tenant + 1}))

    recorder = Late(store, [], campaign.tenant)
    way = Way(store, recorder, campaign.number % store.parts)
    while await way.go(HOLDER, 100):
        pass

    assert recorder.heard == await every_fact(world, campaign)


async def test_facts_arrive_by_the_bell() -> None:
    """A running relay hears of what is written later, and stops when it is told to."""
    world = memory_world()
    campaign = await open_campaign(world, a_reward(quota_total=UNITS))
    store, health = outbox_of(world), Health()
    recorder = Recorder(store, [], campaign.tenant)
    relay = Relay(store, Pace(rows_max=PIECE, poll_s=60), HOLDER)
    relay.start([recorder], health)
    await settle(world, *crowd(campaign, UNITS))
    relay.ring()
    await asyncio.wait_for(recorder.complete.wait(), 10)
    await relay.stop()
    assert recorder.heard == await every_fact(world, campaign)
    assert health.problems == {}
    assert await store.lease(recorder.name, 0, "the next process", 1_000) is not None


async def test_where_nothing_happens_it_looks_less_often() -> None:
    """However often the bell rings for others; and as often as ever once something has happened."""
    world = memory_world()
    campaign = await open_campaign(world, a_reward(quota_total=UNITS))
    store = outbox_of(world)
    way = Way(store, Recorder(store, [], campaign.tenant), campaign.number % store.parts)
    pauses_s = []
    for _ in range(6):
        while await way.go(HOLDER, 100):
            pass
        pauses_s.append(way.pause_s)
    assert pauses_s[-1] == pauses_s[-2] == QUIET_PAUSE_S_MAX
    assert pauses_s == sorted(pauses_s)

    await settle(world, *crowd(campaign, UNITS))
    await way.go(HOLDER, 100)

    assert way.pause_s == PAUSE_S


async def test_a_subscriber_that_is_full_is_asked_again() -> None:
    """Nothing is dropped, and nobody is told that something is wrong."""
    world = memory_world()
    campaign = await sold_out(world)
    store, health = outbox_of(world), Health()
    recorder = Recorder(store, [], campaign.tenant)
    recorder.busy = True
    asked = asyncio.Event()

    async def wait(_: float) -> None:
        asked.set()
        await asyncio.sleep(0)

    relay = Relay(store, Pace(rows_max=PIECE, poll_s=0.01), HOLDER, wait)
    relay.start([recorder], health)
    await asked.wait()
    assert health.problems == {}
    recorder.busy = False
    await asyncio.wait_for(recorder.complete.wait(), 10)
    await relay.stop()


async def test_a_failing_subscriber_is_told_of() -> None:
    """By `/readyz`, until a round ends well."""
    world = memory_world()
    campaign = await sold_out(world)
    store, health = outbox_of(world), Health()
    found = asyncio.Event()

    class Broken(Recorder):
        async def take(self, lease: Lease, piece: Piece) -> None:
            """Fail the first time."""
            if found.is_set():
                await super().take(lease, piece)
                return
            found.set()
            raise ZeroDivisionError

    recorder = Broken(store, [], campaign.tenant)

    async def wait(_: float) -> None:
        if not found.is_set() or "relay" in health.problems:
            problems.append(health.problems)
        await asyncio.sleep(0)

    problems: list[dict[str, str]] = []
    relay = Relay(store, Pace(rows_max=100, poll_s=0.01), HOLDER, wait)
    relay.start([recorder], health)
    await asyncio.wait_for(recorder.complete.wait(), 10)
    await relay.stop()
    assert {"relay": "failed: ZeroDivisionError"} in problems
