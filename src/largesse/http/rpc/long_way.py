"""From the fast lane to the ASGI application: for a hot call that turns out to be irregular."""

import asyncio
from typing import Any

from largesse.http import wire
from largesse.http.exchange import Exchange

Asgi = Any  # ASGI's own types, which every framework spells its own way


class LongWay:
    """Asks the application what the lane could not answer, and brings the answer back."""

    def __init__(self, application: Asgi) -> None:
        self._application = application
        self._under_way: set[asyncio.Task[None]] = set()

    def take(self, path: str, asked: Exchange) -> None:
        """See to it that an exchange is answered by the application."""
        task = asyncio.get_running_loop().create_task(self._go(path, asked))
        self._under_way.add(task)  # or nobody would hold it
        task.add_done_callback(self._under_way.discard)

    async def _go(self, path: str, asked: Exchange) -> None:
        answer = _Answer()
        try:
            await self._application(_scope(path, asked), _Body(asked.body), answer)
        finally:
            asked.answer(*answer.parts())


class _Body:
    """The body of a request, as the application receives it; its client never leaves."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def __call__(self) -> Asgi:
        """The body once, then nothing for ever."""
        if self._body is None:
            await asyncio.get_running_loop().create_future()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Answer:
    """What the application sends, until it is whole."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""

    async def __call__(self, message: Asgi) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message["headers"])
        else:
            self._body += message.get("body", b"")

    def parts(self) -> tuple[bytes, bytes]:
        """Head and body as the lane sends them; a fault's, where there was no answer."""
        if not self._status:
            return wire.problem_answer(wire.INTERNAL_ERROR, "")
        headers = [pair for pair in self._headers if pair[0] != b"content-length"]
        length = (b"content-length", b"%d" % len(self._body))
        return wire.head(self._status, [*headers, length]), self._body


def _scope(path: str, asked: Exchange) -> Asgi:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("ascii"),
        "query_string": b"",
        "root_path": "",
        "headers": list(asked.headers.items()),
        "client": None,
        "server": None,
        "state": {},
        "extensions": {},
    }
