"""The client of the command line, before a server that the test plays."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from largesse.cli.client import Client, path_of
from largesse.cli.errors import CommandError, RefusedError

LOSE = None
"""Instead of an answer: close the connection."""

Answer = tuple[int, bytes] | None


class Stage(HTTPServer):
    """Gives the test's answers in turn and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Player)
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class Player(BaseHTTPRequestHandler):
    """One request on the stage."""

    server: Stage

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Every method is played alike."""
        if name.startswith("do_"):
            return self.play
        raise AttributeError(name)

    def play(self) -> None:
        """Keep the request and give the next answer."""
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(content) if content else None
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        answer = self.server.answers.pop(0)
        if answer is LOSE:
            return
        self.send_response(answer[0])
        self.send_header("content-length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        """Say nothing."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A server in a thread of its own."""
    with Stage() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_post_has_a_key_of_its_own(stage: Stage) -> None:
    """Who names none gets a new one each time; and the API key goes with it."""
    stage.answers = [(201, b'{"id":"camp_1"}'), (201, b'{"id":"camp_2"}')]
    client = Client(stage.url, "lgs_x")
    made = [client.post(path_of("campaigns"), {"name": "가"}) for _ in range(2)]

    assert made == [{"id": "camp_1"}, {"id": "camp_2"}]
    (method, path, first, body), (_, _, second, _) = stage.asked
    assert (method, path, body) == ("POST", "/api/v1/campaigns", {"name": "가"})
    assert first["Authorization"] == "Bearer lgs_x"
    assert first["Content-Type"] == "application/json"
    assert first["Idempotency-Key"] != second["Idempotency-Key"]


def test_a_lost_answer_is_asked_for_again_with_the_same_key(stage: Stage) -> None:
    """Once: what happened the first time happens no second time."""
    stage.answers = [LOSE, (201, b"{}")]
    Client(stage.url, "k").post("/api/v1/campaigns", {})
    first, second = (headers["Idempotency-Key"] for _, _, headers, _ in stage.asked)
    assert first == second


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("POST", 2), ("DELETE", 1)])
def test_a_connection_that_stays_lost_is_told(stage: Stage, method: str, times: int) -> None:
    """After the second time; a deletion is not repeated, for it would not be found again."""
    stage.answers = [LOSE] * times
    client = Client(stage.url, "k")
    asks: dict[str, Callable[[str], object]] = {
        "GET": client.get,
        "POST": client.post,
        "DELETE": client.delete,
    }
    with pytest.raises(CommandError, match="no answer came from"):
        asks[method]("/api/v1/x")
    assert len(stage.asked) == times


def test_a_refusal_is_told_with_its_code(stage: Stage) -> None:
    """And once: the server has answered."""
    problem = {"code": "SOLD_OUT", "detail": "All are gone.", "title": "Sold out", "transient": 0}
    stage.answers = [(409, json.dumps(problem).encode())]
    with pytest.raises(RefusedError, match=r"^SOLD_OUT: All are gone\.$") as refused:
        Client(stage.url, "k").post("/api/v1/x")
    assert refused.value.problem == {"status": 409, **problem}


def test_a_pointer_is_told() -> None:
    """So that one knows what to change."""
    error = RefusedError({"code": "INVALID", "detail": "too long", "pointer": "/name"})
    assert str(error) == "INVALID: too long (at /name)"
    assert str(RefusedError({"status": 500})) == "the server refused"


def test_what_a_refusal_names_is_told() -> None:
    """Its detail speaks of `opens_at` and `incentive_id`: here they are."""
    error = RefusedError({"code": "NOT_OPEN_YET", "detail": "Later.", "opens_at": "2026-12-01"})
    assert str(error) == "NOT_OPEN_YET: Later. (opens_at 2026-12-01)"
    error = RefusedError({"code": "CUSTOMER_LIMIT_REACHED", "incentive_id": "inc_1"})
    assert str(error) == "CUSTOMER_LIMIT_REACHED (incentive_id inc_1)"


def test_an_empty_answer_is_nothing(stage: Stage) -> None:
    """204 after a deletion."""
    stage.answers = [(204, b"")]
    assert Client(stage.url, "k").delete("/api/v1/x") == {}


@pytest.mark.parametrize("answer", [(200, b"<html>"), (502, b"<html>"), (301, b""), (200, b"[]")])
def test_what_is_no_largesse_is_told(stage: Stage, answer: tuple[int, bytes]) -> None:
    """Another server listens there."""
    stage.answers = [answer]
    with pytest.raises(CommandError, match="is no largesse"):
        Client(stage.url, "k").get("/api/v1/x")


def test_ids_cannot_leave_their_place(stage: Stage) -> None:
    """Whatever characters they have; and what is not asked for is not in the query."""
    stage.answers = [(200, b"{}")]
    path = path_of("campaigns", "../a b?c/가")
    Client(stage.url + "/", "k").get(path, {"limit": "5", "cursor": None})
    [(_, asked, _, _)] = stage.asked
    assert asked == "/api/v1/campaigns/..%2Fa%20b%3Fc%2F%EA%B0%80?limit=5"


def test_nobody_there_is_told() -> None:
    """With what to do."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        client = Client(f"http://127.0.0.1:{held.getsockname()[1]}", "k")
        with pytest.raises(CommandError, match="run `largesse serve`, or give --url"):
            client.get("/api/v1/x")


@pytest.mark.parametrize(
    ("url", "key", "told"),
    [
        ("127.0.0.1:8000", "k", "is no address of a server"),
        ("http://", "k", "is no address of a server"),
        ("http://h:99999", "k", "is no address of a server"),
        ("http://[::1", "k", "is no address of a server"),
        ("ftp://h", "k", "is no address of a server"),
        ("http://h", None, "set LARGESSE_KEY, or give --key"),
        ("http://h", "lgs_\r\nX-Injected: 1", "has characters that no key has"),
        ("http://h", "열쇠", "has characters that no key has"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(url: str, key: str | None, told: str) -> None:
    """In one line."""
    with pytest.raises(CommandError, match=told):
        Client(url, key)
