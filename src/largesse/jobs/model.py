"""A job: work that outlives the request that asked for it."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

ERRORS_MAX = 10
"""Errors kept with a job: the first ones tell what to do, the thousandth says it once more."""

ATTEMPTS_MAX = 20
"""How often a job is begun again after the machinery failed it, before it is given up."""


class JobStatus(StrEnum):
    """Where a job stands: QUEUED → RUNNING → DONE, or → CANCELLING → CANCELLED or FAILED.

    While it is CANCELLING, what it has done so far is being undone.
    """

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


LIVE = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.CANCELLING)
"""Somebody still has to do something about it."""


class Job(Struct, frozen=True, kw_only=True):
    """One job of a tenant. `kind` says what work, `subject` the id of the thing it is about.

    `content` is what was asked for and never changes. `done` of `total` units are finished, and
    `state` is what the worker needs to go on from there. `result` names a file once there is one.

    A worker may touch the job while the `fence` is the one that it was given, which every new
    lease raises; from `leased_until_ms` on (the machine's time) another worker may take it.
    """

    id: str
    tenant: int
    actor: str
    kind: str
    subject: str
    content: dict[str, Any] = {}
    status: JobStatus = JobStatus.QUEUED
    done: int = 0
    total: int = 0
    state: dict[str, Any] = {}
    errors: tuple[str, ...] = ()
    result: str | None = None
    fence: int = 0
    attempts: int = 0
    leased_until_ms: int = 0
    created_at_ms: int = 0
    ended_at_ms: int | None = None
    number: int = 0
