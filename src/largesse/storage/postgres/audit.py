"""Audit entries in PostgreSQL: every kind of records writes them alike."""

from typing import Any

import msgspec

from largesse.kernel.fact import AuditEntry
from largesse.storage.postgres.transaction import Transaction

_ADD = """
INSERT INTO audit (tenant, at_ms, actor, operation, subject, request_id, before, after)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_LIST = """
SELECT position, tenant, at_ms, actor, operation, subject, request_id, before, after
FROM audit WHERE tenant = %s AND position < %s ORDER BY position DESC LIMIT %s"""
_AFTER_ALL = 2**63 - 1


def add_entry(transaction: Transaction, entry: AuditEntry) -> None:
    """Keep who did what."""
    shown = (_to_json(entry.before), _to_json(entry.after))
    who = (entry.tenant, entry.at_ms, entry.actor, entry.operation)
    transaction.execute(_ADD, (*who, entry.subject, entry.request_id, *shown))


def list_entries(
    transaction: Transaction, tenant: int, before: int | None, limit: int
) -> list[tuple[int, AuditEntry]]:
    """A tenant's entries below a position, newest first, each with its position."""
    wanted = (tenant, _AFTER_ALL if before is None else before, limit)
    return [_entry(row) for row in transaction.rows(_LIST, wanted)]


def _entry(row: tuple[Any, ...]) -> tuple[int, AuditEntry]:
    position, tenant, at_ms, actor, operation, subject, request_id, before, after = row
    return position, AuditEntry(
        tenant=tenant,
        at_ms=at_ms,
        actor=actor,
        operation=operation,
        subject=subject,
        request_id=request_id,
        before=_from_json(before),
        after=_from_json(after),
    )


def _to_json(shown: dict[str, Any] | None) -> str | None:
    return None if shown is None else msgspec.json.encode(shown).decode()


def _from_json(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
