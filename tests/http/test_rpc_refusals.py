"""Refusals in our own words are the library's, byte for meaning."""

import json
from base64 import b64decode
from collections.abc import Iterator

import pytest
from connectrpc._gen.google.rpc.status_pb import Status
from connectrpc._protocol import _error_to_http_status
from connectrpc._protocol_grpc import _connect_status_to_grpc
from connectrpc.code import Code

from largesse.http import errors, wire
from largesse.http.errors import ERRORS, OUTCOMES, Known, problem_of_outcome, problem_of_wire
from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb
from largesse.http.rpc.refusals import (
    CODES,
    DETAIL_TYPE,
    Protocol,
    Refusal,
    encoded,
    of_outcome,
    protocol_of,
    refuse,
)
from largesse.kernel.outcome import Outcome

KNOWN = Known(opens_at="2027-01-15T08:00:00.250Z", retry_after=300, incentive_id="inc_1")


def test_codes_are_the_librarys() -> None:
    """Each with its HTTP status and its number in gRPC."""
    assert set(CODES) == {code.value for code in Code}
    for code in Code:
        ours = CODES[code.value]
        assert ours.status == _error_to_http_status[code].code
        assert str(ours.grpc) == _connect_status_to_grpc[code]


def used_codes() -> Iterator[str]:
    """Every Connect code in the one table of outcomes and errors, and in the server's own."""
    yield from (meaning.connect for meaning in OUTCOMES.values())
    yield from (meaning.connect for meaning in ERRORS.values())
    yield from (one.connect for one in wire.PROBLEMS)


def test_the_tables_know_no_other_code() -> None:
    """A misspelt one would be found by a caller, at night."""
    assert set(used_codes()) - set(CODES) == {"ok"}
    assert {
        meaning.connect == "ok" for outcome, meaning in OUTCOMES.items() if outcome.success
    } == {True}


def test_the_older_service_knows_two_refusals() -> None:
    """Not yet, and no more: its clients compare the text."""
    not_yet = {
        outcome for outcome, meaning in OUTCOMES.items() if meaning.older != errors.NO_MORE_COUPONS
    }
    assert not_yet == {Outcome.NOT_ACTIVE, Outcome.NOT_OPEN_YET}
    assert OUTCOMES[Outcome.NOT_OPEN_YET].older == "coupon issuance not started yet"
    assert OUTCOMES[Outcome.SOLD_OUT].older == "no more coupons available"


def test_a_problem_is_encoded_as_protobuf_does() -> None:
    """Every field, also long and not ASCII; what is empty is left out."""
    problem = problem_of_outcome(Outcome.NOT_OPEN_YET, "req_1" * 40, "아직 " * 50, KNOWN)
    seen = pb.Problem.from_binary(encoded(problem))
    assert seen.to_binary() == encoded(problem)
    assert (seen.type, seen.title, seen.status) == (problem.type, "Not open yet", 409)
    assert (seen.detail, seen.code, seen.transient) == ("아직 " * 50, "NOT_OPEN_YET", True)
    assert (seen.request_id, seen.retry_after, seen.incentive_id) == ("req_1" * 40, 300, "inc_1")
    assert seen.opens_at is not None
    assert seen.opens_at.to_datetime().isoformat() == "2027-01-15T08:00:00.250000+00:00"
    bare = problem_of_wire(wire.MALFORMED, "req_1")
    assert pb.Problem.from_binary(encoded(bare)).to_binary() == encoded(bare)


def a_refusal() -> Refusal:
    """A refusal with all that it can have."""
    problem = problem_of_outcome(Outcome.SOLD_OUT, "req_1", "다 나갔다: 100%\n", KNOWN)
    return of_outcome(Outcome.SOLD_OUT, problem)


def test_connect() -> None:
    """JSON under the status of the code, with the problem as a detail."""
    refused = refuse(a_refusal(), Protocol.CONNECT)
    said = json.loads(refused.body)
    assert refused.status == 429
    assert refused.headers == [(b"content-type", b"application/json")]
    [detail] = said.pop("details")
    assert said == {"code": "resource_exhausted", "message": "다 나갔다: 100%\n"}
    assert detail["type"] == DETAIL_TYPE
    assert pb.Problem.from_binary(b64decode(detail["value"] + "==")).code == "SOLD_OUT"


@pytest.mark.parametrize("protocol", [Protocol.GRPC_WEB, Protocol.GRPC])
def test_grpc(protocol: Protocol) -> None:
    """A 200 of headers only, whose message survives as ASCII and whose details are a Status."""
    refused = refuse(a_refusal(), protocol)
    headers = dict(refused.headers)
    assert (refused.status, refused.body) == (200, b"")
    assert headers[b"content-type"] == b"application/%b+proto" % protocol.value.encode()
    assert headers[b"grpc-status"] == b"8"
    assert headers[b"grpc-message"].startswith(b"%EB%8B%A4 %")
    assert headers[b"grpc-message"].endswith(b"%3A 100%25%0A")
    status = Status.from_binary(b64decode(headers[b"grpc-status-details-bin"] + b"=="))
    assert (status.code, status.message) == (8, "다 나갔다: 100%\n")
    [detail] = status.details
    assert detail.type_url == f"type.googleapis.com/{DETAIL_TYPE}"
    assert pb.Problem.from_binary(detail.value).incentive_id == "inc_1"


@pytest.mark.parametrize(
    ("content_type", "protocol"),
    [
        (b"application/json", Protocol.CONNECT),
        (b"application/proto", Protocol.CONNECT),
        (b"", Protocol.CONNECT),
        (b"application/grpc", Protocol.GRPC),
        (b"application/grpc+proto", Protocol.GRPC),
        (b"Application/gRPC; charset=utf-8", Protocol.GRPC),
        (b"application/grpc-web", Protocol.GRPC_WEB),
        (b"application/grpc-web+json", Protocol.GRPC_WEB),
        (b"application/grpc-web-text", Protocol.GRPC_WEB),
    ],
)
def test_the_content_type_tells_the_protocol(content_type: bytes, protocol: Protocol) -> None:
    """As the specifications name them."""
    assert protocol_of(content_type) is protocol
