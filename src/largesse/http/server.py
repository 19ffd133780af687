"""Runs an application and its fast lane on a port, until a signal, to a clean end.

What listens on other ports are its companions, which start before it and end with it.
"""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import uvicorn

from largesse.http.deadlines import Watch
from largesse.http.exchange import Desk
from largesse.http.lane import Lane

BACKLOG = 2048
"""Connections that the system accepts ahead of us: a crowd arrives within one tick."""

_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen, and how long the end may take."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 lets the system choose; `on_bound` tells."""
    drain_s_max: int = 20
    """At the end, for answers in flight; orchestrators kill after 30 s."""


class Companion(Protocol):
    """A server on a port of its own that lives and ends with the main one."""

    async def serve(self) -> None:
        """Serve until `stop`, then answer what was accepted."""

    def stop(self) -> None:
        """Take nothing more."""


class BoundCompanion(Companion, Protocol):
    """One that has an address already."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""


class _WatchedServer(uvicorn.Server):
    """uvicorn's server, whose end is known to connections that it does not know of yet."""

    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        super().__init__(config)
        self._watch = watch

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """End; who was accepted, and is not a connection yet, has one answer."""
        self._watch.draining = True
        await super().shutdown(sockets)


class Server(_WatchedServer):
    """uvicorn's server that tells its address and, after a signal, returns instead of dying of it.

    uvicorn raises the signal again once it is done (exit status 143); a clean end is status 0.
    """

    def __init__(
        self, config: uvicorn.Config, watch: Watch, on_bound: Callable[[str, int], None]
    ) -> None:
        super().__init__(config, watch)
        self.on_bound = on_bound
        self.companions: Sequence[Companion] = ()

    async def serve_all(self, bound: socket.socket, companions: Sequence[Companion]) -> None:
        """Serve on a socket until a signal, with companions that start first and end with it.

        One that fails is told in the log; the others go on.
        """
        self.companions = companions
        async with asyncio.TaskGroup() as tasks:
            for companion in companions:
                tasks.create_task(_kept_apart(companion))
            await self.serve(sockets=[bound])
            self._stop_companions()  # where this one could not start

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """End, and the companions at the same time."""
        self._stop_companions()
        await super().shutdown(sockets)

    def _stop_companions(self) -> None:
        for companion in self.companions:
            companion.stop()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start, then tell the bound host and port."""
        await super().startup(sockets=sockets)
        host, port, *_ = self.servers[0].sockets[0].getsockname()
        self.on_bound(host, port)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Turn the first signal into a drain; a second SIGINT ends the waiting."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)


class CompanionServer(_WatchedServer):
    """uvicorn's server without an ear for signals: the main server has it."""

    def __init__(self, config: uvicorn.Config, watch: Watch, bound: socket.socket) -> None:
        super().__init__(config, watch)
        self._bound = bound
        bound.listen(BACKLOG)  # whoever comes before `serve` waits instead of being turned away

    async def serve(self, sockets: list[Any] | None = None) -> None:
        """See `Companion`."""
        await super().serve(sockets=sockets or [self._bound])

    def stop(self) -> None:
        """See `Companion`."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _kept_apart(companion: Companion) -> None:
    try:
        await companion.serve()
    except Exception:  # noqa: BLE001 - whatever it is, it must not end the main port
        _log.exception("A listener has failed; the others go on")


def make_companion(
    app: Any,  # noqa: ANN401 - as below
    desk: Desk,
    watch: Watch,
    bound: socket.socket,
    drain_s_max: int,
) -> CompanionServer:
    """A server of another application and its desk, on a socket of its own."""
    listening = Listening(drain_s_max=drain_s_max)
    return CompanionServer(_config(app, desk, watch, listening, "off"), watch, bound)


def make_server(
    app: Any,  # noqa: ANN401 - ASGI's type, which every framework spells its own way
    desk: Desk,
    watch: Watch,
    listening: Listening,
    on_bound: Callable[[str, int], None],
) -> Server:
    """A server of the application and the desk; `await serve()` runs it until a signal.

    Setting `should_exit` ends it as a signal does. The lifespan ends after the last answer: the
    place to wait for wishes whose clients have gone. `SystemExit` when it cannot start.
    """
    return Server(_config(app, desk, watch, listening, "on"), watch, on_bound)


def _config(
    app: Any,  # noqa: ANN401 - as above
    desk: Desk,
    watch: Watch,
    listening: Listening,
    lifespan: Literal["on", "off"],
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=listening.host,
        port=listening.port,
        backlog=BACKLOG,
        timeout_graceful_shutdown=listening.drain_s_max,
        http=partial(Lane, desk, watch),  # type: ignore[arg-type]  # called like the class
        ws="none",
        lifespan=lifespan,
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
    )
