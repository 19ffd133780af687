"""Moments on the wire: RFC 3339 in UTC, with milliseconds."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=1024)
def rfc3339(moment_ms: int) -> str:
    """`2026-12-01T00:00:00.000Z`, for milliseconds since the epoch.

    A batch shares its moment, so the last ones are remembered.
    """
    seconds, milliseconds = divmod(moment_ms, 1000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}.{milliseconds:03d}Z"


def rfc3339_or_none(moment_ms: int | None) -> str | None:
    """As `rfc3339`; None where there is no moment."""
    return None if moment_ms is None else rfc3339(moment_ms)
