"""What the lane and a hot route say to each other: one request, and the place for its answer."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct


class Exchange(Protocol):
    """One request to a hot route, complete, and the one answer to it."""

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        """The request's headers; names are lower case, none was there twice."""

    @property
    def body(self) -> bytes:
        """The request's body."""

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer: a head in the form of `wire.head`, and as many bytes as it announces.

        Called exactly once, now or later, on the loop's thread. That the client has gone meanwhile
        is not told: a wish that was taken is settled, and its key tells what became of it.
        """


Handler = Callable[[Exchange], None]
"""Takes an exchange and sees to it that it is answered; it neither blocks nor raises."""


class Selective:
    """A handler that takes only requests whose headers it knows; the others go to ASGI."""

    __slots__ = ("_handle", "takes")

    def __init__(self, handle: Handler, takes: Callable[[Mapping[bytes, bytes]], bool]) -> None:
        self._handle = handle
        self.takes = takes

    def __call__(self, asked: Exchange) -> None:
        """Take an exchange."""
        self._handle(asked)


class Desk(Protocol):
    """Who answers the hot routes."""

    @property
    def routes(self) -> Mapping[bytes, Handler]:
        """The whole target of each hot POST (`b"/api/v1/campaigns/camp_…/claims"`).

        Always the same dictionary: its owner changes it while connections look things up in it.
        """


class FixedDesk(Struct, frozen=True):
    """A desk whose routes stay as they are."""

    routes: Mapping[bytes, Handler]


class Answer(Struct, frozen=True):
    """An answer in the form in which `Exchange.answer` takes it."""

    head: bytes
    body: bytes


class PlainExchange(Struct, frozen=True):
    """An exchange outside the lane: the same handler behind a plain ASGI route."""

    headers: Mapping[bytes, bytes]
    body: bytes
    answered: asyncio.Future[Answer]

    def answer(self, head: bytes, body: bytes) -> None:
        """Keep the answer for whoever awaits it, unless that one was cancelled."""
        if not self.answered.cancelled():
            self.answered.set_result(Answer(head, body))


async def ask(handler: Handler, headers: Mapping[bytes, bytes], body: bytes) -> Answer:
    """What a hot route's handler answers to this request."""
    exchange = PlainExchange(headers, body, asyncio.get_running_loop().create_future())
    handler(exchange)
    return await exchange.answered


_SAID_ONCE = (b"authorization", b"content-type", b"idempotency-key", b"x-request-id")


def headers_said_once(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    """The headers of an ASGI scope as an exchange has them.

    None where one that decides about the answer is there twice: whichever of two keys we took, a
    proxy on the way may have taken the other. Such a request is malformed.
    """
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name in headers and name in _SAID_ONCE:
            return None
        headers[name] = value
    return headers
