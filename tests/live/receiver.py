"""A receiver of webhooks on this machine: it writes down what comes and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

LOOPBACK = "127.0.0.0/8"


class Received(NamedTuple):
    """One request: its headers by lower-case names, and its body."""

    path: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What to answer; a status of 0 hangs up without an answer, and -1 never answers."""

    status: int = 204
    body: bytes = b""
    headers: tuple[str, ...] = ()


RESET = Reply(0)
SILENCE = Reply(-1)
OK = Reply()


@dataclass
class Receiver:
    """An address that takes messages. `decide` says what each request is answered."""

    port: int = 0
    decide: Callable[[Received], Reply] = lambda _: OK
    received: list[Received] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def until(self, count: int) -> list[Received]:
        """Wait until so many requests have come."""
        async with self.came:
            await asyncio.wait_for(
                self.came.wait_for(lambda: len(self.received) >= count), timeout=20
            )
        return self.received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as long as it lasts."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                pass
        writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another one may follow on the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        request, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        received = Received(request.split(" ")[1], headers, body)
        reply = self.decide(received)
        async with self.came:
            self.received.append(received)
            self.came.notify_all()
        if reply == SILENCE:
            await reader.read()  # until the sender has had enough
        if reply.status <= 0:
            writer.transport.abort()
            return False
        fields = [f"content-length: {len(reply.body)}", *reply.headers]
        head = "\r\n".join([f"HTTP/1.1 {reply.status} Told", *fields, "", ""])
        writer.write(head.encode() + reply.body)
        await writer.drain()
        return True


@asynccontextmanager
async def receiving(decide: Callable[[Received], Reply] = lambda _: OK) -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver(decide=decide)
    connections: dict[asyncio.StreamWriter, asyncio.Event] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over = connections[writer] = asyncio.Event()
        await receiver.serve(reader, writer)
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for writer, over in connections.items():
            writer.transport.abort()
            await over.wait()
