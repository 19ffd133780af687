"""Hearing what other processes say: one connection of its own that waits for NOTIFY."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import structlog
from psycopg import AsyncConnection, sql

from largesse.storage.postgres.database import address_of
from largesse.storage.postgres.errors import one_line

AGAIN_S = (0.1, 0.3, 1.0, 3.0)
"""How long to wait before each attempt at a new connection; the last one goes on."""

_POOLED = (
    "a pooler stands before the database, so that what other processes change is looked for each "
    "second: name the database without it in database.listen_url"
)
_PID = "SELECT pg_backend_pid()"
_log = structlog.get_logger(__name__)

Wait = Callable[[float], Awaitable[object]]


class Channel:
    """What is done at a word on a channel, and when words may have been missed."""

    def __init__(self, name: str, heard: Callable[[], None], missed: Callable[[], None]) -> None:
        self.name = name
        self.heard = heard
        self.missed = missed


class Listening:
    """Hears the words on some channels, in the loop's thread, over one connection.

    While `hears` is False nothing is told, and whoever wants news must look for it. When a
    connection takes the place of a lost one, `missed` is called: the words in between are gone.
    A pooler that hands each transaction another session cannot carry words: this is told once in
    the log, and not tried again.
    """

    def __init__(self, url: str, wait: Wait = asyncio.sleep) -> None:
        self.hears = False
        self._url = url
        self._wait = wait
        self._channels: dict[str, Channel] = {}
        self._connected = False
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def on(self, channel: Channel) -> None:
        """Listen on a channel, too; said before the start."""
        assert self._task is None, "it listens already"
        self._channels[channel.name] = channel

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._run(), name="listening")

    async def stop(self) -> None:
        """Let the connection go."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        """Listen for ever, over one connection after another."""
        while True:
            try:
                async with await self._connect() as db:
                    if not await _is_ours(db):
                        _log.warning("no words of changes", because=_POOLED)
                        return
                    await self._listen(db)
            except psycopg.Error as error:
                _log.warning("not listening", problem=one_line(error), again_in_s=self._pause_s())
            finally:
                self.hears = False
            await self._wait(self._pause_s())
            self._failures += 1

    def _pause_s(self) -> float:
        return AGAIN_S[min(self._failures, len(AGAIN_S) - 1)]

    async def _connect(self) -> AsyncConnection:
        return await AsyncConnection.connect(address_of(self._url), autocommit=True)

    async def _listen(self, db: AsyncConnection) -> None:
        """Hand on each word until the connection is lost, which raises."""
        for name in self._channels:
            await db.execute(sql.SQL("LISTEN {}").format(sql.Identifier(name)))
        self.hears = True
        for channel in self._channels.values():
            # What was said before the first connection is found by a look.
            (channel.missed if self._connected else channel.heard)()
        self._connected, self._failures = True, 0
        async for word in db.notifies():
            self._channels[word.channel].heard()


async def _is_ours(db: AsyncConnection) -> bool:
    """Whether the session is this connection's own: a pooler makes up the process id it tells."""
    found = await (await db.execute(_PID, prepare=False)).fetchone()
    return found is not None and found[0] == db.info.backend_pid
