"""Audit entries in PostgreSQL: every kind of records writes them alike."""

from largesse.kernel.fact import AuditEntry
from largesse.kernel.paging import AFTER_ALL
from largesse.storage.columns.audit import entry_of, row_of
from largesse.storage.postgres.transaction import Transaction

_ADD = """
INSERT INTO audit (tenant, at_ms, actor, operation, subject, request_id, before, after)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_LIST = """
SELECT position, tenant, at_ms, actor, operation, subject, request_id, before, after
FROM audit WHERE tenant = %s AND position < %s ORDER BY position DESC LIMIT %s"""


def add_entry(transaction: Transaction, entry: AuditEntry) -> None:
    """Keep who did what."""
    transaction.execute(_ADD, row_of(entry))


def list_entries(
    transaction: Transaction, tenant: int, before: int | None, limit: int
) -> list[tuple[int, AuditEntry]]:
    """A tenant's entries below a position, newest first, each with its position."""
    wanted = (tenant, AFTER_ALL if before is None else before, limit)
    return [entry_of(row) for row in transaction.rows(_LIST, wanted)]
