"""Ledgers on a disk that outlive whoever has them open, each to be held beside one in memory."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from postgres_databases import Databases, settings_of
from postgres_ledger import open_ledger as open_postgres
from sqlite_ledger import lay_down
from sqlite_ledger import open_ledger as open_sqlite

from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.transaction import EVERYBODY
from largesse.testing.factories import World

_JOURNAL = """
SELECT kind, at_ms, campaign, version, coalesce(reward, 0), coalesce(serial, 0) FROM journal"""

Facts = list[tuple[Any, ...]]


class Twin(Protocol):
    """A ledger that outlives the process that has it open."""

    @property
    def world(self) -> World:
        """What works on it."""

    def open_again(self) -> None:
        """Close it and open it, as another process would find it."""

    async def facts(self) -> Facts:
        """The rows of its journal: kind, moment, campaign, version, reward and serial."""

    def close(self) -> None:
        """Let go of it."""


class SQLiteTwin:
    """A ledger in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lay_down(path)
        self._ledger = open_sqlite(path)
        self.world = self._ledger.world

    def open_again(self) -> None:
        """See `Twin`."""
        drawn = self.world.codes.drawn
        self._ledger.close()
        self._ledger = open_sqlite(self._path)
        self.world = self._ledger.world
        self.world.codes.drawn = drawn

    async def facts(self) -> Facts:
        """See `Twin`."""
        return await self._ledger.readers.read(lambda db: list(db.execute(_JOURNAL)))

    def close(self) -> None:
        """See `Twin`."""
        self._ledger.close()


class PostgresTwin:
    """A ledger in a database, emptied at the end."""

    def __init__(self, databases: Databases, database: PostgresDatabase) -> None:
        self._databases = databases
        self._database = database
        self.world = open_postgres(database).world

    def open_again(self) -> None:
        """See `Twin`. What a process keeps of it in memory is gone."""
        drawn = self.world.codes.drawn
        self.world = open_postgres(self._database).world
        self.world.codes.drawn = drawn

    async def facts(self) -> Facts:
        """See `Twin`."""
        return await self._database.read(EVERYBODY, lambda state: state.rows(_JOURNAL))

    def close(self) -> None:
        """See `Twin`."""
        self._databases.clear(self._database.settings.url)


Begin = Callable[[], Twin]
"""Makes an empty ledger."""


@contextmanager
def twins_of(request: pytest.FixtureRequest) -> Iterator[Begin]:
    """Makes an empty ledger for each history, on the database that is the fixture's parameter."""
    if request.param == "sqlite":
        folder: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        yield lambda: SQLiteTwin(folder.mktemp("twins") / "largesse.db")
        return
    databases: Databases = request.getfixturevalue("databases")
    with databases.fresh() as url, closing(PostgresDatabase(settings_of(url))) as database:
        yield lambda: PostgresTwin(databases, database)
