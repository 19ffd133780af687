"""Runs one application and its fast lane on one port, until a signal, to a clean end."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn

from largesse.http.deadlines import Watch
from largesse.http.exchange import Desk
from largesse.http.lane import Lane

_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen, and how long the end may take."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 lets the system choose; `on_bound` tells."""
    backlog: int = 2048
    """Connections that the system accepts ahead of us: a crowd arrives within one tick."""
    drain_s_max: int = 20
    """At the end, for answers in flight; orchestrators kill after 30 s."""


class Server(uvicorn.Server):
    """uvicorn's server that tells its address and, after a signal, returns instead of dying of it.

    uvicorn raises the signal again once it is done (exit status 143); a clean end is status 0.
    """

    def __init__(self, config: uvicorn.Config, on_bound: Callable[[str, int], None]) -> None:
        super().__init__(config)
        self.on_bound = on_bound

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
    config = uvicorn.Config(
        app,
        host=listening.host,
        port=listening.port,
        backlog=listening.backlog,
        timeout_graceful_shutdown=listening.drain_s_max,
        http=partial(Lane, desk, watch),  # type: ignore[arg-type]  # called like the class
        ws="none",
        lifespan="on",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
    )
    return Server(config, on_bound)
