"""Stores with a mistake, each of which the contract must notice."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from memory_ledger import memory_world

from largesse.issuance.model import Settled, Wish
from largesse.jobs.model import Job
from largesse.kernel.command import Answer, Command, Done
from largesse.storage.memory.issuance import MemoryIncentiveStore
from largesse.storage.memory.jobs import MemoryJobRecords
from largesse.storage.memory.ledger import MemoryLedgerRecords
from largesse.storage.memory.state import MemoryState
from largesse.storage.memory.transactions import MemoryTransactions
from largesse.testing.contracts import jobs
from largesse.testing.contracts.issuance import UNITS, serials_won_in_a_race
from largesse.testing.contracts.ledger import issued_in
from largesse.testing.contracts.redemption import tills_that_win
from largesse.testing.factories import a_job, a_reward, a_wish, open_campaign, settle_one


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


class RacyTransactions(MemoryTransactions[MemoryLedgerRecords]):
    """Looks at a coupon, waits, then goes by what it saw."""

    async def write(
        self,
        command: Command,
        work: Callable[[MemoryLedgerRecords], Answer],
        answers: type[Answer],
    ) -> Done[Answer]:
        """Forget what others have done meanwhile."""
        seen = dict(self._state.entries)
        await asyncio.sleep(0)
        self._state.entries = seen
        return await super().write(command, work, answers)


async def test_the_race_catches_a_coupon_used_twice() -> None:
    """Were it not caught, the race of the contract would prove nothing."""
    state = MemoryState()
    world = memory_world(state)
    racy = RacyTransactions(state, MemoryLedgerRecords, lambda _: None)
    campaign = await open_campaign(world)
    settled = await settle_one(world, a_wish(campaign))

    assert await tills_that_win(racy, issued_in(settled)) > 1


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
