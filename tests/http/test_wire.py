"""Heads, problems and exchanges: the words that the lane and the plain routes share."""

import asyncio

import msgspec
import pytest

from largesse.http import errors, wire
from largesse.http.exchange import Answer, Exchange, ask, headers_said_once

PROBLEMS = [value for value in vars(wire).values() if isinstance(value, wire.Problem)]


def test_a_head_comes_apart_as_it_was_put_together() -> None:
    """Plain routes send the handler's own status and headers, whatever is in them."""
    headers = [(b"content-length", b"0"), (b"x-note", b"a: b"), (b"x-empty", b"")]
    head = wire.head(409, headers)

    assert head.startswith(b"HTTP/1.1 409 Conflict\r\n")
    assert wire.parts_of(head) == (409, headers)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_problems_of_the_lane_look_like_all_others(problem: wire.Problem) -> None:
    """One shape of refusals, byte for byte, whoever refuses."""
    head, body = wire.problem_answer(problem, "req_1")
    told = errors.problem_of_wire(problem, "req_1")

    assert body == errors.encode(told)
    status, headers = wire.parts_of(head)
    assert status == problem.status
    assert headers == [*errors.headers_of(told), (b"content-length", b"%d" % len(body))]
    assert msgspec.json.decode(body)["code"] == problem.code


def test_headers_that_decide_are_said_once() -> None:
    """Two keys make no request; two of another header make one with the last of them."""
    key, note = (b"idempotency-key", b"1"), (b"x-note", b"1")
    assert headers_said_once([key, note]) == dict([key, note])
    assert headers_said_once([note, (b"x-note", b"2")]) == {b"x-note": b"2"}
    assert headers_said_once([key, key]) is None


async def test_a_handler_may_answer_a_plain_route_later() -> None:
    """`ask` waits for the handler's answer."""
    held: list[Exchange] = []
    asking = asyncio.create_task(ask(held.append, {b"x-note": b"1"}, b"{}"))
    while not held:
        await asyncio.wait([asking], timeout=0)
    held[0].answer(b"head", b"body")

    assert (held[0].headers, held[0].body) == ({b"x-note": b"1"}, b"{}")
    assert await asking == Answer(b"head", b"body")


async def test_an_answer_that_nobody_awaits_any_more_is_dropped() -> None:
    """The route was cancelled; the wish was settled all the same, and nothing fails."""
    held: list[Exchange] = []
    asking = asyncio.create_task(ask(held.append, {}, b""))
    while not held:
        await asyncio.wait([asking], timeout=0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    held[0].answer(b"head", b"body")
