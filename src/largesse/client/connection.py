"""One connection of the asynchronous client: a request, then its answer, read by httptools."""

import asyncio
from collections.abc import Iterable
from typing import cast

import httptools

from largesse.client.address import ANSWER_BYTES_MAX, BODY_HEADERS, TOO_LARGE, Address
from largesse.client.call import Answer, Request
from largesse.client.errors import NoAnswerError, lost

_FIRST_FINAL_STATUS = 200
_NO_BODY = ("GET", "DELETE")


class Connection(asyncio.Protocol):
    """Sends one request at a time. A request that is given up takes its connection with it."""

    def __init__(self, address: Address) -> None:
        self._url = address.url
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._awaited: asyncio.Future[Answer | NoAnswerError] | None = None
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._bytes = 0

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return (
            self._awaited is None
            and self._transport is not None
            and not self._transport.is_closing()
        )

    async def send(self, data: bytes, timeout_s: float) -> Answer | NoAnswerError:
        """Send a request; what became of it."""
        assert self.usable, "one request at a time"
        loop = asyncio.get_running_loop()
        awaited: asyncio.Future[Answer | NoAnswerError] = loop.create_future()
        self._awaited = awaited
        cast("asyncio.Transport", self._transport).write(data)
        deadline = loop.call_later(timeout_s, self._give_up, timeout_s)
        try:
            return await awaited
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            deadline.cancel()

    def abort(self) -> None:
        """Go away without a word, whether or not all is sent."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on in an answer."""
        if self._awaited is None:
            self.abort()  # nothing was asked
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._end(lost(self._url, error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._transport = None
        self._end(lost(self._url, exc))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        self._parts.append(part)
        self._bytes += len(part)
        if self._bytes > ANSWER_BYTES_MAX:
            self._end(NoAnswerError(f"no answer came from {self._url}: {TOO_LARGE}"))

    def on_message_complete(self) -> None:
        """Hand the answer over; words before it, such as 100 Continue, are passed over."""
        body = b"".join(self._parts)
        answer = Answer(self._parser.get_status_code(), self._headers, body)
        keep = self._parser.should_keep_alive()
        self._headers, self._parts, self._bytes = {}, [], 0
        if answer.status < _FIRST_FINAL_STATUS:
            return
        self._finish(answer)
        if not keep and self._transport is not None:
            self._transport.close()

    def _give_up(self, timeout_s: float) -> None:
        self._end(lost(self._url, TimeoutError(f"nothing within {timeout_s:g} s")))

    def _end(self, failure: NoAnswerError) -> None:
        """What came cannot be the answer: give the connection up."""
        self.abort()
        self._finish(failure)

    def _finish(self, ended: Answer | NoAnswerError) -> None:
        awaited, self._awaited = self._awaited, None
        if awaited is not None and not awaited.done():
            awaited.set_result(ended)


class Encoder:
    """Writes requests to one server as bytes."""

    def __init__(self, address: Address) -> None:
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._root = address.root
        self._fixed = f" HTTP/1.1\r\nHost: {host}:{address.port}\r\n{_lines(address.headers)}"

    def encode(self, request: Request) -> bytes:
        """The bytes of a request; its parts are ASCII without line ends already."""
        lines, body = _lines(request.headers), request.body
        if body is not None:
            lines += f"{_lines(BODY_HEADERS)}Content-Length: {len(body)}\r\n"
        elif request.method not in _NO_BODY:
            lines += "Content-Length: 0\r\n"
        head = f"{request.method} {self._root}{request.target}{self._fixed}{lines}\r\n"
        return head.encode("ascii") + (body or b"")


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)
