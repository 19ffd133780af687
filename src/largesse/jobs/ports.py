"""What jobs ask of the world."""

from collections.abc import Sequence
from typing import BinaryIO, Protocol

from largesse.jobs.model import Job
from largesse.kernel.command import Transactions
from largesse.kernel.fact import AuditEntry
from largesse.kernel.threads import Run


class JobRecords(Protocol):
    """Jobs inside one transaction."""

    def add_job(self, job: Job) -> Job:
        """Keep a new job; what comes back carries its number.

        Raises `JobExistsError` where the tenant has a live job of the same kind and subject.
        """

    def job(self, tenant: int, job_id: str) -> Job | None:
        """A tenant's job."""

    def jobs(self, tenant: int, before: int | None, limit: int) -> list[Job]:
        """A tenant's jobs, newest (highest number) first, those below the number `before`."""

    def live(self, tenant: int) -> int:
        """How many of a tenant's jobs wait or run."""

    def first_free(self, now_ms: int) -> Job | None:
        """The oldest job of all tenants that a worker may take, as `decide.is_free` says."""

    def save(self, job: Job, fence: int) -> bool:
        """Keep a changed job if the one that is kept has this fence; whether it had."""

    def ended_before(self, at_ms: int, limit: int) -> list[Job]:
        """Jobs that ended before a moment and still have a result, the oldest first."""

    def with_files(self) -> set[str]:
        """The ids of the jobs that have a result or may be making one."""

    def forget(self, before_ms: int, limit: int) -> int:
        """Take away jobs that ended before a moment; how many, at most `limit`."""

    def audit(self, entry: AuditEntry) -> None:
        """Keep who did what."""


JobStore = Transactions[JobRecords]
"""Every implementation passes `JobStoreContract`."""


class ResultStore(Protocol):
    """The files that jobs leave. Every implementation passes `ResultStoreContract`.

    Names are of our own making: no caller's text reaches them. Errors of the disk are raised as
    `UnavailableError`, and a full one as `JobFailedError`, each saying what to do.
    """

    def write(self, name: str, at: int) -> BinaryIO:
        """A file to go on with after its first `at` bytes, which are all that stays of it.

        What was written is on stable storage once it was flushed by `sync`.
        """

    def sync(self, file: BinaryIO) -> None:
        """Bring what was written so far to stable storage."""

    def read(self, name: str) -> BinaryIO | None:
        """A file from its beginning, or None where it is gone."""

    def remove(self, names: Sequence[str]) -> None:
        """Take files away; those that are gone are no error."""

    def sizes(self) -> dict[str, int]:
        """Every file there is, with its bytes."""


class Work(Protocol):
    """What the jobs of one kind do.

    Both may be cut off anywhere, and are then called again with the job as it was last saved.
    """

    async def do(self, job: Job, run: Run) -> None:
        """Go on with a job from its state to its end, and save that.

        Raises `LeaseLostError` where somebody else has the job now, and `JobFailedError` where it
        cannot be done.
        """

    async def undo(self, job: Job) -> None:
        """Leave nothing of a job that was cancelled or has failed, and save that."""
