"""Jobs and their results over HTTP."""

import asyncio
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import BinaryIO

from largesse.http.errors import RangeError, ResultGoneError
from largesse.http.listing import walk_of
from largesse.http.operation import (
    AnyOperation,
    Call,
    Headers,
    KeyUse,
    Operation,
    Reply,
    Shown,
    ok,
    replayed_if,
)
from largesse.http.parsing import Nothing
from largesse.http.shapes.jobs import JobList, JobView, show_job
from largesse.http.shapes.lists import ListQuery
from largesse.jobs.model import Job
from largesse.tenants.model import Scope

PIECE_BYTES = 262_144
"""What is read of a file at once: so much of it is in memory for each of its readers."""

_RANGE = re.compile(rb"bytes=(\d{1,18})-(\d{0,18})")
_CONTENT_TYPES = {"csv": b"text/csv; charset=utf-8", "parquet": b"application/vnd.apache.parquet"}


class FilePieces:
    """See `Pieces`: the next `length` bytes of an open file."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self.length = length
        self._file = file

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """See `Pieces`."""
        left = self.length
        while left:
            piece = await asyncio.to_thread(self._file.read, min(PIECE_BYTES, left))
            left -= len(piece)
            yield piece

    def close(self) -> None:
        """See `Pieces`."""
        self._file.close()


async def list_jobs(call: Call[ListQuery, Nothing]) -> Reply:
    """List the tenant's jobs, newest first."""
    walk = walk_of(call, "jobs")
    found = await call.services.jobs.jobs(call.tenant, walk.number, walk.wanted)
    shown, onward = walk.cut(found, lambda job: job.number)
    return ok(JobList([show_job(job) for job in shown], onward))


async def read_job(call: Call[Nothing, Nothing]) -> Reply:
    """Show a job."""
    return ok(show_job(await call.services.jobs.job(call.tenant, call.path["job_id"])))


async def cancel_job(call: Call[Nothing, Nothing]) -> Reply:
    """Stop a job and have it undone."""
    done = await call.services.jobs.cancel(call.command(), call.path["job_id"])
    call.services.wake_workers()
    return ok(show_job(done.answer), *replayed_if(done.replayed))


async def read_result(call: Call[Nothing, Nothing]) -> Reply:
    """Send a job's file, or the rest of it."""
    job = await call.services.jobs.job(call.tenant, call.path["job_id"])
    file = None if job.result is None else call.services.jobs.results.read(job.result)
    if job.result is None or file is None:
        raise ResultGoneError(_why_none(job))
    return _sent(file, job, call.headers.get(b"range"))


def _why_none(job: Job) -> str:
    if job.ended_at_ms is None:
        return f"the job {job.id} is {job.status}: its result comes when it is DONE"
    return f"the job {job.id} is {job.status}, and has no result or none any more"


def _sent(file: BinaryIO, job: Job, wanted: bytes | None) -> Reply:
    """The answer with a file, or with one part of it (RFC 9110 §14); other ranges are ignored."""
    assert job.result is not None
    size = file.seek(0, 2)
    asked = _RANGE.fullmatch(wanted or b"")
    first, last = 0, size - 1
    if asked is not None:
        first, last = int(asked[1]), min(int(asked[2] or last), last)
        if first > last:
            file.close()
            raise RangeError(size)
    file.seek(first)
    length = last - first + 1
    headers: Headers = [
        (b"accept-ranges", b"bytes"),
        (b"content-disposition", b'attachment; filename="%b"' % job.result.encode("ascii")),
        (b"cache-control", b"no-store"),
    ]
    status = HTTPStatus.OK
    if asked is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        headers = [*headers, (b"content-range", b"bytes %d-%d/%d" % (first, last, size))]
    content_type = _CONTENT_TYPES[job.result.rpartition(".")[2]]
    return Reply(status, FilePieces(file, length), headers, content_type)


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="list_jobs",
        method="GET",
        path="/api/v1/jobs",
        tag="Jobs",
        summary="List jobs",
        description="The tenant's jobs, the newest first. One that has ended is shown for 30 days.",
        handler=list_jobs,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", JobList),),
        scopes=(Scope.ADMIN,),
        query=ListQuery,
    ),
    Operation(
        name="read_job",
        method="GET",
        path="/api/v1/jobs/{job_id}",
        tag="Jobs",
        summary="Read a job",
        description="How far it has come. A job goes on after a restart of the server.",
        handler=read_job,
        answers=(Shown(HTTPStatus.OK, "The job.", JobView),),
        scopes=(Scope.ADMIN,),
    ),
    Operation(
        name="cancel_job",
        method="POST",
        path="/api/v1/jobs/{job_id}:cancel",
        tag="Jobs",
        summary="Cancel a job",
        description="Stops a job; then what it did is undone, such as units set aside. One that "
        "has ended stays as it is.",
        handler=cancel_job,
        answers=(Shown(HTTPStatus.OK, "The job.", JobView, headers=("idempotency-replayed",)),),
        scopes=(Scope.ADMIN,),
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="read_result",
        method="GET",
        path="/api/v1/jobs/{job_id}/result",
        tag="Jobs",
        summary="Read a job's result",
        description="The file, as CSV or Parquet. With `Range: bytes=N-` a download that broke is "
        "gone on with. A result is removed some hours after its job has ended.",
        handler=read_result,
        answers=(
            Shown(HTTPStatus.OK, "The file.", str, content_type="text/csv"),
            Shown(
                HTTPStatus.PARTIAL_CONTENT,
                "The part of it that was asked for.",
                str,
                headers=("content-range",),
                content_type="text/csv",
            ),
        ),
        refusals=(HTTPStatus.GONE, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
        scopes=(Scope.ADMIN,),
    ),
)
