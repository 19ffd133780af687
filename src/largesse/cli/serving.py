"""One process that serves, from its settings to its clean end."""

import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from largesse.cli.greeting import Greeting, settle_down, url_of
from largesse.kernel.lean import left_out

with left_out("rich"):  # 3 MB in every server, for tracebacks that its log shows plainly
    import structlog  # here first, for all that import it below

from largesse.cli.logs import set_up_logs
from largesse.http.server import Companion, Listening, Server, make_companion, make_server
from largesse.settings.tree import Settings
from largesse.wiring.application import Application, Older, open_application

_log = structlog.get_logger(__name__)

Said = Callable[[Greeting, str, int], None]
"""Called once, when a server listens, with its host and port."""

Around = Callable[[Application, Server], AbstractAsyncContextManager[None]]
"""What lives as long as a server does."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The sockets that a process serves on; `older` for the clients of the older service."""

    main: socket.socket
    older: socket.socket | None


@asynccontextmanager
async def nothing(_application: Application, _server: Server) -> AsyncIterator[None]:
    """Nothing lives beside the server."""
    yield


def log_to_standard_error(settings: Settings) -> None:
    """Have the log written as the settings want it."""
    set_up_logs(settings.log, sys.stderr, [settings.admin_key] if settings.admin_key else [])


async def serve_on(bound: Bound, settings: Settings, said: Said, around: Around = nothing) -> None:
    """Serve until a signal. Raises `StartError` where that cannot begin."""
    drain_s_max = settings.server.drain_s_max
    listening = Listening(settings.server.host, settings.server.port, drain_s_max)
    async with open_application(settings) as application:
        companions: list[Companion] = []
        beside: dict[str, str] = {}
        if application.grpc is not None:
            companions.append(application.grpc)
            beside["grpc"] = url_of(*application.grpc.address)
        if application.older is not None:
            assert bound.older is not None
            companions.append(_companion(application.older, bound.older, drain_s_max))
            beside["compat"] = url_of(*bound.older.getsockname()[:2])
        greeting = Greeting(application.first_key, beside)

        def on_bound(host: str, port: int) -> None:
            said(greeting, host, port)
            settle_down()

        server = make_server(
            application.asgi, application.desk, application.watch, listening, on_bound
        )
        async with around(application, server):
            await server.serve_all(bound.main, companions)


def _companion(older: Older, bound: socket.socket, drain_s_max: int) -> Companion:
    _warn_of_strangers(bound)
    return make_companion(older.asgi, older.desk, older.watch, bound, drain_s_max)


def _warn_of_strangers(bound: socket.socket) -> None:
    """Say in the log that whoever reaches the listener may claim and read without a key."""
    host = bound.getsockname()[0]
    if not ip_address(host).is_loopback:
        _log.warning("compat listener open", host=host, risk="it asks nobody for a key")
