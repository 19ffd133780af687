"""What one can do with jobs: look at them, cancel them, and, as a worker, do them."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from largesse.jobs import decide
from largesse.jobs.model import Job
from largesse.jobs.ports import JobRecords, JobStore, ResultStore
from largesse.kernel.clock import Clock
from largesse.kernel.command import Command, Done
from largesse.kernel.errors import NotFoundError
from largesse.kernel.fact import AuditEntry
from largesse.kernel.lease import LeaseLostError

AT_ONCE = 100
"""Jobs tidied up in one transaction."""

JOBS_KEPT_MS = 30 * 86_400_000
"""An ended job is shown for so long: as long as the key that asked for it is remembered."""

_SYSTEM = "system"


class Taken(Struct, frozen=True):
    """What a worker found to do, if anything."""

    job: Job | None


class Jobs:
    """The jobs of all tenants. `lease_ms` is how long a worker may be silent about one."""

    def __init__(self, store: JobStore, results: ResultStore, clock: Clock, lease_ms: int) -> None:
        self._store = store
        self.results = results
        self._clock = clock
        self._lease_ms = lease_ms

    async def job(self, tenant: int, job_id: str) -> Job:
        """One job; `NotFoundError` for anything else."""
        return await self._store.read(lambda records: _find(records, tenant, job_id))

    async def jobs(self, tenant: int, before: int | None, limit: int) -> list[Job]:
        """A tenant's jobs, newest first, those with a number below `before`."""
        return await self._store.read(lambda records: records.jobs(tenant, before, limit))

    async def cancel(self, command: Command, job_id: str) -> Done[Job]:
        """Stop a job and have it undone. One that has ended stays as it is."""

        def work(records: JobRecords) -> Job:
            before = _find(records, command.tenant, job_id)
            after = decide.cancelled(before)
            if after is not before:
                assert records.save(after, before.fence)
                shown = ({"status": before.status}, {"status": after.status})
                records.audit(AuditEntry.of(command, job_id, *shown))
            return after

        return await self._store.write(command, work, Job)

    async def take(self) -> Job | None:
        """A job for the worker who calls, leased to him; None where nothing is to be done."""
        now_ms = self._clock.now_ms()
        if await self._store.read(lambda records: records.first_free(now_ms)) is None:
            return None

        def work(records: JobRecords) -> Taken:
            found = records.first_free(now_ms)
            if found is None:
                return Taken(None)
            job = decide.taken(found, now_ms + self._lease_ms)
            return Taken(job if records.save(job, found.fence) else None)

        done = await self._store.write(self.command("take"), work, Taken)
        return done.answer.job

    def leased(self, job: Job) -> Job:
        """The job with a lease that begins now, to be saved by its worker."""
        return replace(job, leased_until_ms=self._clock.now_ms() + self._lease_ms)

    async def advance(self, job: Job) -> Job:
        """Keep how far a job has come and go on having it; `LeaseLostError` where it is lost."""
        return await self._change(job, lambda _: self.leased(job))

    async def fail(self, job: Job, error: str) -> Job:
        """Give a job up: what it did is undone next."""
        return await self._change(job, lambda known: decide.failed(known, error))

    async def put_back(self, job: Job, error: str, delay_ms: int) -> Job:
        """Leave a job to be tried again after a while."""
        again_at_ms = self._clock.now_ms() + delay_ms
        return await self._change(job, lambda known: decide.put_back(known, error, again_at_ms))

    async def undone(self, job: Job) -> Job:
        """End a job of which nothing is left."""
        now_ms = self._clock.now_ms()
        return await self._change(job, lambda known: decide.undone(known, now_ms))

    async def tidy(self, kept_ms: int) -> int:
        """Remove results older than so long, and files that no job knows; how many files."""
        now_ms = self._clock.now_ms()
        # The files come first: whoever makes one after this had its job before.
        names = list(self.results.sizes())
        known = await self._store.read(lambda records: records.with_files())
        gone = [name for name in names if name.partition(".")[0] not in known]
        old = await self._store.read(lambda r: r.ended_before(now_ms - kept_ms, AT_ONCE))

        def work(records: JobRecords) -> Taken:
            for job in old:
                records.save(replace(job, result=None), job.fence)
            records.forget(now_ms - JOBS_KEPT_MS, AT_ONCE)
            return Taken(None)

        await self._store.write(self.command("tidy"), work, Taken)
        gone += [job.result for job in old if job.result is not None]
        self.results.remove(gone)
        return len(gone)

    async def _change(self, job: Job, change: Callable[[Job], Job]) -> Job:
        """Save what follows from the job as it is kept; `LeaseLostError` where it is another's."""

        def work(records: JobRecords) -> Job:
            known = records.job(job.tenant, job.id)
            if known is None or known.fence != job.fence:
                raise LeaseLostError
            after = change(known)
            assert records.save(after, job.fence)
            return after

        return (await self._store.write(self.command("work"), work, Job)).answer

    def command(self, operation: str) -> Command:
        """The envelope of what workers write: it has no key, and belongs to no tenant."""
        now_ms = self._clock.now_ms()
        return Command(
            tenant=0, actor=_SYSTEM, operation=operation, now_ms=now_ms, machine_ms=now_ms
        )


def _find(records: JobRecords, tenant: int, job_id: str) -> Job:
    job = records.job(tenant, job_id)
    if job is None:
        message = f"there is no job {job_id!r} here"
        raise NotFoundError(message)
    return job
