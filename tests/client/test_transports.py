"""Both transports before a server that the test plays: what one does, the other does."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import pytest
from stage import LOSE, Said, Stage

from largesse.client import campaigns, claims, incentives
from largesse.client.address import ANSWER_BYTES_MAX
from largesse.client.asynchronous import AsyncClient
from largesse.client.blocking import Client
from largesse.client.call import Call, Request, reading
from largesse.client.errors import NoAnswerError, RefusedError, StrangeAnswerError
from largesse.client.model import Page, Refusal
from largesse.client.retries import ONCE, Retries

T = TypeVar("T")

EAGER = Retries(attempts_max=3, wait_s_first=0.001, dice=lambda: 0.0)
BUSY = b'{"code":"BUSY","transient":true}'
ANYTHING: Call[dict[str, Any]] = Call(Request("GET", "/x"), reading(dict[str, Any]))


class Asks(Protocol):
    """Asks some calls one after the other over one client; their results."""

    def __call__(
        self, url: str, calls: Iterable[Call[T]], retries: Retries = ..., timeout_s: float = ...
    ) -> list[T]:
        """Ask."""


def ask_blocking(
    url: str, calls: Iterable[Call[T]], retries: Retries = EAGER, timeout_s: float = 10
) -> list[T]:
    """With the client that waits."""
    with Client(url, "lgs_x", retries=retries, timeout_s=timeout_s) as client:
        return [client.ask(call) for call in calls]


def ask_asynchronously(
    url: str, calls: Iterable[Call[T]], retries: Retries = EAGER, timeout_s: float = 10
) -> list[T]:
    """With the other."""

    async def ask() -> list[T]:
        async with AsyncClient(url, "lgs_x", retries=retries, timeout_s=timeout_s) as client:
            return [await client.ask(call) for call in calls]

    return asyncio.run(ask())


@pytest.fixture(params=[ask_blocking, ask_asynchronously], ids=["blocking", "asynchronous"])
def ask(request: pytest.FixtureRequest) -> Asks:
    """Each transport in turn."""
    chosen: Asks = request.param
    return chosen


def keys_of(stage: Stage) -> list[str | None]:
    """The Idempotency-Key of each request that came."""
    return [asked.headers.get("Idempotency-Key") for asked in stage.asked]


def test_requests_share_a_connection(stage: Stage, ask: Asks) -> None:
    """And have the API key and a body in JSON."""
    stage.answers = [Said(200, b'{"a":1}'), Said(200, b'{"b":2}')]
    call = Call(Request("POST", "/x", b'{"name":"\xea\xb0\x80"}'), reading(dict[str, int]))
    assert ask(stage.url, [call, call]) == [{"a": 1}, {"b": 2}]
    first, second = stage.asked
    assert (first.method, first.path, first.body) == ("POST", "/x", {"name": "가"})
    assert first.headers["Authorization"] == "Bearer lgs_x"
    assert first.headers["Content-Type"] == "application/json"
    assert first.connection == second.connection


def test_a_root_comes_before_every_path(stage: Stage, ask: Asks) -> None:
    """Where a gateway serves largesse below one."""
    stage.answers = [Said(200)]
    ask(stage.url + "/in/", [ANYTHING])
    assert stage.asked[0].path == "/in/x"


@pytest.mark.parametrize(
    "lost", [LOSE, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", b"SSH-2.0\r\n"]
)
def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    stage: Stage, ask: Asks, lost: bytes | None
) -> None:
    """Whether nothing came, a part of it, or nonsense: what happened happens no second time."""
    stage.answers = [lost, Said(409, b'{"code":"SOLD_OUT"}')]
    [refused] = ask(stage.url, [claims.claim("c", "mina")])
    assert isinstance(refused, Refusal)
    first, second = keys_of(stage)
    assert first == second is not None


def test_a_busy_server_is_asked_again_with_the_same_key(stage: Stage, ask: Asks) -> None:
    """For whom too much came at once, and who is being restarted behind a gateway."""
    stage.answers = [Said(503, BUSY), Said(502, b"<html>"), Said(200)]
    ask(stage.url, [Call(Request("POST", "/x"), reading(dict[str, Any]))])
    assert [one.path for one in stage.asked] == ["/x"] * 3


def test_it_is_asked_a_bounded_number_of_times(stage: Stage, ask: Asks) -> None:
    """Then a refusal of a wish is its outcome, and no answer is an error."""
    stage.answers = [Said(503, BUSY)] * 3
    [refused] = ask(stage.url, [claims.claim("c", "mina")])
    assert isinstance(refused, Refusal)
    assert refused.outcome == "BUSY"
    stage.answers = [LOSE] * 3
    with pytest.raises(NoAnswerError, match="no answer came from") as told:
        ask(stage.url, [claims.claim("c", "mina")])
    assert told.value.sent
    assert len(stage.asked) == 6


def test_retry_after_is_honoured(stage: Stage, ask: Asks) -> None:
    """A wait longer than allowed is the caller's to decide about: he is told at once."""
    stage.answers = [
        Said(429, b'{"code":"TOO_MANY_GUESSES","retry_after":60}', (("Retry-After", "60"),))
    ]
    [refused] = ask(stage.url, [incentives.find_code("x")])
    assert isinstance(refused, Refusal)
    assert refused.retry_after == 60
    assert len(stage.asked) == 1


def test_a_deletion_is_not_repeated(stage: Stage, ask: Asks) -> None:
    """Once it has been sent: it would not be found again."""
    stage.answers = [LOSE]
    with pytest.raises(NoAnswerError):
        ask(stage.url, [campaigns.delete("c")])
    assert len(stage.asked) == 1


def test_a_connection_that_was_hung_up_is_not_used_again(stage: Stage) -> None:
    """A kept one that ended meanwhile: even what is not repeated gets through."""
    stage.answers = [Said(200, hang_up=True), Said(204)]
    with Client(stage.url, "k", retries=ONCE) as client:
        client.ask(ANYTHING)
        assert stage.hung_up.wait(10)
        assert client.ask(campaigns.delete("c")) is None
    assert [one.connection for one in stage.asked] == [1, 2]


async def test_an_asynchronous_connection_that_was_hung_up_is_not_used_again(stage: Stage) -> None:
    """The same, as soon as the loop has heard of it."""
    stage.answers = [Said(200, hang_up=True), Said(204)]
    async with AsyncClient(stage.url, "k", retries=ONCE) as client:
        await client.ask(ANYTHING)
        [kept] = client._idle
        async with asyncio.timeout(10):
            while kept.usable:  # noqa: ASYNC110 - the connection tells nobody else
                await asyncio.sleep(0)
        assert await client.ask(campaigns.delete("c")) is None
    assert [one.connection for one in stage.asked] == [1, 2]


def test_a_server_may_ask_to_hang_up(stage: Stage, ask: Asks) -> None:
    """The next request has a connection of its own."""
    stage.answers = [Said(200, headers=(("Connection", "close"),), hang_up=True), Said(200)]
    ask(stage.url, [ANYTHING, ANYTHING], ONCE)
    assert [one.connection for one in stage.asked] == [1, 2]


def test_an_answer_may_come_in_pieces(stage: Stage, ask: Asks) -> None:
    """Chunked, and after a word that is not the answer yet."""
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    stage.answers = [head + b'4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n']
    assert ask(stage.url, [ANYTHING], ONCE) == [{"a": 1}]


def test_a_silent_server_is_given_up(stage: Stage, ask: Asks) -> None:
    """After the time that the caller allows."""
    stage.answers = [b""]
    with pytest.raises(NoAnswerError, match="no answer came from"):
        ask(stage.url, [ANYTHING], ONCE, 0.05)


def test_an_answer_without_end_is_given_up(stage: Stage, ask: Asks) -> None:
    """Nothing fills the memory."""
    size = ANSWER_BYTES_MAX + 1
    stage.answers = [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + bytes(size)]
    with pytest.raises(NoAnswerError, match="larger than"):
        ask(stage.url, [ANYTHING], ONCE)


def test_nobody_there_is_told(ask: Asks) -> None:
    """With what to do; nothing was sent, so nothing has happened."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(NoAnswerError, match="start one with `largesse serve`") as told:
            ask(url, [campaigns.delete("c")])
    assert not told.value.sent


def test_what_is_no_largesse_is_told(stage: Stage, ask: Asks) -> None:
    """And the connection can be used on."""
    stage.answers = [Said(200, b"<html>")]
    with pytest.raises(StrangeAnswerError, match="is no largesse"):
        ask(stage.url, [ANYTHING])


def test_a_mistake_is_raised_once(stage: Stage, ask: Asks) -> None:
    """Asking again would not mend it."""
    stage.answers = [Said(422, b'{"code":"INVALID","detail":"too long","pointer":"/name"}')]
    with pytest.raises(RefusedError, match=r"INVALID: too long \(at /name\)"):
        ask(stage.url, [campaigns.create({"name": "x"})])


def pages(stage: Stage) -> Call[Page[int]]:
    """A list in three pieces."""
    pieces: list[tuple[list[int], str | None]] = [([1, 2], "a"), ([], "b"), ([3], None)]
    stage.answers = [
        Said(200, json.dumps({"items": items, "next": following}).encode())
        for items, following in pieces
    ]
    return Call(Request("GET", "/list?limit=2"), reading(Page[int]))


def walk_blocking(stage: Stage) -> list[int]:
    """With the client that waits."""
    with Client(stage.url, "k") as client:
        return list(client.walk(pages(stage)))


def walk_asynchronously(stage: Stage) -> list[int]:
    """With the other."""

    async def walk() -> list[int]:
        async with AsyncClient(stage.url, "k") as client:
            return [item async for item in client.walk(pages(stage))]

    return asyncio.run(walk())


@pytest.mark.parametrize("walk", [walk_blocking, walk_asynchronously])
def test_a_list_is_walked_to_its_end(stage: Stage, walk: Callable[[Stage], list[int]]) -> None:
    """Piece by piece, also past an empty one."""
    assert walk(stage) == [1, 2, 3]
    paths = ["/list?limit=2", "/list?limit=2&cursor=a", "/list?limit=2&cursor=b"]
    assert [asked.path for asked in stage.asked] == paths


def test_threads_may_share_a_client(stage: Stage) -> None:
    """Each request has a connection to itself while it lasts."""
    stage.answers = [Said(200) for _ in range(40)]
    with Client(stage.url, "k") as client:

        def ask_ten() -> None:
            for _ in range(10):
                client.ask(ANYTHING)

        threads = [threading.Thread(target=ask_ten) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(stage.asked) == 40
    assert stage.connections <= 4


async def test_calls_wait_for_a_connection(stage: Stage) -> None:
    """There are never more than were allowed."""
    stage.answers = [Said(200) for _ in range(20)]
    async with AsyncClient(stage.url, "k", connections_max=2) as client:
        await asyncio.gather(*(client.ask(ANYTHING) for _ in range(20)))
    assert stage.connections == 2


async def test_a_call_that_is_given_up_takes_its_connection_with_it(stage: Stage) -> None:
    """Its answer must not be taken for the next one's."""
    stage.answers = [b"", Said(200, b'{"mine":1}')]
    async with AsyncClient(stage.url, "k", connections_max=1) as client:
        given_up = asyncio.create_task(client.ask(ANYTHING))
        await asyncio.to_thread(stage.waiting.wait, 10)
        given_up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await given_up
        assert await client.ask(ANYTHING) == {"mine": 1}


@pytest.mark.parametrize("module", ["blocking", "asynchronous", "claims", "model"])
def test_a_client_brings_in_no_server(module: str) -> None:
    """Nor a table or a command line; the one that waits not even an event loop."""
    heavy = {
        "largesse.http",
        "largesse.settings",
        "largesse.wiring",
        "litestar",
        "uvicorn",
        "numpy",
    }
    heavy |= {"apsw", "rich", "cyclopts", *({"asyncio"} if module == "blocking" else ())}
    program = f"import sys, largesse.client.{module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()
    assert f"largesse.client.{module}" in loaded
    assert not heavy.intersection(loaded)
