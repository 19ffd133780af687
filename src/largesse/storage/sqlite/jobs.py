"""Jobs in an SQLite file."""

from typing import Any

import apsw
from msgspec.structs import replace

from largesse.jobs.errors import JobExistsError
from largesse.jobs.model import Job
from largesse.kernel.fact import AuditEntry
from largesse.kernel.paging import AFTER_ALL
from largesse.storage.columns.jobs import COLUMNS, columns_of, job_of
from largesse.storage.sqlite import audit
from largesse.storage.sqlite.query import number, rows
from largesse.storage.sqlite.transaction import Transaction

_JOB = f"SELECT {COLUMNS} FROM job"  # noqa: S608 — no input in it
_BY_ID = f"{_JOB} WHERE tenant = ? AND id = ?"
_LIST = f"{_JOB} WHERE tenant = ? AND number < ? ORDER BY number DESC LIMIT ?"
_FIRST_FREE = f"""
{_JOB} WHERE ended_at_ms IS NULL AND leased_until_ms <= ? ORDER BY number LIMIT 1"""
_ENDED = f"""
{_JOB} WHERE ended_at_ms < ? AND result IS NOT NULL ORDER BY ended_at_ms LIMIT ?"""
_LIVE = "SELECT count(*) FROM job WHERE tenant = ? AND ended_at_ms IS NULL"
_WITH_FILES = "SELECT id FROM job WHERE ended_at_ms IS NULL OR result IS NOT NULL"

_ADD = """
INSERT INTO job (id, tenant, actor, kind, subject, content, status, done, total, state, errors,
  result, fence, attempts, leased_until_ms, created_at_ms, ended_at_ms)
VALUES (:id, :tenant, :actor, :kind, :subject, :content, :status, :done, :total, :state, :errors,
  :result, :fence, :attempts, :leased_until_ms, :created_at_ms, :ended_at_ms)"""
# The fence stands in the write: a worker who has lost the job changes nothing.
_SAVE = """
UPDATE job SET status = :status, done = :done, state = :state, errors = :errors, result = :result,
  fence = :fence, attempts = :attempts, leased_until_ms = :leased_until_ms,
  ended_at_ms = :ended_at_ms
WHERE number = :number AND fence = :known_fence"""
_FORGET = """
DELETE FROM job WHERE number IN (
  SELECT number FROM job WHERE ended_at_ms < ? AND result IS NULL ORDER BY ended_at_ms LIMIT ?)"""


class SQLiteJobRecords:
    """See `JobRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self._db = transaction.db

    def add_job(self, job: Job) -> Job:
        """See `JobRecords`. The unique index says which jobs may not be at the same time."""
        try:
            self._db.execute(_ADD, columns_of(job))
        except apsw.ConstraintError as error:
            raise JobExistsError from error
        return replace(job, number=self._db.last_insert_rowid())

    def job(self, tenant: int, job_id: str) -> Job | None:
        """See `JobRecords`."""
        return next(iter(self._jobs(_BY_ID, (tenant, job_id))), None)

    def jobs(self, tenant: int, before: int | None, limit: int) -> list[Job]:
        """See `JobRecords`."""
        return self._jobs(_LIST, (tenant, AFTER_ALL if before is None else before, limit))

    def live(self, tenant: int) -> int:
        """See `JobRecords`."""
        return number(self._db, _LIVE, (tenant,))

    def first_free(self, now_ms: int) -> Job | None:
        """See `JobRecords`."""
        return next(iter(self._jobs(_FIRST_FREE, (now_ms,))), None)

    def save(self, job: Job, fence: int) -> bool:
        """See `JobRecords`."""
        self._db.execute(_SAVE, {**columns_of(job), "number": job.number, "known_fence": fence})
        return self._db.changes() == 1

    def ended_before(self, at_ms: int, limit: int) -> list[Job]:
        """See `JobRecords`."""
        return self._jobs(_ENDED, (at_ms, limit))

    def with_files(self) -> set[str]:
        """See `JobRecords`."""
        return {job_id for (job_id,) in rows(self._db, _WITH_FILES)}

    def forget(self, before_ms: int, limit: int) -> int:
        """See `JobRecords`."""
        self._db.execute(_FORGET, (before_ms, limit))
        return self._db.changes()

    def audit(self, entry: AuditEntry) -> None:
        """See `JobRecords`."""
        audit.add_entry(self._db, entry)

    def _jobs(self, statement: str, bindings: tuple[Any, ...]) -> list[Job]:
        return [job_of(row) for row in rows(self._db, statement, bindings)]
