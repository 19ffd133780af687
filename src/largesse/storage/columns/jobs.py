"""The columns of jobs."""

from typing import Any, LiteralString

import msgspec

from largesse.jobs.model import Job, JobStatus

COLUMNS: LiteralString = """number, id, tenant, actor, kind, subject, content, status, done, total,
  state, errors, result, fence, attempts, leased_until_ms, created_at_ms, ended_at_ms"""
_NAMES = [name.strip() for name in COLUMNS.split(",")]
_AS_JSON = ("content", "state", "errors")


def job_of(row: tuple[Any, ...]) -> Job:
    """A job by its `COLUMNS`."""
    fields = dict(zip(_NAMES, row, strict=True))
    for name in _AS_JSON:
        fields[name] = msgspec.json.decode(fields[name])
    fields["errors"] = tuple(fields["errors"])
    return Job(**{**fields, "status": JobStatus(fields["status"])})


def columns_of(job: Job) -> dict[str, Any]:
    """Its columns by their names, but for its number, which the database gives."""
    fields = {name: getattr(job, name) for name in _NAMES if name != "number"}
    for name in _AS_JSON:
        fields[name] = msgspec.json.encode(fields[name]).decode()
    return fields
