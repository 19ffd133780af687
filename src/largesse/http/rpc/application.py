"""Services as ASGI applications of connectrpc, which speaks Connect, gRPC-Web and gRPC."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from connectrpc.code import Code
from connectrpc.codec import proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.server import ConnectASGIApplication, Endpoint
from protobuf import DescMethod, DescService
from protobuf.wkt.google.protobuf.descriptor_pb import MethodOptions

from largesse.http.rpc.compat import OlderCouponService
from largesse.http.rpc.coupons import Coupons
from largesse.http.rpc.generated.couponpb import coupons_pb as older_pb
from largesse.http.rpc.generated.largesse.v1 import coupons_pb as v1_pb
from largesse.http.rpc.guard import guarded, spelled
from largesse.http.rpc.refusals import Refusal, encoded
from largesse.http.rpc.v1 import CouponService
from largesse.http.services import Services
from largesse.tenants.model import Tenant

AsError = Callable[[Refusal], ConnectError]


def v1_application(services: Services) -> "Application":
    """The service of today."""
    service = CouponService(Coupons(services), services.tenants)
    [described] = v1_pb.desc().services
    return Application(service, described, with_detail, services.settings.server.body_bytes_max)


def older_application(services: Services, tenant: Tenant) -> "Application":
    """The older service, for one tenant."""
    service = OlderCouponService(Coupons(services), services.tenants, tenant)
    [described] = older_pb.desc().services
    return Application(service, described, without_detail, services.settings.server.body_bytes_max)


class StrictJson:
    """JSON for connectrpc, checked to be JSON before the library reads it.

    What is nested a hundred thousand levels deep makes the library overflow its stack, which ends
    the process. It is read here first, by a reader that counts.
    """

    def __init__(self) -> None:
        self._codec = proto_json_codec()

    def name(self) -> str:
        """Its part of the content type."""
        return self._codec.name()

    def encode(self, message: Any) -> bytes:  # noqa: ANN401 - a message of any type
        """A message as JSON."""
        return self._codec.encode(message)

    def decode(self, data: bytes | bytearray, message_class: type[Any]) -> Any:  # noqa: ANN401 - as above
        """What JSON says; the library's caller turns what is raised into `invalid_argument`."""
        msgspec.json.decode(data)
        return self._codec.decode(data, message_class)


class Application(ConnectASGIApplication[Any]):
    """A service whose methods are named as in its description, in our spelling.

    A message larger than `bytes_max`, also once it is unpacked, is refused.
    """

    def __init__(
        self, service: object, described: DescService, as_error: AsError, bytes_max: int
    ) -> None:
        self._described = described
        super().__init__(
            service=service,
            endpoints=lambda _: _endpoints(service, described, as_error),
            read_max_bytes=bytes_max,
            codecs=[proto_binary_codec(), StrictJson()],
        )

    @property
    def path(self) -> str:
        """What the paths of the service's methods begin with."""
        return f"/{self._described.type_name}"


def _endpoints(service: object, described: DescService, as_error: AsError) -> Mapping[str, Any]:
    return {
        f"/{described.type_name}/{method.name}": Endpoint.unary(
            _info(described, method), guarded(getattr(service, spelled(method.name)), as_error)
        )
        for method in described.methods
    }


def with_detail(refusal: Refusal) -> ConnectError:
    """A refusal as the services of today answer it: with the problem as its detail."""
    problem = refusal.problem
    details = [] if problem is None else [v1_pb.Problem.from_binary(encoded(problem))]
    return ConnectError(Code(refusal.code), refusal.message, details)


def without_detail(refusal: Refusal) -> ConnectError:
    """A refusal as the older service answered every one of them."""
    return ConnectError(Code.UNKNOWN, refusal.message)


def _info(described: DescService, method: DescMethod) -> MethodInfo[Any, Any]:
    reads = method.idempotency == MethodOptions.IdempotencyLevel.NO_SIDE_EFFECTS
    return MethodInfo(
        name=method.name,
        service_name=described.type_name,
        input=method.input.type,
        output=method.output.type,
        idempotency_level=IdempotencyLevel.NO_SIDE_EFFECTS if reads else IdempotencyLevel.UNKNOWN,
        stream_type=StreamType.UNARY,
    )
