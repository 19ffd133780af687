"""The columns of audit entries."""

from typing import Any

import msgspec

from largesse.kernel.fact import AuditEntry


def row_of(entry: AuditEntry) -> tuple[int | str | None, ...]:
    """Tenant, time, actor, operation, subject, request, and what was there before and after."""
    return (
        *(entry.tenant, entry.at_ms, entry.actor, entry.operation, entry.subject),
        *(entry.request_id, _to_json(entry.before), _to_json(entry.after)),
    )


def entry_of(row: tuple[Any, ...]) -> tuple[int, AuditEntry]:
    """An entry and its position, which stands before the columns of `row_of`."""
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
