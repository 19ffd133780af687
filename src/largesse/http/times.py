"""Moments on the wire: RFC 3339, in UTC with milliseconds; read with any offset."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta

from largesse.kernel.calendar import rfc3339, rfc3339_or_none
from largesse.kernel.errors import InvalidInputError

__all__ = [
    "MOMENT_MS_MAX",
    "Moment",
    "ShownMoment",
    "checked_ms",
    "moment_ms",
    "moment_ms_or_none",
    "rfc3339",
    "rfc3339_or_none",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

MOMENT_MS_MAX = 253_402_300_799_999
"""The end of the year 9999, in UTC: four digits have no later year."""

Moment = Annotated[
    datetime,
    Meta(
        tz=True,
        description="RFC 3339 with an offset or Z; what is finer than a millisecond is cut off.",
        examples=["2026-12-01T00:00:00.000Z"],
    ),
]
"""A moment as callers write it."""

ShownMoment = Annotated[
    str,
    Meta(
        description="RFC 3339 in UTC with milliseconds.",
        examples=["2026-12-01T00:00:00.000Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
"""A moment as we write it; made by `rfc3339`."""


def moment_ms(moment: datetime, pointer: str) -> int:
    """Milliseconds since 1970; raises `InvalidInputError` for years before 1970 or after 9999."""
    return checked_ms((moment - _EPOCH) // _MILLISECOND, pointer)


def checked_ms(milliseconds: int, pointer: str) -> int:
    """Milliseconds since 1970 as they are, or `InvalidInputError` as above."""
    if not 0 <= milliseconds <= MOMENT_MS_MAX:
        raise InvalidInputError("in UTC, a time is in one of the years 1970 to 9999", pointer)
    return milliseconds


def moment_ms_or_none(moment: datetime | None, pointer: str) -> int | None:
    """As `moment_ms`; None stays None."""
    return None if moment is None else moment_ms(moment, pointer)
