"""Asks a server and waits for the answer: over http.client of the standard library."""

import http.client
import select
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeVar

from largesse.client.address import ANSWER_BYTES_MAX, TIMEOUT_S, TOO_LARGE, Address, address_of
from largesse.client.call import Answer, Call, Request, onward, refusal_of
from largesse.client.errors import RefusedError, lost, nobody_at
from largesse.client.model import Page
from largesse.client.retries import Ended, Retries, result

T = TypeVar("T")

PIECE_BYTES = 1024 * 1024
"""Of a download: so much is held at once."""

_DEFAULT = Retries()


class Client:
    """A server, asked with one API key. Connections are kept; threads may share it.

    Raises `MisuseError` where the address or the key cannot be one.
    """

    def __init__(
        self, url: str, key: str, *, retries: Retries = _DEFAULT, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._address = address_of(url, key)
        self._retries = retries
        self._timeout_s = timeout_s
        self._idle: deque[http.client.HTTPConnection] = deque()

    def ask(self, call: Call[T]) -> T:
        """The result of a call, asked again under the same key where that may help.

        Raises `RefusedError`, `NoAnswerError` and `StrangeAnswerError`.
        """
        attempt = 1
        while True:
            ended = self._attempt(call.request)
            wait_s = self._retries.wait_s(call, attempt, ended)
            if wait_s is None:
                return result(call, ended)
            time.sleep(wait_s)
            attempt += 1

    def walk(self, call: Call[Page[T]]) -> Iterator[T]:
        """Everything in a list, from the piece that the call asks for to the end."""
        following: Call[Page[T]] | None = call
        while following is not None:
            page = self.ask(following)
            yield from page.items
            following = onward(following, page)

    @contextmanager
    def download(self, call: Call[bytes]) -> Iterator[tuple[int | None, Iterator[bytes]]]:
        """What is too large to be held: its length in bytes, and its pieces. Asked for once.

        The length is None where the server makes it while it sends.

        Raises what `ask` does; taking a piece raises `NoAnswerError` where the body breaks off.
        """
        url = self._address.url
        with closing(_connection(self._address, self._timeout_s)) as connection:
            try:
                connection.connect()
            except OSError as error:
                raise nobody_at(url, error) from error
            try:
                headers = dict(self._address.headers_of(call.request))
                connection.request("GET", self._address.root + call.request.target, None, headers)
                response = connection.getresponse()
                refused = b"" if response.status == HTTPStatus.OK else response.read()
            except (OSError, http.client.HTTPException) as error:
                raise lost(url, error) from error
            endless = response.length is None and not response.chunked
            if response.status != HTTPStatus.OK or endless:
                raise RefusedError(refusal_of(Answer(response.status, {}, refused)))
            yield response.length, _pieces(url, response)

    def close(self) -> None:
        """Hang up; asking again connects anew."""
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        """Use it as a context manager to hang up at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self.close()

    def _attempt(self, request: Request) -> Ended:
        connection = self._reused() or _connection(self._address, self._timeout_s)
        try:
            if connection.sock is None:
                connection.connect()
        except OSError as error:
            return nobody_at(self._address.url, error)
        try:
            answer = _exchange(connection, self._address, request)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return lost(self._address.url, error)
        if connection.sock is not None:  # the server may have asked to hang up
            self._idle.append(connection)
        return answer

    def _reused(self) -> http.client.HTTPConnection | None:
        """A kept connection on which the server has neither hung up nor said anything."""
        while self._idle:
            connection = self._idle.pop()
            poll = select.poll()
            poll.register(connection.sock, select.POLLIN)
            if not poll.poll(0):
                return connection
            connection.close()
        return None


def _connection(address: Address, timeout_s: float) -> http.client.HTTPConnection:
    kind: Callable[..., http.client.HTTPConnection] = (
        http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
    )
    return kind(address.host, address.port, timeout=timeout_s)


def _pieces(url: str, response: http.client.HTTPResponse) -> Iterator[bytes]:
    while response.length or response.chunked:
        try:
            piece = response.read(PIECE_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise lost(url, error) from error
        if not piece and response.length is None:
            return  # the last chunk has come: else there was an error
        if not piece:
            raise lost(url, http.client.IncompleteRead(b"", response.length))
        yield piece


def _exchange(connection: http.client.HTTPConnection, address: Address, request: Request) -> Answer:
    headers = dict(address.headers_of(request))
    connection.request(request.method, address.root + request.target, request.body, headers)
    response = connection.getresponse()
    body = response.read(ANSWER_BYTES_MAX + 1)
    if len(body) > ANSWER_BYTES_MAX:
        raise http.client.HTTPException(TOO_LARGE)
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    told = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, told, body)
