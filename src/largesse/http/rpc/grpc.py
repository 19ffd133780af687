"""The listener for native gRPC: HTTP/2 with trailers, by hypercorn, beside the main server.

It serves the same ASGI application as the main port does, so Connect and gRPC-Web over HTTP/2
without TLS are answered there, too. hypercorn comes with the extra `grpc`, and is loaded by whoever
wants this listener.
"""

import asyncio
import logging
import socket
from typing import Any

from largesse.http.server import BACKLOG
from largesse.kernel.errors import StartError

STREAMS_MAX = 128
"""Calls that one connection may have in flight, as on the main port."""

_log = logging.getLogger(__name__)


class GrpcServer:
    """A server of an ASGI application on a socket, until it is told to stop.

    Raises `StartError` where hypercorn is missing.
    """

    def __init__(self, app: Any, bound: socket.socket, drain_s_max: float) -> None:  # noqa: ANN401 - ASGI's type, which every framework spells its own way
        try:
            import hypercorn  # noqa: F401, PLC0415 - an extra, which most servers do without
        except ImportError as error:
            message = "native gRPC needs more: pip install 'largesse[grpc]', or leave grpc_port out"
            raise StartError(message) from error
        self._app = app
        self._bound = bound
        self._drain_s_max = drain_s_max
        self._stopping = asyncio.Event()
        bound.setblocking(False)  # noqa: FBT003 - the socket's own way
        bound.listen(BACKLOG)  # whoever comes before `serve` waits instead of being turned away

    async def serve(self) -> None:
        """Serve until `stop`, then answer what was accepted."""
        from hypercorn.asyncio.run import worker_serve  # noqa: PLC0415 - as above
        from hypercorn.config import Config, Sockets  # noqa: PLC0415 - as above
        from hypercorn.utils import wrap_app  # noqa: PLC0415 - as above

        config = Config()
        config.backlog = BACKLOG
        config.graceful_timeout = self._drain_s_max
        config.h2_max_concurrent_streams = STREAMS_MAX
        config.include_server_header = False
        config.errorlog = _log
        _log.setLevel(logging.WARNING)  # its address has been told
        config.accesslog = None
        app = wrap_app(self._call, config.wsgi_max_body_size, "asgi")
        sockets = Sockets([], [self._bound], [])
        await worker_serve(app, config, sockets=sockets, shutdown_trigger=self._stopping.wait)

    async def _call(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - as above
        """Pass calls on: hypercorn speaks of its own life, and of WebSockets, too."""
        if scope["type"] == "http":
            await self._app(scope, receive, send)

    def stop(self) -> None:
        """Take no more calls."""
        self._stopping.set()
