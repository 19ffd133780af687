"""Shows how far long work has come, on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from largesse.cli.errors import CommandError
from largesse.cli.options import Remote
from largesse.client import jobs
from largesse.client.model import Job

LOOK_S_FIRST = 0.05
LOOK_S_MAX = 1.0
"""Between two looks at a job: short work is seen to end at once, long work is not asked often."""

Advance = Callable[[int, int], None]
"""Shows that so many of so many are done."""


@contextmanager
def bar(what: str) -> Iterator[Advance]:
    """A bar while the block runs, where a person looks on."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    shown = Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
    with shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def waited_for(remote: Remote, job: Job, what: str) -> Job:
    """The job once it is done. Raises `CommandError` where it ends otherwise."""
    look_s = LOOK_S_FIRST
    try:
        with bar(what) as advance:
            while not job.ended:
                advance(job.done, job.total)
                time.sleep(look_s)
                look_s = min(2 * look_s, LOOK_S_MAX)
                job = remote.ask(jobs.show(job.id))
            advance(job.done, job.total)
    except KeyboardInterrupt:
        message = (
            f"the job {job.id} goes on without us: `largesse job show {job.id}` tells how far, "
            f"`largesse job cancel {job.id}` stops it"
        )
        raise CommandError(message) from None
    if job.status != "DONE":
        reason = "; ".join(job.errors) or "somebody cancelled it"
        message = f"the job {job.id} is {job.status}: {reason}"
        raise CommandError(message)
    return job
