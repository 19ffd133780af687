"""The rules of jobs: who may take one, what a cancellation and a failure make of it."""

from msgspec.structs import replace

from largesse.jobs.model import ATTEMPTS_MAX, ERRORS_MAX, LIVE, Job, JobStatus


def is_free(job: Job, now_ms: int) -> bool:
    """Whether a worker may take a job: there is something to do, and nobody has it."""
    return job.status in LIVE and job.leased_until_ms <= now_ms


def taken(job: Job, until_ms: int) -> Job:
    """The job in the hands of a worker; earlier workers' fences are void."""
    status = JobStatus.RUNNING if job.status is JobStatus.QUEUED else job.status
    return replace(job, status=status, fence=job.fence + 1, leased_until_ms=until_ms)


def cancelled(job: Job) -> Job:
    """The job after a wish to cancel it: its worker is sent away, the rest is undone at once."""
    if job.status not in (JobStatus.QUEUED, JobStatus.RUNNING):
        return job
    return replace(job, status=JobStatus.CANCELLING, fence=job.fence + 1, leased_until_ms=0)


def put_back(job: Job, error: str, again_at_ms: int) -> Job:
    """The job after the machinery failed it: to be tried again, but not for ever."""
    if job.attempts + 1 >= ATTEMPTS_MAX and job.status is not JobStatus.CANCELLING:
        return failed(job, error)
    return replace(job, attempts=job.attempts + 1, leased_until_ms=again_at_ms)


def failed(job: Job, error: str) -> Job:
    """The job after an error that trying again would not mend: what it did is to be undone."""
    errors = (*job.errors, error)[:ERRORS_MAX]
    return replace(job, status=JobStatus.CANCELLING, errors=errors, leased_until_ms=0)


def undone(job: Job, now_ms: int) -> Job:
    """The job once nothing is left of it: FAILED where an error was the reason, else CANCELLED."""
    status = JobStatus.FAILED if job.errors else JobStatus.CANCELLED
    return replace(job, status=status, ended_at_ms=now_ms, leased_until_ms=0, state={})


def finished(job: Job, result: str | None, now_ms: int) -> Job:
    """The job with all of it done."""
    return replace(
        job,
        status=JobStatus.DONE,
        done=job.total,
        result=result,
        ended_at_ms=now_ms,
        leased_until_ms=0,
        state={},
    )
