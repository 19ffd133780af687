"""Refusals as RPC says them: a problem in the form of Connect, of gRPC-Web or of gRPC.

Connect: https://connectrpc.com/docs/protocol; gRPC: PROTOCOL-HTTP2.md and PROTOCOL-WEB.md of
https://github.com/grpc/grpc. What is refused before or beside the library that speaks them, in the
fast lane above all, is refused in these words; `tests/http/rpc` holds them against the library's.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from urllib.parse import quote

import msgspec
from msgspec import Struct

from largesse.http import wire
from largesse.http.errors import OUTCOMES, Problem, connect_of_error, problem_of_wire
from largesse.http.times import moment_ms
from largesse.kernel.errors import LargesseError
from largesse.kernel.outcome import Outcome

DETAIL_TYPE = "largesse.v1.Problem"
"""The message of `proto/largesse/v1/coupons.proto` that every refusal of ours carries."""

_TARGETS = (b"/largesse.v1.", b"/couponpb.")
"""What the targets of all services begin with."""

_TYPE_URL = "type.googleapis.com/" + DETAIL_TYPE


class Code(Struct, frozen=True):
    """What a Connect code is elsewhere: its HTTP status, and its number in gRPC."""

    status: int
    grpc: int


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "canceled": Code(499, 1),
        "unknown": Code(500, 2),
        "invalid_argument": Code(400, 3),
        "deadline_exceeded": Code(504, 4),
        "not_found": Code(404, 5),
        "already_exists": Code(409, 6),
        "permission_denied": Code(403, 7),
        "resource_exhausted": Code(429, 8),
        "failed_precondition": Code(400, 9),
        "aborted": Code(409, 10),
        "out_of_range": Code(400, 11),
        "unimplemented": Code(501, 12),
        "internal": Code(500, 13),
        "unavailable": Code(503, 14),
        "data_loss": Code(500, 15),
        "unauthenticated": Code(401, 16),
    }
)


class Protocol(Enum):
    """In which of the three a request speaks."""

    CONNECT = "connect"
    GRPC_WEB = "grpc-web"
    GRPC = "grpc"


class Refusal(Struct, frozen=True):
    """Why a call is refused: a Connect code, what people read, and the problem that it is."""

    code: str
    message: str
    problem: Problem | None = None


class Refused(Struct, frozen=True):
    """An answer that refuses; `headers` lack its length."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def protocol_of(content_type: bytes) -> Protocol:
    """The protocol that a request's content type belongs to; Connect where it is of no other."""
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type == b"application/grpc-web" or media_type.startswith(b"application/grpc-web"):
        return Protocol.GRPC_WEB
    if media_type == b"application/grpc" or media_type.startswith(b"application/grpc+"):
        return Protocol.GRPC
    return Protocol.CONNECT


def of_outcome(outcome: Outcome, problem: Problem) -> Refusal:
    """A wish that was refused."""
    return Refusal(OUTCOMES[outcome].connect, problem.detail, problem)


def of_error(error: LargesseError, problem: Problem) -> Refusal:
    """A call that could not be understood or done."""
    return Refusal(connect_of_error(error), problem.detail, problem)


def of_wire(problem: wire.Problem, shown: Problem) -> Refusal:
    """A request that the server itself would not read."""
    return Refusal(problem.connect, shown.detail, shown)


def refuse(refusal: Refusal, protocol: Protocol) -> Refused:
    """The answer, in the protocol's own words."""
    return _connect(refusal) if protocol is Protocol.CONNECT else _grpc(refusal, protocol)


def _connect(refusal: Refusal) -> Refused:
    said: dict[str, object] = {"code": refusal.code, "message": refusal.message}
    if refusal.problem is not None:
        value = b64encode(encoded(refusal.problem)).rstrip(b"=").decode("ascii")
        said["details"] = [{"type": DETAIL_TYPE, "value": value}]
    status = CODES[refusal.code].status
    return Refused(status, [(b"content-type", b"application/json")], msgspec.json.encode(said))


def _grpc(refusal: Refusal, protocol: Protocol) -> Refused:
    """An answer of trailers only: a 200 whose headers say how it ended."""
    number = CODES[refusal.code].grpc
    headers = [
        (b"content-type", b"application/%b+proto" % protocol.value.encode("ascii")),
        (b"grpc-status", b"%d" % number),
        (b"grpc-message", quote(refusal.message, safe=" ").encode("ascii")),
    ]
    if refusal.problem is not None:
        status = b64encode(status_of(refusal)).rstrip(b"=")
        headers.append((b"grpc-status-details-bin", status))
    return Refused(200, headers, b"")


def status_of(refusal: Refusal) -> bytes:
    """A refusal as the message `google.rpc.Status`, the problem among its details."""
    said = _number(1, CODES[refusal.code].grpc) + _text(2, refusal.message)
    if refusal.problem is None:
        return said
    return said + _bytes(3, _text(1, _TYPE_URL) + _bytes(2, encoded(refusal.problem)))


def of_server(
    problem: wire.Problem, request_id: str, target: bytes | None, content_type: bytes
) -> tuple[bytes, bytes]:
    """The server's own refusal of a request: a head and a body in the words of its target."""
    if target is None or not target.startswith(_TARGETS):
        return wire.problem_answer(problem, request_id)
    refusal = of_wire(problem, problem_of_wire(problem, request_id))
    refused = refuse(refusal, protocol_of(content_type))
    length = (b"content-length", b"%d" % len(refused.body))
    return wire.head(refused.status, [*refused.headers, length]), refused.body


def encoded(problem: Problem) -> bytes:
    """A problem as the message `largesse.v1.Problem`; what is empty is left out."""
    parts = [
        _text(1, problem.type),
        _text(2, problem.title),
        _number(3, problem.status),
        _text(4, problem.detail),
        _text(5, problem.code),
        _number(6, problem.transient),
        _text(7, problem.request_id),
        _text(8, problem.pointer or ""),
    ]
    if problem.opens_at is not None:
        parts.append(_bytes(9, _timestamp(problem.opens_at)))
    parts += [_number(10, problem.retry_after or 0), _text(11, problem.incentive_id or "")]
    return b"".join(parts)


def _timestamp(moment: str) -> bytes:
    seconds, milliseconds = divmod(moment_ms(datetime.fromisoformat(moment), ""), 1000)
    return _number(1, seconds) + _number(2, milliseconds * 1_000_000)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode()) if value else b""


def _bytes(field: int, value: bytes) -> bytes:
    """A field of the wire type LEN (https://protobuf.dev/programming-guides/encoding)."""
    return varint(field << 3 | 2) + varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    """A field of the wire type VARINT; none is negative."""
    return varint(field << 3) + varint(value) if value else b""


def varint(value: int) -> bytes:
    """A number that is not negative: seven bits in each byte, the lowest first."""
    parts = bytearray()
    while value > 0x7F:  # noqa: PLR2004 — seven bits go into each byte, the eighth says more come
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
