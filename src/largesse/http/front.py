"""What stands before the application: each request gets its id, its path, its log line."""

import re
from collections.abc import Iterable
from typing import Any

import structlog

from largesse.http.metrics import Metrics
from largesse.http.request_ids import REQUEST_ID, RequestIds, request_id_of
from largesse.http.tracing import Trace
from largesse.kernel.clock import stopwatch_s

Asgi = Any  # ASGI's own types, which every framework spells its own way

NOWHERE = "/:nowhere"
"""A path without a route."""

_log = structlog.get_logger(__name__)


class Front:
    """An ASGI application around another one.

    The router knows no `:verb` at the end of a parameter, so that `/campaigns/{id}:activate` is
    inside `/campaigns/{id}/:activate`; and it answers HEAD as GET, whose body the server leaves
    out.
    """

    def __init__(
        self, application: Asgi, paths: Iterable[str], request_ids: RequestIds, metrics: Metrics
    ) -> None:
        self._application = application
        self._with_verb = re.compile("|".join(map(_pattern, filter(_has_verb, paths))))
        self._new_request_id = request_ids.new
        self._metrics = metrics

    async def __call__(self, scope: Asgi, receive: Asgi, send: Asgi) -> None:
        """Serve one scope."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == REQUEST_ID), None)
        trace = Trace(request_id_of(given, self._new_request_id))
        started_s = stopwatch_s()
        status = 0

        async def send_marked(message: Asgi) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _marked(message["headers"], trace.request_id)
            await send(message)

        try:
            await self._application(self._inner(scope, trace), receive, send_marked)
        finally:
            self._tell(scope["method"], trace, status, stopwatch_s() - started_s)

    def _inner(self, scope: Asgi, trace: Trace) -> Asgi:
        """The scope as the application gets it."""
        method = scope["method"]
        return {
            **scope,
            "method": "GET" if method == "HEAD" else method,
            "path": self._path(scope["path"]),
            "state": {**scope.get("state", {}), "trace": trace},
        }

    def _path(self, path: str) -> str:
        """The path to look for; the router would take other spellings of a path, too."""
        if path != "/" and ("//" in path or "/:" in path or path.endswith("/")):
            return NOWHERE
        return inner_path(path) if self._with_verb.fullmatch(path) else path

    def _tell(self, method: str, trace: Trace, status: int, took_s: float) -> None:
        self._metrics.request(method, trace.route, status, took_s)
        if not trace.hot:
            _log.info(
                "request",
                method=method,
                route=trace.route,
                status=status,
                ms=round(1000 * took_s, 3),
                tenant=trace.tenant,
                request_id=trace.request_id,
            )


def inner_path(path: str) -> str:
    """A path as the router knows it: a verb is a step of its own."""
    thing, colon, verb = path.rpartition(":")
    return f"{thing}/:{verb}" if colon else path


def _has_verb(path: str) -> bool:
    return ":" in path


def _pattern(path: str) -> str:
    """What the paths of an operation look like: `/a/{b}:c` → `/a/[^/]+:c`."""
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))


def _marked(headers: Asgi, request_id: str) -> list[tuple[bytes, bytes]]:
    others = [(name, value) for name, value in headers if name.lower() != REQUEST_ID]
    return [*others, (REQUEST_ID, request_id.encode("ascii"))]
