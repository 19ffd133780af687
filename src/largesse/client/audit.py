"""Calls about what changed, and whether the ledger adds up."""

from largesse.client.call import Call, get, path_of, reading
from largesse.client.model import AuditEntry, Conservation, Page

_ENTRIES = reading(Page[AuditEntry])
_CONSERVATION = reading(Conservation)


def conservation() -> Call[Conservation]:
    """Show the last proof of the ledger, which is made in the background."""
    return get(path_of("audit", "conservation"), _CONSERVATION)


def entries(*, limit: int | None = None, cursor: str | None = None) -> Call[Page[AuditEntry]]:
    """List who changed what, the newest first."""
    return get(path_of("audit", "entries"), _ENTRIES, limit=limit, cursor=cursor)
