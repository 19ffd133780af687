"""A client that sends the bytes it is given and reads answers one by one."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

ANSWER_S_MAX = 10
"""A test that waits longer for an answer has failed."""


@dataclass(frozen=True)
class Response:
    """One answer, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever the body holds
        """The body, decoded."""
        return json.loads(self.body)


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes and wait until the system has taken them."""
        self.writer.write(data)
        await self.writer.drain()

    async def read(self) -> Response:
        """The next answer; `IncompleteReadError` when the connection ends before it does."""
        async with asyncio.timeout(ANSWER_S_MAX):
            status, headers = await self.read_head()
            if headers.get("transfer-encoding") == "chunked":
                return Response(status, headers, b"".join([part async for part in self._chunks()]))
            length = int(headers.get("content-length", "0"))
            return Response(status, headers, await self.reader.readexactly(length))

    async def read_head(self) -> tuple[int, dict[str, str]]:
        """The next answer's status and headers (names lower case), without its body."""
        async with asyncio.timeout(ANSWER_S_MAX):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.split("\r\n")[:-2]
        pairs = (line.split(": ", 1) for line in lines)
        return int(status_line.split(" ")[1]), {name.lower(): value for name, value in pairs}

    async def ask(self, data: bytes) -> Response:
        """Send a request and read an answer."""
        await self.send(data)
        return await self.read()

    async def is_ended(self) -> bool:
        """Wait for the server's end of the connection; true if nothing came before it."""
        async with asyncio.timeout(ANSWER_S_MAX):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    def stall(self) -> None:
        """Read nothing any more; what comes fills the system's buffers."""
        transport: Any = self.writer.transport  # streams type it as one that only writes
        transport.pause_reading()

    def abort(self) -> None:
        """Go away without a word."""
        self.writer.transport.abort()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while length := int(await self.reader.readline(), 16):
            yield await self.reader.readexactly(length)
            await self.reader.readline()
        await self.reader.readline()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RawClient]:
    """A connection to 127.0.0.1, closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()


def request(
    method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes | None = None
) -> bytes:
    """The bytes of a request; a `Content-Length` is added when there is a body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")
