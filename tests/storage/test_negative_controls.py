"""Stores with a mistake, each of which the contract must notice."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from memory_ledger import memory_world

from largesse.issuance.model import LedgerEntry, Settled, Wish
from largesse.jobs.model import Job
from largesse.kernel.outcome import Outcome
from largesse.redemption.model import RedemptionSettled, RedemptionWish
from largesse.storage.memory.issuance import MemoryIncentiveStore
from largesse.storage.memory.jobs import MemoryJobRecords
from largesse.storage.memory.redemptions import MemoryRedemptionStore
from largesse.storage.memory.state import MemoryState
from largesse.storage.memory.transactions import MemoryTransactions
from largesse.testing.contracts import jobs
from largesse.testing.contracts.issuance import UNITS, serials_won_in_a_race
from largesse.testing.contracts.ledger import place_of
from largesse.testing.contracts.redemption import TILLS, a_coupon, a_use, race
from largesse.testing.factories import a_job, a_reward, open_campaign


class RacyIncentiveStore(MemoryIncentiveStore):
    """Reads the stock, waits, then goes by what it read: the classic lost update."""

    async def settle(self, wishes: Sequence[Wish]) -> list[Settled]:
        """Sell what others have sold meanwhile."""
        read = dict(self._state.counters)
        await asyncio.sleep(0)
        self._state.counters = read
        return await super().settle(wishes)


async def test_the_race_catches_a_racy_store() -> None:
    """Were it not caught, the race of the contract would prove nothing."""
    state = MemoryState()
    world = memory_world(state)
    racy = RacyIncentiveStore(state, world.codes, world.clock)
    campaign = await open_campaign(world, a_reward(quota_total=UNITS))

    won = await serials_won_in_a_race(racy, campaign)

    assert len(won) > UNITS
    assert len({*won}) < len(won)
    assert (await racy.prove(whole=True)).violations


class RacyRedemptionStore(MemoryRedemptionStore):
    """Looks at a coupon, waits, then goes by what it saw."""

    async def settle(self, wishes: Sequence[RedemptionWish]) -> list[RedemptionSettled]:
        """Forget what others have done meanwhile."""
        seen, bound = dict(self._state.entries), dict(self._state.answers)
        await asyncio.sleep(0)
        self._state.entries, self._state.answers = seen, bound
        return await super().settle(wishes)


async def test_the_race_catches_a_coupon_used_twice() -> None:
    """Were it not caught, the races of the contract would prove nothing."""
    state = MemoryState()
    world = memory_world(state)
    racy = RacyRedemptionStore(state)
    issued = await a_coupon(world)
    for keys in ([f"{n}" for n in range(TILLS)], ["k"] * TILLS):
        state.entries[place_of(issued)] = LedgerEntry(issued)
        settled = await race(racy, [a_use(issued, key=key) for key in keys])
        assert sum(one.outcome is Outcome.REDEEMED and not one.replayed for one in settled) > 1


class FencelessJobRecords(MemoryJobRecords):
    """Saves a job whoever has it: the lost lease that the fence is there for."""

    def save(self, job: Job, fence: int) -> bool:
        """Save it over whatever is kept."""
        self._keep(job)
        return True


async def test_the_race_catches_jobs_without_a_fence() -> None:
    """Were it not caught, the race of the contract would prove nothing."""
    state = MemoryState()
    world = replace(
        memory_world(state),
        jobs=MemoryTransactions(state, FencelessJobRecords, lambda _: None),
    )
    job = await jobs.keep(world, a_job())

    assert await jobs.workers_that_win(world, job, jobs.save) > 1
