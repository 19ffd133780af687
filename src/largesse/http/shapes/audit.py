"""The audit over HTTP: who changed what, and whether the ledger adds up."""

from typing import Any

from msgspec import Struct

from largesse.http.shapes.lists import Next
from largesse.http.times import ShownMoment, rfc3339, rfc3339_or_none
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
        before=_show_state(entry.before),
        after=_show_state(entry.after),
    )


def _show_state(kept: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a thing was, with its times and those of its rewards as the API writes them.

    Nothing deeper is looked at: the names in there are the caller's own.
    """
    if kept is None:
        return None
    shown = _show_times(kept)
    if "rewards" in shown:
        shown["rewards"] = [_show_times(reward) for reward in shown["rewards"]]
    return shown


def _show_times(kept: dict[str, Any]) -> dict[str, Any]:
    return dict(_show_field(name, value) for name, value in kept.items())


def _show_field(name: str, value: Any) -> tuple[str, Any]:  # noqa: ANN401 - any field of any thing
    if name == "clock_ms" or name.endswith("_at_ms"):
        return name.removesuffix("_ms"), rfc3339_or_none(value)
    return name, value
