"""Jobs in PostgreSQL."""

from typing import Any, LiteralString

from msgspec.structs import replace

from largesse.jobs.errors import JobExistsError
from largesse.jobs.model import Job
from largesse.kernel.fact import AuditEntry
from largesse.kernel.paging import AFTER_ALL
from largesse.storage.columns.jobs import COLUMNS, columns_of, job_of
from largesse.storage.postgres import audit
from largesse.storage.postgres.transaction import Transaction

_JOB: LiteralString = f"SELECT {COLUMNS} FROM job"
_BY_ID: LiteralString = f"{_JOB} WHERE tenant = %s AND id = %s"
_LIST: LiteralString = f"{_JOB} WHERE tenant = %s AND number < %s ORDER BY number DESC LIMIT %s"
_FIRST_FREE: LiteralString = f"""
{_JOB} WHERE ended_at_ms IS NULL AND leased_until_ms <= %s ORDER BY number LIMIT 1"""
_ENDED: LiteralString = f"""
{_JOB} WHERE ended_at_ms < %s AND result IS NOT NULL ORDER BY ended_at_ms LIMIT %s"""
_LIVE = "SELECT count(*) FROM job WHERE tenant = %s AND ended_at_ms IS NULL"
_WITH_FILES = "SELECT id FROM job WHERE ended_at_ms IS NULL OR result IS NOT NULL"

# The unique index says which jobs may not be at the same time.
_ADD = """
INSERT INTO job (id, tenant, actor, kind, subject, content, status, done, total, state, errors,
  result, fence, attempts, leased_until_ms, created_at_ms, ended_at_ms)
VALUES (%(id)s, %(tenant)s, %(actor)s, %(kind)s, %(subject)s, %(content)s, %(status)s, %(done)s,
  %(total)s, %(state)s, %(errors)s, %(result)s, %(fence)s, %(attempts)s, %(leased_until_ms)s,
  %(created_at_ms)s, %(ended_at_ms)s)
ON CONFLICT (tenant, kind, subject) WHERE ended_at_ms IS NULL DO NOTHING RETURNING number"""
# The fence stands in the write: a worker who has lost the job changes nothing.
_SAVE = """
UPDATE job SET status = %(status)s, done = %(done)s, state = %(state)s, errors = %(errors)s,
  result = %(result)s, fence = %(fence)s, attempts = %(attempts)s,
  leased_until_ms = %(leased_until_ms)s, ended_at_ms = %(ended_at_ms)s
WHERE number = %(number)s AND fence = %(known_fence)s"""
_FORGET = """
DELETE FROM job WHERE number IN (
  SELECT number FROM job WHERE ended_at_ms < %s AND result IS NULL ORDER BY ended_at_ms LIMIT %s)"""


class PostgresJobRecords:
    """See `JobRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add_job(self, job: Job) -> Job:
        """See `JobRecords`."""
        row = self._transaction.row(_ADD, columns_of(job))
        if row is None:
            raise JobExistsError
        return replace(job, number=row[0])

    def job(self, tenant: int, job_id: str) -> Job | None:
        """See `JobRecords`."""
        return next(iter(self._jobs(_BY_ID, (tenant, job_id))), None)

    def jobs(self, tenant: int, before: int | None, limit: int) -> list[Job]:
        """See `JobRecords`."""
        return self._jobs(_LIST, (tenant, AFTER_ALL if before is None else before, limit))

    def live(self, tenant: int) -> int:
        """See `JobRecords`."""
        return self._transaction.number(_LIVE, (tenant,))

    def first_free(self, now_ms: int) -> Job | None:
        """See `JobRecords`."""
        return next(iter(self._jobs(_FIRST_FREE, (now_ms,))), None)

    def save(self, job: Job, fence: int) -> bool:
        """See `JobRecords`."""
        wanted = {**columns_of(job), "number": job.number, "known_fence": fence}
        return self._transaction.execute(_SAVE, wanted).rowcount == 1

    def ended_before(self, at_ms: int, limit: int) -> list[Job]:
        """See `JobRecords`."""
        return self._jobs(_ENDED, (at_ms, limit))

    def with_files(self) -> set[str]:
        """See `JobRecords`."""
        return {job_id for (job_id,) in self._transaction.rows(_WITH_FILES)}

    def forget(self, before_ms: int, limit: int) -> int:
        """See `JobRecords`."""
        return self._transaction.execute(_FORGET, (before_ms, limit)).rowcount

    def audit(self, entry: AuditEntry) -> None:
        """See `JobRecords`."""
        audit.add_entry(self._transaction, entry)

    def _jobs(self, statement: LiteralString, bindings: tuple[Any, ...]) -> list[Job]:
        return [job_of(row) for row in self._transaction.rows(statement, bindings)]
