"""A server that lies: it stands before an honest one and changes single answers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Passing(NamedTuple):
    """An answer on its way: to what, with which status, and what it says."""

    method: str
    path: str
    status: int
    said: Any
    replayed: bool


Lie = Callable[[Passing], tuple[int, Any]]
"""What the customer hears instead: a status and a document."""


class Liar(ThreadingHTTPServer):
    """Passes requests on, and answers through a lie, one at a time."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, lie: Lie) -> None:
        super().__init__(("127.0.0.1", 0), _Passer)
        self.honest_port = port
        self.lie = lie
        self.lock = threading.Lock()


class _Passer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece, or its second half waits for an ACK
    server: Liar

    def setup(self) -> None:
        super().setup()
        self.honest = HTTPConnection("127.0.0.1", self.server.honest_port)

    def finish(self) -> None:
        self.honest.close()
        super().finish()

    def play(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.honest.request(self.command, self.path, body or None, dict(self.headers))
        answer = self.honest.getresponse()
        content = answer.read()
        replayed = answer.headers.get("idempotency-replayed") == "true"
        said = json.loads(content) if content else None
        with self.server.lock:
            passing = Passing(self.command, self.path, answer.status, said, replayed)
            status, told = self.server.lie(passing)
        lied = content if told == said else json.dumps(told).encode()
        self.send_response_only(status)
        if replayed:
            self.send_header("idempotency-replayed", "true")
        self.send_header("content-length", str(len(lied)))
        self.end_headers()
        self.wfile.write(lied)

    do_GET = do_POST = play  # noqa: N815 - the parent looks for these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        pass


@contextmanager
def lying(port: int, lie: Lie) -> Iterator[str]:
    """The address of a liar before the server on a port of this machine."""
    with Liar(port, lie) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
