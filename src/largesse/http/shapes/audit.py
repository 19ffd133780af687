"""The audit over HTTP: who changed what, and whether the ledger adds up."""

from typing import Any

from msgspec import Struct

from largesse.http.shapes.lists import Next
from largesse.http.times import ShownMoment, rfc3339
from largesse.kernel.fact import AuditEntry


class AuditEntryView(Struct, frozen=True):
    """Who changed what; `before` or `after` is null where the thing did not exist."""

    at: ShownMoment
    actor: str
    operation: str
    subject: str
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditEntryList(Struct, frozen=True):
    """A piece of the list of changes, the newest first."""

    items: list[AuditEntryView]
    next: Next


class ViolationView(Struct, frozen=True):
    """One place where the ledger does not add up."""

    rule: str
    campaign_id: str | None
    reward: str | None
    detail: str


class ConservationView(Struct, frozen=True):
    """The last proof of the ledger; `checked_at` is null before the first."""

    checked_at: ShownMoment | None
    campaigns: int
    violations: list[ViolationView]


def show_entry(entry: AuditEntry) -> AuditEntryView:
    """An audit entry."""
    return AuditEntryView(
        at=rfc3339(entry.at_ms),
        actor=entry.actor,
        operation=entry.operation,
        subject=entry.subject,
        request_id=entry.request_id,
        before=entry.before,
        after=entry.after,
    )
