"""`largesse job …`: work that goes on in the server."""

from typing import Annotated

from cyclopts import Parameter

from largesse.cli.options import Piece, Remote
from largesse.cli.shown import Shown, facts, fields, onward, table
from largesse.client import jobs

JobId = Annotated[str, Parameter(help="The id of the job.")]

_LOCAL = Remote()
_FIRST = Piece()


def list_all(*, piece: Piece = _FIRST, remote: Remote = _LOCAL) -> Shown:
    """List jobs, newest first."""
    found = remote.ask(jobs.list_all(limit=piece.limit, cursor=piece.cursor))
    columns = ("id", "kind", "subject", "status", "done", "total", "created_at", "ended_at")
    rows = ([getattr(job, column) for column in columns] for job in found.items)
    return Shown(found, [table(columns, rows), *onward(found)])


def show(job: JobId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Show how far a job has come."""
    found = remote.ask(jobs.show(job))
    return Shown(found, [facts(fields(found))])


def cancel(job: JobId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Stop a job, and have what it did undone."""
    found = remote.ask(jobs.cancel(job))
    return Shown(found, [facts(fields(found))])
