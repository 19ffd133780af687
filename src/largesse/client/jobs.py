"""Calls about jobs: work that outlives the request that asked for it."""

from http import HTTPStatus

from msgspec import Struct

from largesse.client.call import Answer, Call, Request, get, path_of, post, reading, refusal_of
from largesse.client.errors import RefusedError
from largesse.client.model import Job, Page

PART_BYTES = 4 * 1_048_576
"""Of a result, read at once: so much of it is in memory."""

_JOB = reading(Job)
_JOBS = reading(Page[Job])


class ResultPart(Struct, frozen=True):
    """Some bytes of a result, which has `total` of them."""

    content: bytes
    total: int


def list_all(*, limit: int | None = None, cursor: str | None = None) -> Call[Page[Job]]:
    """List the tenant's jobs, newest first."""
    return get(path_of("jobs"), _JOBS, limit=limit, cursor=cursor)


def show(job: str) -> Call[Job]:
    """Read a job: how far it has come."""
    return get(path_of("jobs", job), _JOB)


def cancel(job: str, *, key: str | None = None) -> Call[Job]:
    """Stop a job and have what it did undone."""
    return post(path_of("jobs", f"{job}:cancel"), None, _JOB, key)


def result(job: str, first: int = 0, length: int = PART_BYTES) -> Call[ResultPart]:
    """Read some bytes of a job's result, from `first` on; fewer at its end."""
    wanted = f"bytes={first}-{first + length - 1}"
    path = path_of("jobs", job, "result")
    return Call(Request("GET", path, headers=(("Range", wanted),)), _part)


def _part(answer: Answer) -> ResultPart:
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        total = answer.headers.get("content-range", "").rpartition("/")[2]
        if total.isdecimal():
            return ResultPart(answer.body, int(total))
    raise RefusedError(refusal_of(answer))
