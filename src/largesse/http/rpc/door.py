"""What a listener calls for RPC: it looks at a request's head and leads it to the service.

The libraries behind the services cost a third of a second and thirty megabytes to load, so the
first call loads them, in a thread of its own, unless `load` was called before.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from largesse.http.errors import MalformedError, problem_of_error
from largesse.http.exchange import headers_said_once
from largesse.http.metrics import Metrics
from largesse.http.rpc.described import COMPAT, TRACE, V1, Described
from largesse.http.rpc.refusals import (
    Protocol,
    Refusal,
    of_error,
    protocol_of,
    refuse,
)
from largesse.http.server import BoundCompanion
from largesse.http.services import Services
from largesse.http.tracing import Trace
from largesse.kernel.errors import StartError
from largesse.tenants.model import Tenant

Asgi = Any  # ASGI's own types, which every framework spells its own way


class Door:
    """An ASGI application of one service, inside a `Front`."""

    def __init__(self, service: Described, make: Callable[[], Asgi]) -> None:
        self.service = service
        self._make = make
        self._making: asyncio.Future[Asgi] | None = None

    async def load(self) -> Asgi:
        """Make the service; the second call gets what the first one made."""
        if self._making is None:
            self._making = asyncio.ensure_future(asyncio.to_thread(self._make))
        return await asyncio.shield(self._making)

    async def __call__(self, scope: Asgi, receive: Asgi, send: Asgi) -> None:
        """Serve one call."""
        trace: Trace = scope["state"]["trace"]
        # A mount keeps only what follows it, with a slash of its own at the end.
        method = scope["path"].removeprefix(self.service.prefix).strip("/")
        headers = headers_said_once(scope["headers"])
        protocol = protocol_of((headers or {}).get(b"content-type", b""))
        if method in self.service.methods:
            trace.route = f"{self.service.prefix}/{method}"
            trace.hot = method in self.service.hot
        refusal = self._refusal(method, headers, protocol, scope)
        if refusal is not None:
            await _answer(refusal, protocol, send)
            return
        application = await self.load()
        TRACE.set(trace)
        called = {
            **scope,
            "path": trace.route,
            "root_path": "",
            "headers": [(name, _utf8(value)) for name, value in scope["headers"]],
        }
        await application(called, receive, send)

    def _refusal(
        self,
        method: str,
        headers: Mapping[bytes, bytes] | None,
        protocol: Protocol,
        scope: Asgi,
    ) -> Refusal | None:
        """Why a call is refused by its head alone; the service sees to the rest."""
        request_id = scope["state"]["trace"].request_id
        if method not in self.service.methods:
            names = ", ".join(sorted(self.service.methods))
            return Refusal("unimplemented", f"{self.service.name} knows the methods {names}")
        extensions = scope.get("extensions") or {}
        if protocol is Protocol.GRPC and "http.response.trailers" not in extensions:
            message = "native gRPC is answered on a port of its own: serve --grpc-port"
            return Refusal("unimplemented", message)
        if headers is None:
            return _malformed("a header that decides about the answer is there twice", request_id)
        if not scope["query_string"].isascii():
            return _malformed("the query is not well formed", request_id)
        return None


class Nowhere:
    """What stands beside a door on a listener of its own: no other service is there."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Asgi, receive: Asgi, send: Asgi) -> None:
        """Serve one call, or say that there is no such service."""
        if scope["path"].startswith(self._door.service.prefix + "/"):
            await self._door(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refusal = Refusal("unimplemented", f"the only service here is {self._door.service.name}")
        await _answer(refusal, protocol_of(headers.get(b"content-type", b"")), send)


def _malformed(message: str, request_id: str) -> Refusal:
    error = MalformedError(message)
    return of_error(error, problem_of_error(error, request_id))


def _utf8(value: bytes) -> bytes:
    """A header's value as the services read it: text that is not UTF-8 passes for Latin-1."""
    if value.isascii():
        return value
    try:
        value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1").encode()
    return value


async def _answer(refusal: Refusal, protocol: Protocol, send: Asgi) -> None:
    refused = refuse(refusal, protocol)
    headers = [*refused.headers, (b"content-length", b"%d" % len(refused.body))]
    await send(
        {"type": "http.response.start", "status": refused.status, "headers": headers},
    )
    await send({"type": "http.response.body", "body": refused.body})


def v1_door(services: Services) -> Door:
    """The door to the service of today."""

    def make() -> Asgi:
        from largesse.http.rpc.application import v1_application  # noqa: PLC0415 - see above: cost

        return v1_application(services)

    return Door(V1, make)


def open_grpc(services: Services, metrics: Metrics) -> BoundCompanion:
    """A listener for native gRPC, on its port; `StartError` where it cannot be had."""
    try:
        from largesse.http.rpc.grpc import GrpcServer  # noqa: PLC0415 - as above, and an extra
    except ImportError as error:
        message = "native gRPC needs more: pip install 'largesse[grpc]', or leave grpc_port out"
        raise StartError(message) from error
    return GrpcServer(services, metrics)


def older_door(services: Services, tenant: Tenant) -> Door:
    """The door to the older service, for one tenant."""

    def make() -> Asgi:
        from largesse.http.rpc.application import older_application  # noqa: PLC0415 - as above

        return older_application(services, tenant)

    return Door(COMPAT, make)
