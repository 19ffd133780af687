"""Jobs over HTTP."""

from typing import Annotated

from msgspec import Meta, Struct

from largesse.http.shapes.lists import Next
from largesse.http.times import ShownMoment, rfc3339, rfc3339_or_none
from largesse.jobs.model import Job


class JobView(Struct, frozen=True):
    """Work that outlives the request that asked for it."""

    id: str
    kind: Annotated[str, Meta(description="What work it is, like `codes.export`.")]
    subject: Annotated[str, Meta(description="The id of the thing that it is about.")]
    status: Annotated[
        str,
        Meta(
            description="QUEUED, RUNNING, DONE; or CANCELLING, while what it did is undone, then "
            "CANCELLED or FAILED."
        ),
    ]
    done: int
    total: int
    errors: tuple[str, ...]
    result_url: Annotated[
        str | None, Meta(description="Where its file is, from the end of the job until it is old.")
    ]
    created_at: ShownMoment
    ended_at: ShownMoment | None


class JobList(Struct, frozen=True):
    """A piece of the list of jobs, the newest first."""

    items: list[JobView]
    next: Next


def result_path(job_id: str) -> str:
    """Where a job's file is read."""
    return f"/api/v1/jobs/{job_id}/result"


def show_job(job: Job) -> JobView:
    """The view of a job."""
    return JobView(
        job.id,
        job.kind,
        job.subject,
        job.status,
        job.done,
        job.total,
        job.errors,
        None if job.result is None else result_path(job.id),
        rfc3339(job.created_at_ms),
        rfc3339_or_none(job.ended_at_ms),
    )
