"""Asks a server without blocking the event loop: over connections of asyncio and httptools."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, TypeVar

from largesse.client.address import TIMEOUT_S, address_of
from largesse.client.call import Call, Request, onward
from largesse.client.connection import Connection, Encoder
from largesse.client.errors import nobody_at
from largesse.client.model import Page
from largesse.client.retries import Ended, Retries, result

T = TypeVar("T")

CONNECTIONS_MAX = 100
"""Calls beyond so many at once wait for a connection: a server has to live, too."""

_DEFAULT = Retries()


class AsyncClient:
    """A server, asked with one API key over kept connections, all within one event loop.

    Raises `MisuseError` where the address or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        retries: Retries = _DEFAULT,
        timeout_s: float = TIMEOUT_S,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._address = address_of(url, key)
        self._encode = Encoder(self._address).encode
        self._tls = ssl.create_default_context() if self._address.secure else None
        self._retries = retries
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(connections_max)
        self._idle: deque[Connection] = deque()

    async def ask(self, call: Call[T]) -> T:
        """The result of a call, asked again under the same key where that may help.

        Raises `RefusedError`, `NoAnswerError` and `StrangeAnswerError`.
        """
        attempt = 1
        while True:
            ended = await self._attempt(call.request)
            wait_s = self._retries.wait_s(call, attempt, ended)
            if wait_s is None:
                return result(call, ended)
            await asyncio.sleep(wait_s)
            attempt += 1

    async def walk(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        """Everything in a list, from the piece that the call asks for to the end."""
        following: Call[Page[T]] | None = call
        while following is not None:
            page = await self.ask(following)
            for item in page.items:
                yield item
            following = onward(following, page)

    def close(self) -> None:
        """Hang up; asking again connects anew."""
        while self._idle:
            self._idle.pop().abort()

    async def __aenter__(self) -> Self:
        """Use it as a context manager to hang up at the end."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self.close()

    async def _attempt(self, request: Request) -> Ended:
        data = self._encode(request)
        async with self._places:
            try:
                connection = self._reused() or await self._connected()
            except OSError as error:  # a timeout is one, too
                return nobody_at(self._address.url, error)
            ended = await connection.send(data, self._timeout_s)
            if connection.usable:
                self._idle.append(connection)
            return ended

    def _reused(self) -> Connection | None:
        """A kept connection on which the server has not hung up."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connected(self) -> Connection:
        address, loop = self._address, asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout_s):
            _, connection = await loop.create_connection(
                lambda: Connection(address), address.host, address.port, ssl=self._tls
            )
        return connection
