"""The listener for native gRPC, on a port of its own beside the main server.

grpcio speaks HTTP/2 and gRPC; the methods, their guard and their refusals are those of the main
port. It comes with the extra `grpc`, and is loaded by whoever wants this listener.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import grpc
import structlog
from grpc.aio import ServicerContext
from msgspec import Struct
from protobuf import DescMethod

from largesse.http.errors import MalformedError, problem_of_error
from largesse.http.exchange import headers_said_once
from largesse.http.metrics import Metrics
from largesse.http.request_ids import REQUEST_ID, request_id_of
from largesse.http.rpc.coupons import Coupons
from largesse.http.rpc.described import TRACE, V1
from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb
from largesse.http.rpc.guard import RefusedError, guarded, spelled
from largesse.http.rpc.refusals import CODES, Refusal, of_error, status_of
from largesse.http.rpc.v1 import CouponService
from largesse.http.services import Services
from largesse.http.tracing import Trace
from largesse.kernel.clock import stopwatch_s
from largesse.kernel.errors import StartError
from largesse.settings.tree import Settings

_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS = "grpc-status-details-bin"

_log = structlog.get_logger(__name__)


class _Call(Struct, frozen=True):
    """A call as the service sees it: `guard.Context`."""

    request_headers: Mapping[str, str]
    timeout_ms: float | None


class GrpcServer:
    """A server of the coupon service. It has a port once it is made, and answers from `serve` on.

    Raises `StartError` where the port cannot be had.
    """

    def __init__(self, services: Services, metrics: Metrics) -> None:
        settings = services.settings
        host, port = settings.server.host, settings.rpc.grpc_port
        self._services = services
        self._metrics = metrics
        self._stopping = asyncio.Event()
        self._drain_s_max = settings.server.drain_s_max
        self._server = grpc.aio.server(
            options=_options(settings),
            maximum_concurrent_rpcs=settings.issuance.waiting_max,
        )
        service = CouponService(Coupons(services), services.tenants)
        [described] = pb.desc().services
        handlers = {method.name: self._handler(service, method) for method in described.methods}
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(V1.name, handlers)]
        )
        place = f"[{host}]" if ":" in host else host
        try:
            self.address = host, self._server.add_insecure_port(f"{place}:{port}")
        except RuntimeError as error:
            message = f"cannot listen on {host} port {port}: choose another with --grpc-port"
            raise StartError(message) from error

    async def serve(self) -> None:
        """Serve until `stop`, then answer what was accepted."""
        await self._server.start()
        await self._stopping.wait()
        await self._server.stop(self._drain_s_max)

    def stop(self) -> None:
        """Take no more calls."""
        self._stopping.set()

    def _handler(self, service: CouponService, method: DescMethod) -> Any:  # noqa: ANN401 - grpcio's type has no name
        answer = guarded(getattr(service, spelled(method.name)), RefusedError)
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, method, answer))

    async def _answer(
        self,
        method: DescMethod,
        answer: Callable[[Any, Any], Awaitable[Any]],
        said: bytes,
        context: ServicerContext[bytes, bytes],
    ) -> bytes:
        """Serve one call: bytes in, bytes out."""
        pairs = [
            (name.encode(), _bytes(value)) for name, value in context.invocation_metadata() or ()
        ]
        headers = headers_said_once(pairs)
        given = (headers or {}).get(REQUEST_ID)
        trace = Trace(request_id_of(given, self._services.request_ids.new))
        trace.route, trace.hot = f"{V1.prefix}/{method.name}", method.name in V1.hot
        TRACE.set(trace)
        started_s = stopwatch_s()
        code = "canceled"  # unless it comes to an end below
        try:
            message = _read(method, headers, said, trace.request_id)
            call = _Call(_texts(headers or {}), _timeout_ms(context))
            answered: bytes = (await answer(message, call)).to_binary()
            code = "ok"
        except RefusedError as error:
            code = error.refusal.code
            await _refuse(context, error.refusal, trace.request_id)
        finally:
            self._tell(trace, code, stopwatch_s() - started_s)
        return answered

    def _tell(self, trace: Trace, code: str, took_s: float) -> None:
        status = 200 if code == "ok" else CODES[code].status
        self._metrics.request("POST", trace.route, status, took_s)
        if not trace.hot:
            _log.info(
                "call",
                route=trace.route,
                code=code,
                ms=round(1000 * took_s, 3),
                tenant=trace.tenant,
                request_id=trace.request_id,
            )


def _options(settings: Settings) -> tuple[tuple[str, int], ...]:
    """How grpcio serves. What it would cut off beyond a limit is taken, and answered instead."""
    waiting_max = settings.issuance.waiting_max
    return (
        ("grpc.so_reuseport", 0),  # two servers on one port would share its calls
        ("grpc.max_receive_message_length", settings.server.body_bytes_max),
        ("grpc.max_metadata_size", settings.server.headers_bytes_max),
        ("grpc.server.max_pending_requests", 2 * waiting_max),
        ("grpc.server.max_pending_requests_hard_limit", 4 * waiting_max),
    )


def _read(
    method: DescMethod, headers: Mapping[bytes, bytes] | None, said: bytes, request_id: str
) -> Any:  # noqa: ANN401 - a message of the method's type
    """What a call says; `RefusedError` where nobody could tell."""
    if headers is None:
        error = MalformedError("a header that decides about the answer is there twice")
        raise RefusedError(of_error(error, problem_of_error(error, request_id)))
    try:
        return method.input.type.from_binary(said)
    except Exception as cause:
        error = MalformedError(f"the message is no {method.input.name}: {cause}")
        refusal = of_error(error, problem_of_error(error, request_id))
        raise RefusedError(refusal) from cause


async def _refuse(
    context: ServicerContext[bytes, bytes], refusal: Refusal, request_id: str
) -> None:
    context.set_trailing_metadata(
        ((_DETAILS, status_of(refusal)), (REQUEST_ID.decode("ascii"), request_id))
    )
    await context.abort(_CODES[CODES[refusal.code].grpc], refusal.message)


def _timeout_ms(context: ServicerContext[bytes, bytes]) -> float | None:
    left_s = context.time_remaining()
    return None if left_s is None else 1000 * left_s


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _texts(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in headers.items()}
