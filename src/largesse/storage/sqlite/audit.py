"""Audit entries in an SQLite file: every kind of records writes them alike."""

import apsw

from largesse.kernel.fact import AuditEntry
from largesse.kernel.paging import AFTER_ALL
from largesse.storage.columns.audit import entry_of, row_of

_ADD = """
INSERT INTO audit (tenant, at_ms, actor, operation, subject, request_id, before, after)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_LIST = """
SELECT position, tenant, at_ms, actor, operation, subject, request_id, before, after
FROM audit WHERE tenant = ? AND position < ? ORDER BY position DESC LIMIT ?"""


def add_entry(db: apsw.Connection, entry: AuditEntry) -> None:
    """Keep who did what."""
    db.execute(_ADD, row_of(entry))


def list_entries(
    db: apsw.Connection, tenant: int, before: int | None, limit: int
) -> list[tuple[int, AuditEntry]]:
    """A tenant's entries below a position, newest first, each with its position."""
    rows = db.execute(_LIST, (tenant, AFTER_ALL if before is None else before, limit))
    return [entry_of(row) for row in rows]
