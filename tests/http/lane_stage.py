"""A server with a desk and an application whose every step the test decides."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from raw_http import connected, request

from largesse.http import wire
from largesse.http.deadlines import LaneLimits, Watch
from largesse.http.exchange import Exchange, Handler, ask, headers_said_once
from largesse.http.lane import HotExchange
from largesse.http.server import Listening, Server, make_server

Way = Literal["lane", "asgi"]
Asgi = Any  # ASGI has loose types

CLAIMS = "/api/v1/campaigns/camp_x/claims"
ECHO = "/api/v1/campaigns/camp_echo/claims"
BROKEN = "/api/v1/campaigns/camp_broken/claims"
REQUEST_ID = "req_of_the_test"

TIGHT = LaneLimits(
    header_s_max=0.3, body_s_max=0.3, idle_s_max=0.3, stall_s_max=0.3, linger_s_max=0.3,
    drain_s_max=0.2, sweep_s=0.05,
)  # fmt: skip
"""Deadlines that a test can wait for."""


class StageDesk:
    """Holds claims until the test answers them, or echoes at once."""

    def __init__(self) -> None:
        self.routes: dict[bytes, Handler] = {
            CLAIMS.encode(): self.hold,
            ECHO.encode(): self.echo,
            BROKEN.encode(): self.fail,
        }
        self.arrived: asyncio.Queue[Exchange] = asyncio.Queue()
        self.taken = 0
        self.taken_by_lane = 0

    def count(self, exchange: Exchange) -> None:
        """Count a request, and whether it came by the lane."""
        self.taken += 1
        self.taken_by_lane += isinstance(exchange, HotExchange)

    def hold(self, exchange: Exchange) -> None:
        """Leave the answer to the test."""
        self.count(exchange)
        self.arrived.put_nowait(exchange)

    def echo(self, exchange: Exchange) -> None:
        """Answer at once."""
        self.count(exchange)
        reply(exchange)

    def fail(self, exchange: Exchange) -> None:
        """Be a bug."""
        raise ZeroDivisionError

    async def next(self) -> Exchange:
        """The next claim that is held."""
        async with asyncio.timeout(10):
            return await self.arrived.get()


def reply(exchange: Exchange, status: int = 201) -> None:
    """Answer with the request's own body."""
    headers = (
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(exchange.body)),
    )
    exchange.answer(wire.head(status, headers), exchange.body)


class StageApp:
    """An ASGI application: hot routes the plain way, and a few tricks."""

    def __init__(self, routes: Mapping[bytes, Handler]) -> None:
        self.routes = routes
        self.started = 0
        self.requests: asyncio.Queue[str] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.settled = asyncio.Event()
        self.settled.set()
        self.disconnected = asyncio.Event()

    async def __call__(self, scope: Asgi, receive: Asgi, send: Asgi) -> None:
        """Serve one scope."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.settled.wait()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.started += 1
        self.requests.put_nowait(scope["path"])
        if scope["path"] == "/flood":
            await self.flood(receive, send)
            return
        body = await self.read(receive)
        if body is None:
            self.disconnected.set()
            return
        if scope["path"] == "/hold":
            await self.go_on.wait()
        status, headers, answer = await self.answer(scope, body)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def read(self, receive: Asgi) -> bytes | None:
        """The request's body; None if its client has gone."""
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message["body"]
            more = message["more_body"]
        return body

    async def answer(self, scope: Asgi, body: bytes) -> tuple[int, Any, bytes]:
        """What to answer."""
        handler = self.routes.get(scope["raw_path"])
        if handler is None or scope["method"] != "POST" or scope["query_string"]:
            shown = {"method": scope["method"], "path": scope["path"], "body": body.decode()}
            text = json.dumps(shown).encode()
            return 200, [(b"content-length", b"%d" % len(text))], text
        headers = headers_said_once(scope["headers"])
        if headers is None:
            head, answer = wire.problem_answer(wire.MALFORMED, REQUEST_ID)
        else:
            given = await ask(handler, headers, body)
            head, answer = given.head, given.body
        return *wire.parts_of(head), answer

    async def flood(self, receive: Asgi, send: Asgi) -> None:
        """Answer without end, as fast as the client reads, until it is gone."""
        await receive()
        gone = asyncio.ensure_future(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.done():
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
            await asyncio.wait([gone], timeout=0)
        self.disconnected.set()


@dataclass
class Stage:
    """A running server and what stands behind it."""

    desk: StageDesk
    app: StageApp
    watch: Watch
    server: Server
    run: asyncio.Task[None]
    port: int

    def connect(self) -> Any:  # noqa: ANN401 - an asynchronous context manager
        """A new connection."""
        return connected(self.port)

    async def end(self) -> None:
        """End the server as a signal does, and wait for it."""
        self.server.should_exit = True
        async with asyncio.timeout(20):
            await self.run


class NoDesk:
    """A desk without routes: everything goes to ASGI."""

    routes: Mapping[bytes, Handler] = {}


@asynccontextmanager
async def stage(way: Way = "lane", limits: LaneLimits | None = None) -> AsyncIterator[Stage]:
    """A server on a free port; `asgi` serves the same hot routes without the lane."""
    desk = StageDesk()
    app = StageApp(desk.routes)
    watch = Watch(limits or LaneLimits(), lambda: REQUEST_ID)
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = make_server(
        app,
        desk if way == "lane" else NoDesk(),
        watch,
        Listening(port=0),
        lambda _host, port: bound.set_result(port),
    )
    run = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        port = await bound
    held = Stage(desk, app, watch, server, run, port)
    try:
        yield held
    finally:
        app.go_on.set()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        await held.end()


def claim(body: bytes = b"{}", target: str = CLAIMS, *more: tuple[str, str]) -> bytes:
    """The bytes of a claim."""
    headers = (("Authorization", "Bearer lgs_x"), ("Idempotency-Key", "k"), *more)
    return request("POST", target, headers, body)
