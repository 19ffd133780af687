"""Calls about the clock of a tenant in test mode, which stands still until it is moved."""

from largesse.client.call import Call, get, path_of, post, reading
from largesse.client.model import Clock

_CLOCK = reading(Clock)
_ADVANCE = path_of("test-clock:advance")


def show() -> Call[Clock]:
    """Show the tenant's present moment; outside test mode it is the server's."""
    return get(path_of("test-clock"), _CLOCK)


def advance_by(milliseconds: int, *, key: str | None = None) -> Call[Clock]:
    """Move the clock forward by so much."""
    return post(_ADVANCE, {"by_ms": milliseconds}, _CLOCK, key)


def advance_to(moment: str, *, key: str | None = None) -> Call[Clock]:
    """Move the clock forward to a moment, written in RFC 3339."""
    return post(_ADVANCE, {"to": moment}, _CLOCK, key)
