"""A server that the test plays, for clients of either kind."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Said(NamedTuple):
    """An answer to give, whether to hold it back first, and to hang up after it unannounced."""

    status: int
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    hang_up: bool = False
    hold: bool = False


class Asked(NamedTuple):
    """A request that came, by the number of its connection."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    connection: int


LOSE = None
"""Instead of an answer: hang up."""


class Stage(ThreadingHTTPServer):
    """Gives the test's answers in turn and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Player)
        self.answers: list[Said | bytes | None] = []
        self.asked: list[Asked] = []
        self.connections = 0
        self.hung_up = threading.Event()
        self.waiting = threading.Event()
        """Set once somebody is kept waiting, by `b""` or by an answer that is held back."""
        self.held = threading.Event()
        """Set it to let go of those."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as the parent has it
        """Tell when a connection has ended."""
        super().shutdown_request(request)
        self.hung_up.set()


class Player(BaseHTTPRequestHandler):
    """One connection to the stage."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece, or its second half waits for an ACK
    server: Stage

    def setup(self) -> None:
        """Count it."""
        super().setup()
        self.server.connections += 1
        self.number = self.server.connections

    def play(self) -> None:
        """Keep the request and give the next answer."""
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(content) if content else None
        asked = Asked(self.command, self.path, dict(self.headers), body, self.number)
        self.server.asked.append(asked)
        answer = self.server.answers.pop(0)
        self.close_connection = not isinstance(answer, Said) or answer.hang_up
        if answer == b"" or (isinstance(answer, Said) and answer.hold):
            self.server.waiting.set()
            self.server.held.wait(10)
        if isinstance(answer, bytes):
            self.wfile.write(answer)
        elif answer is not None:
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = play  # noqa: N815 - the parent looks for these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        """Say nothing."""


@contextmanager
def staged() -> Iterator[Stage]:
    """A stage in a thread of its own; whoever is still kept waiting at the end is let go."""
    with Stage() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.held.set()
        server.shutdown()
        thread.join()
