"""Moments in messages: protobuf's Timestamp, and our milliseconds since 1970."""

from protobuf.wkt import Timestamp

_MS_PER_S = 1_000
_NS_PER_MS = 1_000_000


def ms_of(timestamp: Timestamp | None) -> int | None:
    """A moment in milliseconds, the rest cut off as everywhere; None where none was said."""
    if timestamp is None:
        return None
    return timestamp.seconds * _MS_PER_S + timestamp.nanos // _NS_PER_MS


def timestamp_of(moment_ms: int) -> Timestamp:
    """A moment in milliseconds as a message."""
    seconds, milliseconds = divmod(moment_ms, _MS_PER_S)
    return Timestamp(seconds=seconds, nanos=milliseconds * _NS_PER_MS)
