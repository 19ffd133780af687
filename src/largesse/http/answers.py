"""Answers of hot routes, as bytes: the same in the lane and outside it."""

from http import HTTPStatus

import msgspec
from msgspec import Struct

from largesse.http import errors, wire
from largesse.http.errors import Problem
from largesse.http.exchange import Exchange

REPLAYED = b"idempotency-replayed: true\r\n"


def head_of(status: int, content_type: bytes) -> bytes:
    """A head with places for the length of the content and the request's id."""
    return b"%bcontent-type: %b\r\ncontent-length: %%d\r\nx-request-id: %%b\r\n" % (
        wire.STATUS_LINES[status],
        content_type,
    )


CREATED = head_of(HTTPStatus.CREATED, b"application/json")


def answer_json(asked: Exchange, request_id: str, answer: Struct) -> None:
    """Answer 200 with a body."""
    content = msgspec.json.encode(answer)
    asked.answer(head(HTTPStatus.OK, b"application/json", content, request_id), content)


def answer_ok(asked: Exchange, request_id: str, content: bytes, *, replayed: bool) -> None:
    """Answer 200 with a body of JSON; say so where an earlier call brought it about."""
    done = head(HTTPStatus.OK, b"application/json", content, request_id)
    asked.answer(done + REPLAYED if replayed else done, content)


def answer_created(asked: Exchange, request_id: str, content: bytes, *, replayed: bool) -> None:
    """Answer 201 with a body of JSON; say so where an earlier call brought it about."""
    created = CREATED % (len(content), request_id.encode("ascii"))
    asked.answer(created + REPLAYED if replayed else created, content)


def answer_problem(asked: Exchange, problem: Problem) -> None:
    """Answer with a problem."""
    content = errors.encode(problem)
    first = head(problem.status, errors.CONTENT_TYPE, content, problem.request_id)
    more = errors.headers_of(problem)[1:]
    asked.answer(first + b"".join(b"%b: %b\r\n" % pair for pair in more), content)


def head(status: int, content_type: bytes, content: bytes, request_id: str) -> bytes:
    """A head in the form of `wire.head`."""
    return head_of(status, content_type) % (len(content), request_id.encode("ascii"))
