"""Workers and the jobs that they do, on a ledger in this process."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from memory_ledger import memory_world
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, CodeFormat, CodeSource
from largesse.jobs import decide
from largesse.jobs.errors import JobExistsError, JobFailedError, TooManyJobsError
from largesse.jobs.model import ATTEMPTS_MAX, Job, JobStatus
from largesse.jobs.ports import JobRecords
from largesse.jobs.service import JOBS_KEPT_MS, Jobs
from largesse.kernel.errors import BusyError, NotFoundError, UnavailableError
from largesse.kernel.ids import Ids
from largesse.kernel.lease import LeaseLostError
from largesse.kernel.threads import Run
from largesse.pools.generating import Generating
from largesse.pools.model import ExportFormat, PoolStatus, PoolWish
from largesse.pools.service import GENERATE, Exporting, Pools
from largesse.storage.memory.results import MemoryResults
from largesse.testing.factories import (
    NOW_MS,
    BulkWorld,
    a_command,
    a_job,
    a_reward,
    keep_tenant,
    open_campaign,
)
from largesse.workers.jobs import AGAIN_MS, LOOK_S, Worker

LEASE_MS = 10_000
SECRET = b"a secret of thirty-two bytes ..."
RANDOM = CodeFormat(pattern="########-**", source=CodeSource.RANDOM)


def save(job: Job, records: JobRecords) -> Job:
    """Save a job whose worker still has it."""
    assert records.save(job, job.fence)
    return job


@dataclass
class Script:
    """Work that goes as the test says: it holds before each step until it is let on."""

    world: BulkWorld
    jobs: Jobs
    fails: list[Exception] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def do(self, job: Job, run: Run) -> None:
        """Come a unit further with each step."""
        if self.fails:
            raise self.fails.pop(0)
        while job.done < job.total:
            self.reached.set()
            await self.go.wait()
            job = await self.jobs.advance(replace(job, done=job.done + 1))
        ended = decide.finished(job, f"{job.id}.csv", self.world.clock.now_ms())
        await self.world.jobs.write(a_command(), partial(save, ended), Job)

    async def undo(self, job: Job) -> None:
        """Remember that it was asked for."""
        self.undone.append(job.id)
        await self.jobs.undone(job)


@dataclass
class Shop:
    """Jobs over a ledger in memory, and work that the test leads."""

    world: BulkWorld
    jobs: Jobs
    script: Script

    async def add(self, job_id: str = "job_1", **changes: object) -> Job:
        """A job of the scripted kind."""
        job = replace(a_job(job_id, kind="scripted", total=3), **changes)
        done = await self.world.jobs.write(a_command(), lambda records: records.add_job(job), Job)
        return done.answer

    async def job(self, job_id: str = "job_1") -> Job:
        """A job as it stands."""
        return await self.jobs.job(1, job_id)

    async def until(
        self, is_so: Callable[[Job], bool], job_id: str = "job_1", tenant: int = 1
    ) -> Job:
        """The job once something is so of it."""
        while True:
            job = await self.jobs.job(tenant, job_id)
            if is_so(job):
                return job
            await asyncio.sleep(0)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """A worker, at work."""
        worker = Worker(self.jobs, {"scripted": self.script})
        worker.start()
        yield worker
        await worker.stop()


def has_ended(job: Job) -> bool:
    """Whether nothing about it will change."""
    return job.ended_at_ms is not None


@pytest.fixture
async def shop() -> Shop:
    """Open, with a tenant."""
    world = memory_world()
    await keep_tenant(world)
    jobs = Jobs(world.jobs, MemoryResults(10**6), world.clock, LEASE_MS)
    return Shop(world, jobs, Script(world, jobs))


async def test_a_job_is_done(shop: Shop) -> None:
    """Taken, advanced, ended, with its result."""
    await shop.add()
    shop.script.go.set()

    async with shop.worker():
        job = await shop.until(has_ended)

    assert (job.status, job.done, job.result) == (JobStatus.DONE, 3, "job_1.csv")


async def test_a_new_job_wakes_an_idle_worker(shop: Shop) -> None:
    """It does not wait for the next look."""
    shop.script.go.set()
    async with shop.worker() as worker, asyncio.timeout(0.9 * LOOK_S):
        await asyncio.sleep(0)
        await shop.add()
        worker.wake()
        await shop.until(lambda job: job.status is JobStatus.DONE)


async def test_two_workers_on_one_job(shop: Shop) -> None:
    """The one who was silent for longer than his lease is sent away at his next word."""
    await shop.add()
    async with shop.worker():
        await shop.script.reached.wait()
        first = await shop.job()
        shop.world.clock.advance(LEASE_MS)
        second = await shop.jobs.take()

        assert second is not None
        assert second.fence == first.fence + 1
        shop.script.go.set()
        with pytest.raises(LeaseLostError):
            await shop.jobs.advance(replace(first, done=2))
        mine = await shop.jobs.advance(replace(second, done=1))

    assert await shop.job() == mine, "what the first one did after that changed nothing"


async def test_nobody_takes_what_is_leased(shop: Shop) -> None:
    """Until the lease has lapsed."""
    await shop.add()
    assert await shop.jobs.take() is not None
    shop.world.clock.advance(LEASE_MS - 1)
    assert await shop.jobs.take() is None
    shop.world.clock.advance(1)
    assert await shop.jobs.take() is not None


async def test_a_cancelled_job_is_undone(shop: Shop) -> None:
    """Amid its work: the worker loses it, and it is undone."""
    await shop.add()
    async with shop.worker():
        await shop.script.reached.wait()
        cancelled = await shop.jobs.cancel(a_command(), "job_1")
        assert cancelled.answer.status is JobStatus.CANCELLING
        shop.script.go.set()
        job = await shop.until(has_ended)

    assert (job.status, job.errors) == (JobStatus.CANCELLED, ())
    assert shop.script.undone == ["job_1"]


async def test_what_has_ended_cannot_be_cancelled(shop: Shop) -> None:
    """It stays as it is; nobody else's is found."""
    await shop.add()
    shop.script.go.set()
    async with shop.worker():
        done = await shop.until(lambda job: job.status is JobStatus.DONE)

    assert (await shop.jobs.cancel(a_command(), "job_1")).answer == done
    with pytest.raises(NotFoundError):
        await shop.jobs.cancel(a_command(tenant=2), "job_1")


async def test_a_job_that_cannot_be_done_is_undone(shop: Shop) -> None:
    """And says why."""
    await shop.add()
    shop.script.fails = [JobFailedError("the disk is full")]
    async with shop.worker():
        job = await shop.until(has_ended)

    assert (job.status, job.errors) == (JobStatus.FAILED, ("the disk is full",))
    assert shop.script.undone == ["job_1"]


@pytest.mark.parametrize("fault", [BusyError(), UnavailableError(), ZeroDivisionError()])
async def test_a_failing_machinery_puts_a_job_off(shop: Shop, fault: Exception) -> None:
    """It is tried again after a while, from where it was."""
    await shop.add(done=1)
    shop.script.fails = [fault]
    shop.script.go.set()
    async with shop.worker() as worker:
        put_off = await shop.until(lambda job: job.attempts == 1)
        assert put_off.done == 1
        assert put_off.leased_until_ms == NOW_MS + AGAIN_MS
        shop.world.clock.advance(AGAIN_MS)
        worker.wake()
        job = await shop.until(has_ended)

    assert job.status is JobStatus.DONE


async def test_a_job_is_given_up_in_the_end(shop: Shop) -> None:
    """A fault of ours that stays must not be tried for ever."""
    await shop.add(attempts=ATTEMPTS_MAX - 1)
    shop.script.fails = [ZeroDivisionError()]
    async with shop.worker():
        job = await shop.until(has_ended)

    assert (job.status, job.errors) == (JobStatus.FAILED, ("internal error: ZeroDivisionError",))


async def test_results_grow_old(shop: Shop) -> None:
    """Those of old jobs are removed, and files that no job knows; a job that runs keeps its own."""
    results = shop.jobs.results
    for name in ("job_1.csv", "job_2.csv", "job_3.csv"):
        results.write(name, 0).close()
    await shop.add()
    shop.script.go.set()
    async with shop.worker():
        await shop.until(lambda job: job.status is JobStatus.DONE)
    shop.world.clock.advance(1_000)
    await shop.add("job_2")

    assert await shop.jobs.tidy(1_000) == 1
    assert set(results.sizes()) == {"job_1.csv", "job_2.csv"}
    assert await shop.jobs.tidy(999) == 1
    assert set(results.sizes()) == {"job_2.csv"}
    assert (await shop.job()).result is None
    assert await shop.jobs.tidy(999) == 0
    shop.world.clock.advance(JOBS_KEPT_MS)
    await shop.jobs.tidy(999)
    assert [job.id for job in await shop.jobs.jobs(1, None, 9)] == ["job_2"]


# --- what pools make of jobs ---------------------------------------------------------------------


async def a_pools(shop: Shop, jobs_max: int = 5) -> tuple[Pools, Campaign]:
    """Pools, and a campaign of a thousand random codes."""
    ids = Ids(shop.world.clock, os.urandom)
    pools = Pools(shop.world.pools, ids, jobs_max, frozenset({ExportFormat.CSV}))
    campaign = await open_campaign(shop.world, a_reward(quota_total=20_000, code=RANDOM))
    return pools, campaign


def a_wish(campaign: Campaign, count: int) -> PoolWish:
    """So many codes."""
    return PoolWish(campaign_id=campaign.id, reward=None, name="Printer", count=count)


def generating(shop: Shop, dice: Callable[[int], bytes] = os.urandom) -> Worker:
    """A worker who makes random codes."""
    work = Generating(shop.world.pools, shop.jobs, lambda _: SECRET, dice, shop.world.clock)
    return Worker(shop.jobs, {GENERATE: work})


async def test_too_many_jobs_at_once(shop: Shop) -> None:
    """The next is refused, and nothing is set aside for it."""
    pools, campaign = await a_pools(shop, jobs_max=2)
    command = a_command(campaign.tenant)
    for _ in range(2):
        await pools.generate(command, a_wish(campaign, 10))
    with pytest.raises(TooManyJobsError):
        await pools.generate(command, a_wish(campaign, 10))
    assert len(await pools.pools(campaign.tenant, None, 9)) == 2


async def test_one_export_of_a_pool_at_a_time(shop: Shop) -> None:
    """Two at once would be two files of the same codes."""
    pools, campaign = await a_pools(shop)
    command = a_command(campaign.tenant)
    made = await pools.generate(command, a_wish(campaign, 10))
    worker = generating(shop)
    worker.start()
    await shop.until(has_ended, made.answer.id, campaign.tenant)
    await worker.stop()
    await pools.export(command, made.answer.subject, Exporting(ExportFormat.CSV))

    with pytest.raises(JobExistsError):
        await pools.export(command, made.answer.subject, Exporting(ExportFormat.CSV, again=True))


async def test_units_come_back_from_a_cancelled_pool(shop: Shop) -> None:
    """Though some of its codes were made: those are used up, the units are not."""
    pools, campaign = await a_pools(shop)
    command = a_command(campaign.tenant)
    made = (await pools.generate(command, a_wish(campaign, 15_000))).answer
    worker = generating(shop)
    worker.start()
    await shop.until(lambda job: job.done > 0, made.id, campaign.tenant)
    await shop.jobs.cancel(command, made.id)
    worker.wake()
    job = await shop.until(has_ended, made.id, campaign.tenant)
    await worker.stop()

    pool = await pools.pool(campaign.tenant, made.subject)
    [counters] = await shop.world.incentives.counters([campaign.rewards[0].number])
    assert 0 < job.done < 15_000, "it was cancelled before anything, or after everything"
    assert (job.status, pool.status) == (JobStatus.CANCELLED, PoolStatus.DELETED)
    assert counters.reserved == 0
    assert not (await shop.world.incentives.prove(whole=True)).violations


async def test_dice_that_repeat_themselves(shop: Shop) -> None:
    """Codes that exist are drawn anew; where there are only such, the job fails, undone."""
    pools, campaign = await a_pools(shop)
    made = (await pools.generate(a_command(campaign.tenant), a_wish(campaign, 9))).answer
    worker = generating(shop, dice=lambda count: b"\x07" * count)
    worker.start()
    job = await shop.until(has_ended, made.id, campaign.tenant)
    await worker.stop()

    assert job.status is JobStatus.FAILED
    assert 0 < job.done < 9
    assert "nearly all codes" in job.errors[0]
    [counters] = await shop.world.incentives.counters([campaign.rewards[0].number])
    assert counters.reserved == 0
