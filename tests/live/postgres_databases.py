"""Databases of the shared server, each empty but for our schema: one for a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from os import getpid
from typing import LiteralString

import psycopg
from postgres_server import ROLE
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from largesse.settings.tree import Database
from largesse.storage.postgres.schema import Phase, upgrade

_numbers = count(1)

_EMPTY = """
DO $$
DECLARE
  named text;
BEGIN
  PERFORM set_config('largesse.tenant', '0', true), set_config('search_path', 'largesse', true);
  FOREACH named IN ARRAY ARRAY['journal', 'expiry', 'code', 'code_pool', 'job', 'code_block',
    'code_pattern', 'draw_book', 'campaign', 'customer', 'webhook_delivery', 'webhook_removed',
    'webhook', 'relay', 'relay_member', 'audit', 'idempotency', 'api_key', 'tenant',
    'installation', 'change', 'proof'] LOOP
    EXECUTE format('DELETE FROM %I', named);
  END LOOP;
  FOR named IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'largesse' LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', named);
  END LOOP;
END $$"""


class Databases:
    """Makes databases on a server, by its address.

    To make one takes much longer than to empty one, so that they are used again.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[str] = []
        self._cleaners: dict[str, Connection] = {}

    def url_of(self, name: str) -> str:
        """The address of a database of the server."""
        said = conninfo_to_dict(self._url)
        user = said.get("user", ROLE)
        return f"postgresql://{user}@{said['host']}:{said['port']}/{name}"

    def clear(self, url: str) -> None:
        """Take all rows out of a database, and let its numbers begin anew."""
        if url not in self._cleaners:
            self._cleaners[url] = psycopg.connect(url, autocommit=True)
        self._cleaners[url].execute(_EMPTY)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The address of a database without any schema, gone at the end."""
        yield from self._gone_at_the_end(self._new("empty"))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The address of a database with our schema and no rows."""
        name = self._idle.pop() if self._idle else self._new("test")
        url = self.url_of(name)
        with psycopg.connect(url, autocommit=True) as db:
            upgrade(db, frozenset(Phase))
        self.clear(url)
        try:
            yield url
        finally:
            self._idle.append(name)

    def close(self) -> None:
        """Take all away."""
        for cleaner in self._cleaners.values():
            cleaner.close()
        for name in self._idle:
            self._do("DROP DATABASE {} WITH (FORCE)", name)

    def _gone_at_the_end(self, name: str) -> Iterator[str]:
        try:
            yield self.url_of(name)
        finally:
            self._do("DROP DATABASE {} WITH (FORCE)", name)

    def _new(self, kind: str) -> str:
        name = f"largesse_{kind}_{getpid()}_{next(_numbers)}"
        self._do("CREATE DATABASE {}", name)
        return name

    def _do(self, statement: LiteralString, *names: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as db:
            db.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def settings_of(url: str, **changes: object) -> Database:
    """The settings of a database."""
    return Database(url=url, **changes)  # type: ignore[arg-type]  # as their test chose them
