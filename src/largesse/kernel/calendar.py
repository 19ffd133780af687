"""Calendar days in a time zone, the unit of daily quotas; and how moments are written.

A day is an integer: days since 1970-01-01 of the local calendar.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

_EPOCH = date(1970, 1, 1)
_NO_SPAN = (0, 0, 0)


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_exists(name: str) -> bool:
    """Whether the IANA database knows a zone, by its exact name."""
    return name in _known()


def local_day(zone: str, moment_ms: int) -> int:
    """The local calendar day on which a moment falls."""
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC).astimezone(ZoneInfo(zone))
    return (moment.date() - _EPOCH).days


def iso_date(day: int) -> str:
    """A day as ISO 8601 has it: 20788 → `2026-12-01`."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def day_bounds_ms(zone: str, day: int) -> tuple[int, int]:
    """The first moment of a local day, and the first moment after it.

    A local day may have 23 or 25 hours, or begin at 01:00 where midnight was skipped.
    """
    return _first_ms(zone, day), _first_ms(zone, day + 1)


def _first_ms(zone: str, day: int) -> int:
    midnight = datetime.combine(_EPOCH + timedelta(days=day), datetime.min.time(), ZoneInfo(zone))
    return int(midnight.timestamp() * 1000)


class LocalDays:
    """Remembers each zone's present day, because a batch asks for it over and over."""

    def __init__(self) -> None:
        self._spans: dict[str, tuple[int, int, int]] = {}

    def day(self, zone: str, moment_ms: int) -> int:
        """As `local_day`, without asking the calendar again within one day."""
        return self.span(zone, moment_ms)[2]

    def span(self, zone: str, moment_ms: int) -> tuple[int, int, int]:
        """The first moment of a moment's day, the first one after it, and the day."""
        span = self._spans.get(zone, _NO_SPAN)
        if not span[0] <= moment_ms < span[1]:
            day = local_day(zone, moment_ms)
            span = self._spans[zone] = *day_bounds_ms(zone, day), day
        return span

    def span_within(
        self, zone: str, moment_ms: int, edges_ms: Iterable[int | None]
    ) -> tuple[int, int, int]:
        """As `span`, cut at the edges that lie in the day: before one, or from it on."""
        first_ms, after_ms, day = self.span(zone, moment_ms)
        for edge_ms in edges_ms:
            if edge_ms is None:
                continue
            if edge_ms <= moment_ms:
                first_ms = max(first_ms, edge_ms)
            else:
                after_ms = min(after_ms, edge_ms)
        return first_ms, after_ms, day


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
