"""Jobs in this process."""

from msgspec.structs import replace

from largesse.jobs import decide
from largesse.jobs.errors import JobExistsError
from largesse.jobs.model import LIVE, Job
from largesse.kernel.fact import AuditEntry
from largesse.storage.memory.state import MemoryState


class MemoryJobRecords:
    """See `JobRecords`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def add_job(self, job: Job) -> Job:
        """See `JobRecords`."""
        about = (job.tenant, job.kind, job.subject)
        if job.status in LIVE and about in {(j.tenant, j.kind, j.subject) for j in self._live()}:
            raise JobExistsError
        return self._keep(replace(job, number=self._state.new_number("job")))

    def job(self, tenant: int, job_id: str) -> Job | None:
        """See `JobRecords`."""
        found = (j for j in self._state.jobs.values() if (j.tenant, j.id) == (tenant, job_id))
        return next(found, None)

    def jobs(self, tenant: int, before: int | None, limit: int) -> list[Job]:
        """See `JobRecords`."""
        newest = sorted(self._state.jobs.values(), key=lambda job: -job.number)
        own = [job for job in newest if job.tenant == tenant]
        return [job for job in own if before is None or job.number < before][:limit]

    def live(self, tenant: int) -> int:
        """See `JobRecords`."""
        return sum(job.tenant == tenant for job in self._live())

    def first_free(self, now_ms: int) -> Job | None:
        """See `JobRecords`."""
        return next((job for job in self._live() if decide.is_free(job, now_ms)), None)

    def save(self, job: Job, fence: int) -> bool:
        """See `JobRecords`."""
        known = self._state.jobs.get(job.number)
        if known is None or known.fence != fence:
            return False
        self._keep(job)
        return True

    def ended_before(self, at_ms: int, limit: int) -> list[Job]:
        """See `JobRecords`."""
        return [job for job in self._ended(at_ms) if job.result is not None][:limit]

    def with_files(self) -> set[str]:
        """See `JobRecords`."""
        jobs = self._state.jobs.values()
        return {job.id for job in jobs if job.status in LIVE or job.result is not None}

    def forget(self, before_ms: int, limit: int) -> int:
        """See `JobRecords`."""
        gone = [job for job in self._ended(before_ms) if job.result is None][:limit]
        for job in gone:
            del self._state.jobs[job.number]
        return len(gone)

    def audit(self, entry: AuditEntry) -> None:
        """See `JobRecords`."""
        self._state.audit.append(entry)

    def _keep(self, job: Job) -> Job:
        self._state.jobs[job.number] = job
        return job

    def _live(self) -> list[Job]:
        by_number = sorted(self._state.jobs.values(), key=lambda job: job.number)
        return [job for job in by_number if job.status in LIVE]

    def _ended(self, before_ms: int) -> list[Job]:
        ended = [(job.ended_at_ms, job.number, job) for job in self._state.jobs.values()]
        return [
            job
            for at_ms, _, job in sorted(ended, key=lambda one: (one[0] or 0, one[1]))
            if at_ms is not None and at_ms < before_ms
        ]
