"""An HTTP client for crowds: thousands of requests in flight over a few connections.

What became of a request is a value. `None` means that the connection ended before the answer: it
may have happened, at most once.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import cast

from raw_http import Response, request

Ended = Response | None
"""An answer, or None where there was none to be had."""

_HEAD_END = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection: requests go out at once, answers come in the order of the requests."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._awaited: deque[asyncio.Future[Ended]] = deque()
        self._read = b""

    @property
    def is_open(self) -> bool:
        """Whether something sent now can be answered."""
        return self._transport is not None

    def send(self, data: bytes) -> asyncio.Future[Ended]:
        """Send one request; what becomes of it."""
        ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        if self._transport is None:
            ended.set_result(None)
        else:
            self._awaited.append(ended)
            self._transport.write(data)
        return ended

    def leave(self) -> None:
        """Go away once all is sent, without waiting for answers."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Go away without a word, whether or not all is sent."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever was not answered will not be."""
        self._transport = None
        while self._awaited:
            _resolve(self._awaited.popleft(), None)

    def data_received(self, data: bytes) -> None:
        """Take answers off what came."""
        read = self._read + data if self._read else data
        start = 0
        while (head_end := read.find(_HEAD_END, start)) >= 0:
            status, headers = _parse_head(read[start:head_end])
            body_start = head_end + len(_HEAD_END)
            end = body_start + int(headers.get("content-length", "0"))
            if end > len(read):
                break
            _resolve(self._awaited.popleft(), Response(status, headers, read[body_start:end]))
            start = end
        self._read = read[start:]


class Crowd:
    """Some connections to one server, which take turns."""

    def __init__(self, connections: list[Connection]) -> None:
        self._connections = connections
        self._turn = 0

    def send(self, data: bytes) -> asyncio.Future[Ended]:
        """Send a request on the connection whose turn it is."""
        self._turn = (self._turn + 1) % len(self._connections)
        return self._connections[self._turn].send(data)

    async def ask(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Response:
        """Send a request and wait for its answer, which must come."""
        answer = await self.send(request(method, target, headers, body))
        assert answer is not None, f"no answer to {method} {target}"
        return answer


@asynccontextmanager
async def crowd(port: int, connections: int = 1) -> AsyncIterator[Crowd]:
    """So many connections to 127.0.0.1, closed at the end."""
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(connections)
    ]
    try:
        yield Crowd(made)
    finally:
        for connection in made:
            connection.abort()


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(status_line[9:12]), {name.lower(): value for name, value in pairs}


def _resolve(ended: asyncio.Future[Ended], answer: Ended) -> None:
    if not ended.done():  # whoever waited may have been cancelled
        ended.set_result(answer)
