"""Answers that are sent piece by piece, because all of it at once would fill the memory."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

Loose = Any  # the framework's and ASGI's own types, which each spells its own way


class Pieces(Protocol):
    """A body that is made while it is sent. Whoever has it closes it."""

    @property
    def length(self) -> int | None:
        """How many bytes it will be in all; None where nobody knows before the end."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Its pieces, once."""

    def close(self) -> None:
        """Let go of what it is made from."""


class Stream:
    """Pieces of which nobody knows how many come."""

    length = None

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        """See `Pieces`."""
        return self._pieces

    def close(self) -> None:
        """See `Pieces`: nothing is held between two of them."""


class PiecesResponse(Response[bytes]):
    """An answer whose body is closed when it is sent, when its client has gone, when it fails."""

    def __init__(self, pieces: Pieces, status: int, headers: dict[str, str]) -> None:
        super().__init__(b"", status_code=status, headers=headers)
        self._pieces = pieces

    def to_asgi_response(self, app: Loose, request: Loose, **_: Loose) -> ASGIResponse:
        """The answer in the form of the server."""
        headers, length = dict(self.headers), self._pieces.length
        if length is not None:
            headers["content-length"] = str(length)
        return _Sent(self._pieces, int(self.status_code or 0), headers)


class _Sent(ASGIStreamingResponse):
    def __init__(self, pieces: Pieces, status: int, headers: dict[str, str]) -> None:
        super().__init__(iterator=aiter(pieces), status_code=status, headers=headers)
        self._pieces = pieces

    async def __call__(self, scope: Loose, receive: Loose, send: Loose) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pieces.close()
