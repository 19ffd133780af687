"""A client of our own over bare sockets.

It can pace itself, which wrk cannot, and stands in where wrk is missing, at a part of its speed.
`largesse.client` reads every answer to its end and waits for it in a task of its own: what that
costs would be measured as the server's. Here only the status of an answer is looked at.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from largesse.bench.asked import Requests
from largesse.bench.load import Load, Measured
from largesse.loadtest.tally import percentile

LOOK_S = 0.1
"""How often to look whether a load has reached its aim."""

BROKEN = 0
"""Stands for the status of an answer that never came."""

_BAD = 400
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Answered = Callable[[int], None]
"""Told the status of an answer."""


class Connection(asyncio.Protocol):
    """One connection that asks one thing at a time and waits for the answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: Answered | None = None
        self._received = b""
        self._lost = asyncio.Event()

    def ask(self, request: bytes, answered: Answered) -> None:
        """Send a request; `answered` hears the status, or `BROKEN`."""
        assert self._answered is None, "one thing at a time"
        self._answered = answered
        if self._transport is None or self._transport.is_closing():
            self._finish(BROKEN)
        else:
            self._transport.write(request)

    async def close(self) -> None:
        """Hang up; an answer that is still awaited is not heard any more."""
        self._answered = None
        if self._transport is not None:
            self._transport.close()
            await self._lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Gather an answer until it is whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._received, 0, end)
        if len(self._received) >= end + 4 + (int(length[1]) if length else 0):
            status = int(self._received[9:12])
            self._received = b""
            self._finish(status)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._lost.set()
        if self._answered is not None:
            self._finish(BROKEN)

    def _finish(self, status: int) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(status)


async def connect(url: str, count: int) -> list[Connection]:
    """So many connections to a server."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    made = [
        await loop.create_connection(Connection, parts.hostname, parts.port) for _ in range(count)
    ]
    return [connection for _, connection in made]


async def ask_in_turns(load: Load) -> Measured:
    """Full load: each connection asks again as soon as it has its answer."""
    connections = await connect(load.url, load.connections)
    requests = Requests(load.texts, load.winners, load.items)
    turns = _Turns(requests)
    began_s = time.perf_counter()
    for connection in connections:
        turns.ask(connection)
    await _end_of(load)
    took_s = time.perf_counter() - began_s
    await asyncio.gather(*(connection.close() for connection in connections))
    waits_s = sorted(turns.waits_s) or [0.0]
    return Measured(
        answers=len(turns.waits_s),
        refused=turns.refused,
        broken=turns.broken,
        seconds=took_s,
        winners_asked=requests.winners_asked,
        p50_ms=1000 * percentile(waits_s, 0.5),
        p99_ms=1000 * percentile(waits_s, 0.99),
        p999_ms=1000 * percentile(waits_s, 0.999),
    )


async def _end_of(load: Load) -> None:
    if load.reached is None:
        await asyncio.sleep(load.seconds)
        return
    while True:
        if await asyncio.to_thread(load.reached):
            return
        await asyncio.sleep(LOOK_S)


class _Turns:
    """The answers of all connections together."""

    def __init__(self, requests: Requests) -> None:
        self.waits_s: list[float] = []
        self.refused = 0
        self.broken = 0
        self._requests = requests

    def ask(self, connection: Connection) -> None:
        sent_s = time.perf_counter()

        def answered(status: int) -> None:
            if status == BROKEN:
                self.broken += 1
                return
            self.waits_s.append(time.perf_counter() - sent_s)
            self.refused += status >= _BAD
            self.ask(connection)

        connection.ask(self._requests.next(), answered)
