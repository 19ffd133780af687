"""Bytes of HTTP answers: heads, and the problems of the server itself.

A head is the status line and the answer's own header lines, each ended by CR LF. Whoever sends it
adds what belongs to the connection (`date`, `connection`) and the empty line.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

Headers = Iterable[tuple[bytes, bytes]]

STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}


def head(status: int, headers: Headers) -> bytes:
    """The head of an answer; names are lower case, `content-length` is among the headers."""
    lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    return STATUS_LINES[status] + lines


def parts_of(head: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    """The status and the headers of a head, for servers that want them apart."""
    status_line, *lines = head.split(b"\r\n")[:-1]
    pairs = (line.partition(b": ") for line in lines)
    return int(status_line.split(b" ", 2)[1]), [(name, value) for name, _, value in pairs]


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal of a request that the server itself could not or would not read (RFC 9457).

    `connect` is the same as a code of RPC.
    """

    status: int
    code: str
    title: str
    detail: str
    transient: bool = False
    connect: str = "invalid_argument"


MALFORMED = Problem(
    400, "MALFORMED", "Malformed request", "The bytes received are not a valid HTTP/1.1 request."
)
UPGRADE_REFUSED = Problem(
    400,
    "UPGRADE_REFUSED",
    "Upgrade refused",
    "A connection is upgraded by a request without a body, alone in flight on its connection.",
)
REQUEST_TIMEOUT = Problem(
    408,
    "REQUEST_TIMEOUT",
    "Request timeout",
    "The request did not arrive in time.",
    transient=True,
    connect="deadline_exceeded",
)
BODY_TOO_LARGE = Problem(
    413,
    "BODY_TOO_LARGE",
    "Body too large",
    "The body is larger than this route takes.",
    connect="resource_exhausted",
)
HEADERS_TOO_LARGE = Problem(
    431,
    "HEADERS_TOO_LARGE",
    "Headers too large",
    "The request line and headers are too large.",
    connect="resource_exhausted",
)
INTERNAL_ERROR = Problem(
    500,
    "INTERNAL_ERROR",
    "Internal error",
    "The request met a fault of ours; its Idempotency-Key tells what became of it.",
    transient=True,
    connect="internal",
)


NO_ROUTE = Problem(
    404, "NO_ROUTE", "No route", "There is no route at this path.", connect="unimplemented"
)
METHOD_NOT_ALLOWED = Problem(
    405,
    "METHOD_NOT_ALLOWED",
    "Method not allowed",
    "This path knows the methods that the header Allow names.",
    connect="unimplemented",
)

PROBLEMS = (
    MALFORMED,
    UPGRADE_REFUSED,
    REQUEST_TIMEOUT,
    BODY_TOO_LARGE,
    HEADERS_TOO_LARGE,
    INTERNAL_ERROR,
    NO_ROUTE,
    METHOD_NOT_ALLOWED,
)
"""What the server answers by itself, whatever was asked."""


def type_of(code: str) -> str:
    """The `type` of all problems with a code: where people find it explained."""
    return "/problems/" + code.lower().replace("_", "-")


def problem_answer(problem: Problem, request_id: str) -> tuple[bytes, bytes]:
    """The head and the body of `application/problem+json` for a problem."""
    body = msgspec.json.encode(
        {
            "type": type_of(problem.code),
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
            "code": problem.code,
            "transient": problem.transient,
            "request_id": request_id,
        }
    )
    headers = (
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
    )
    return head(problem.status, headers), body
