"""How long and how much a client may keep us busy, and the sweep that sees to the time limits."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from uvicorn.server import ServerState

_KIB = 1024
_MIB = 1024 * _KIB
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """The limits of one connection. Times are seconds; none is kept longer than it says."""

    header_s_max: float = 10.0
    """From a request's first byte to the end of its headers: a slow client holds a connection."""
    body_s_max: float = 10.0
    """From the end of the headers to the end of the body, plus what the next limit allows."""
    body_bytes_per_s_min: int = 64 * _KIB
    """Each so many bytes of a body buy one more second: large bodies over honest lines pass."""
    idle_s_max: float = 5.0
    """Without a request: idle connections cost memory and descriptors."""
    stall_s_max: float = 10.0
    """Without reading what we answered: unread answers cost memory."""
    linger_s_max: float = 2.0
    """From our last byte to the client's: closing at once would destroy a refusal on its way."""
    drain_s_max: float = 0.5
    """At shutdown, for the request that an idle connection may have sent already."""
    header_bytes_max: int = 64 * _KIB
    """Request line and headers. The parser itself knows no limit."""
    body_bytes_max: int = _MIB
    """Body: what a batch of a thousand claims needs, several times over."""
    in_flight_max: int = 128
    """Unanswered requests of a connection, from which on we stop reading it."""
    sweep_s: float = 0.5
    """Between two sweeps: deadlines strike up to two sweeps early, rather than late."""

    @property
    def feed_bytes_max(self) -> int:
        """Bytes parsed at a time.

        A head is counted by the feeds inside it, all but its first and last; so of one that is too
        large more than two feeds are counted, and the lane leaves it to ASGI to measure it exactly.
        """
        return self.header_bytes_max // 4


class Watched(Protocol):
    """A connection, as the sweep sees it."""

    server_state: ServerState

    def check(self) -> None:
        """Act on whatever is overdue."""


class Watch:
    """What all connections of a server share: the limits, a coarse clock, and one sweep.

    A timer per request would cost more than the request; one sweep over the connections costs
    well under a microsecond each. It runs only while there are connections.
    """

    def __init__(
        self,
        limits: LaneLimits,
        new_request_id: Callable[[], str],
        cross_origin: Callable[[Mapping[bytes, bytes]], bytes] | None = None,
    ) -> None:
        self.limits = limits
        self.new_request_id = new_request_id
        self.cross_origin = cross_origin
        """Adds to the answer for a page of another origin; None where there are none."""
        self.now = 0.0
        """Seconds on the loop's clock, as of the last sweep."""
        self.head_end = b"\r\n"
        """What the server adds to each head: the date, once it is known, and the empty line."""
        self.draining = False
        """The server ends; connections made from now on end with their first request."""
        self._to_send: list[Callable[[], None]] = []
        self.refused: Counter[str] = Counter()
        """Codes of the refusals since the last sweep."""
        self._connections: set[Watched] = set()
        self._running = False

    def send_soon(self, send: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Have a connection send its answers at the end of this tick, with all others.

        Sent one after the other they find the client awake; sent as each is made, every one of
        them wakes it up, which costs more than the sending.
        """
        if not self._to_send:
            loop.call_soon(self._send)
        self._to_send.append(send)

    def _send(self) -> None:
        to_send, self._to_send = self._to_send, []
        for send in to_send:
            send()

    def join(self, connection: Watched, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a connection; afterwards `now` is fresh."""
        if not self._running:
            self._running = True
            self._read_clock(connection.server_state, loop)
            loop.call_later(self.limits.sweep_s, self._sweep, connection.server_state, loop)
        self._connections.add(connection)

    def leave(self, connection: Watched) -> None:
        """Watch a connection no more."""
        self._connections.discard(connection)

    def overdue(self, since: float, s_max: float) -> bool:
        """Whether `s_max` seconds since then will be over at the next sweep."""
        return self.now + self.limits.sweep_s - since > s_max

    def _sweep(self, state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        self._read_clock(state, loop)
        for connection in tuple(self._connections):
            connection.check()
        if self.refused:
            _log.warning("Refused requests: %s", dict(self.refused))
            self.refused.clear()
        self._running = bool(self._connections)
        if self._running:
            loop.call_later(self.limits.sweep_s, self._sweep, state, loop)

    def _read_clock(self, state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()
        lines = (b"%b: %b\r\n" % pair for pair in state.default_headers)
        self.head_end = b"".join(lines) + b"\r\n"
