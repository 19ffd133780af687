"""The behaviour that every `JobStore` shares."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from msgspec import Struct
from msgspec.structs import replace

from largesse.jobs import decide
from largesse.jobs.errors import JobExistsError
from largesse.jobs.model import Job, JobStatus
from largesse.jobs.ports import JobRecords
from largesse.testing.factories import (
    HOUR_MS,
    NOW_MS,
    BulkWorld,
    a_command,
    a_job,
    a_tenant,
    keep_tenant,
)

T = TypeVar("T")

WORKERS = 8


class _Answer(Struct):
    saved: bool


class JobStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_a_job_is_kept_whole(self, world: BulkWorld) -> None:
        """Every field of it, found by its id within its tenant."""
        job = await keep(
            world,
            a_job(
                content={"format": "csv", "가": [1]},
                done=3,
                state={"bytes": 2**40},
                errors=("one", "two"),
                fence=7,
            ),
        )

        assert job.number > 0
        assert await look(world, lambda records: records.job(1, "job_1")) == job
        assert await look(world, lambda records: records.job(2, "job_1")) is None

    async def test_lists_are_newest_first(self, world: BulkWorld) -> None:
        """A tenant's own, in pieces."""
        first, second = [await keep(world, a_job(name)) for name in ("job_1", "job_2")]
        await keep(world, a_job("job_3", tenant=2))

        assert await look(world, lambda records: records.jobs(1, None, 5)) == [second, first]
        assert await look(world, lambda records: records.jobs(1, second.number, 5)) == [first]
        assert await look(world, lambda records: records.live(1)) == 2

    async def test_one_live_job_of_a_kind_is_about_a_thing(self, world: BulkWorld) -> None:
        """Another one may be there once the first has ended, or about something else."""
        job = await keep(world, a_job(subject="pool_1"))
        with pytest.raises(JobExistsError):
            await keep(world, a_job("job_2", subject="pool_1"))
        await keep(world, a_job("job_3", subject="pool_1", kind="codes.generate"))

        await save(world, decide.undone(decide.failed(job, "x"), NOW_MS), job.fence)

        await keep(world, a_job("job_4", subject="pool_1"))

    async def test_the_oldest_free_job_comes_first(self, world: BulkWorld) -> None:
        """A leased one is not free before its lease has lapsed, an ended one never."""
        first, second = [await keep(world, a_job(name)) for name in ("job_1", "job_2")]
        assert await free(world, NOW_MS) == first

        await save(world, decide.taken(first, NOW_MS + 10), first.fence)
        assert await free(world, NOW_MS + 9) == second
        await save(world, decide.finished(second, None, NOW_MS), second.fence)
        assert await free(world, NOW_MS + 9) is None
        lapsed = await free(world, NOW_MS + 10)
        assert lapsed is not None
        assert (lapsed.id, lapsed.status) == ("job_1", JobStatus.RUNNING)

    async def test_whoever_lost_the_fence_changes_nothing(self, world: BulkWorld) -> None:
        """A worker that was silent for too long, or whose job was cancelled."""
        job = await keep(world, a_job())
        mine = decide.taken(job, NOW_MS + 10)
        assert await save(world, mine, job.fence)
        theirs = decide.taken(mine, NOW_MS + 20)
        assert await save(world, theirs, mine.fence)

        assert not await save(world, replace(mine, done=9), mine.fence)

        assert await look(world, lambda records: records.job(1, "job_1")) == theirs
        assert not await save(world, replace(theirs, number=999), theirs.fence)

    async def test_of_many_workers_one_has_a_job(self, world: BulkWorld) -> None:
        """However close together they reach for it."""
        job = await keep(world, a_job())

        won = await workers_that_win(world, job, save)

        assert won == 1

    async def test_old_results_and_old_jobs_are_found(self, world: BulkWorld) -> None:
        """By the time of their end; those that live never are."""
        jobs = [await keep(world, a_job(f"job_{number}")) for number in range(4)]
        for number, job in enumerate(jobs[:3]):
            result = None if number == 2 else f"{job.id}.csv"
            await save(world, decide.finished(job, result, NOW_MS + number), job.fence)

        files = await look(world, lambda records: records.with_files())
        assert files == {"job_0", "job_1", "job_3"}
        old = await look(world, lambda records: records.ended_before(NOW_MS + 1, 9))
        assert [job.id for job in old] == ["job_0"]
        assert await change(world, lambda records: records.forget(NOW_MS + HOUR_MS, 9)) == 1
        left = await look(world, lambda records: records.jobs(1, None, 9))
        assert [job.id for job in left] == ["job_3", "job_1", "job_0"]


async def workers_that_win(world: BulkWorld, job: Job, write: Callable[..., Any]) -> int:
    """How many of some workers, who all saw a job free, could take it."""
    taken = decide.taken(job, NOW_MS + 10)
    took = await asyncio.gather(*(write(world, taken, job.fence) for _ in range(WORKERS)))
    return sum(took)


async def keep(world: BulkWorld, job: Job) -> Job:
    """Keep a new job, of a tenant that is there."""
    if not await world.tenants.read(lambda records: records.tenants(0, 1)):
        await keep_tenant(world)
        await keep_tenant(world, a_tenant("beta"))
    done = await world.jobs.write(a_command(0), lambda records: records.add_job(job), Job)
    return done.answer


async def save(world: BulkWorld, job: Job, fence: int) -> bool:
    """Keep a changed job where the fence is this one; whether it was."""
    return bool(await change(world, lambda records: records.save(job, fence)))


async def free(world: BulkWorld, now_ms: int) -> Job | None:
    """The job to be taken at a moment."""
    return await look(world, lambda records: records.first_free(now_ms))


async def look(world: BulkWorld, work: Callable[[JobRecords], T]) -> T:
    """Read."""
    return await world.jobs.read(work)


async def change(world: BulkWorld, work: Callable[[JobRecords], Any]) -> Any:  # noqa: ANN401 — whatever the work returns
    """Change."""
    return (await world.jobs.write(a_command(0), work, _Answer)).answer
