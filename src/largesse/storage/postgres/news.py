"""Saying that there are new facts: at once in this process, and at most so often to others."""

from collections.abc import Callable
from threading import Event, Thread

import structlog

from largesse.kernel.errors import LargesseError
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.listening import Channel, Listening

CHANNEL = "largesse_facts"

PAUSE_S = 0.02
"""Others are told at most so often, and never by the transaction itself: one that notifies holds a
lock of the whole server until it is on disk, so that no two of them are synced together."""

_log = structlog.get_logger(__name__)


class News:
    """Rings after commits that wrote facts, and tells other processes while there are any.

    A word that is lost is made up for by the look that everybody takes from time to time.
    """

    def __init__(self, database: PostgresDatabase, listening: Listening) -> None:
        self._others = False
        self._database = database
        self._calls: list[Callable[[], None]] = []
        self._new = Event()
        self._ended = Event()
        self._thread = Thread(target=self._tell_on, name="ledger news", daemon=True)
        self._thread.start()
        database.on_facts(self._written)
        listening.on(Channel(CHANNEL, self._ring, self._ring))

    def share(self, others: bool) -> None:  # noqa: FBT001 — what it is told is all it knows
        """From now on other processes want to hear of facts, too; or none does."""
        self._others = others

    def on(self, call: Callable[[], None]) -> None:
        """Have a call made, from any thread, when there are new facts."""
        self._calls.append(call)

    def close(self) -> None:
        """Tell nobody any more."""
        self._ended.set()
        self._new.set()
        self._thread.join()

    def _written(self) -> None:
        """This process has written some."""
        self._ring()
        if self._others:
            self._new.set()

    def _ring(self) -> None:
        for call in self._calls:
            call()

    def _tell_on(self) -> None:
        while True:
            self._new.wait()
            if self._ended.is_set():
                return
            self._new.clear()
            try:
                self._database.say(CHANNEL)
            except LargesseError as error:
                _log.info("word of facts put off", reason=str(error))
            self._ended.wait(PAUSE_S)
