"""Ledgers of the bench in PostgreSQL: one database each, counted when the servers have ended."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from largesse.bench.exactness import Kept, Made, Sold
from largesse.bench.ledgers import Ledger
from largesse.bench.plan import BenchError
from largesse.bench.postgres_server import postgres

OWN = "postgres"
"""Instead of an address: start a server."""

SETTINGS: Mapping[str, str] = MappingProxyType(
    {"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"}
)
"""What an operator sets first on a machine of some gigabytes. Each commit is synced."""

_ROWS = """
SELECT count(*), count(DISTINCT (reward, serial)), count(DISTINCT customer)
FROM journal WHERE kind = 1"""
_COUNTERS = "SELECT coalesce(sum(issued), 0)::bigint, coalesce(sum(serials), 0)::bigint FROM reward"
_CAMPAIGNS = """
SELECT c.id, count(*), min(j.at_ms) FROM journal j JOIN campaign c ON c.number = j.campaign
WHERE j.kind = 1 GROUP BY c.id"""
_USED = "SELECT count(*) FROM journal WHERE kind = 2"
_MOMENTS = """
SELECT j.at_ms FROM journal j JOIN campaign c ON c.number = j.campaign
WHERE j.kind = 1 AND c.id = ANY(%s) ORDER BY j.at_ms"""
_DRAWS = """
SELECT count(j.draw), count(DISTINCT j.draw), coalesce(max(j.draw), 0), count(DISTINCT j.customer),
  count(j.reward), (SELECT count(*) FROM journal i WHERE i.kind = 1 AND i.campaign = c.number),
  coalesce((SELECT draws FROM draw_book b WHERE b.campaign = c.number), 0)
FROM campaign c LEFT JOIN journal j ON j.kind = 8 AND j.campaign = c.number
WHERE c.id = %s GROUP BY c.number"""
_BYTES = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
WHERE relnamespace = 'largesse'::regnamespace AND relkind = 'r'"""
_LOOK = """
SELECT set_config('search_path', 'largesse', false), set_config('largesse.tenant', '0', false)"""


class PostgresLedger:
    """A database of its own; see `Ledger`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def kept(self) -> Kept:
        """See `Ledger`."""
        return Kept(*self._rows(_ROWS)[0], *self._rows(_COUNTERS)[0])

    def sold(self) -> dict[str, Sold]:
        """See `Ledger`."""
        return {campaign: Sold(*counts) for campaign, *counts in self._rows(_CAMPAIGNS)}

    def moments_ms(self, campaigns: Sequence[str]) -> list[int]:
        """See `Ledger`."""
        return [at for (at,) in self._rows(_MOMENTS, (list(campaigns),))]

    def made(self, campaign: str) -> Made:
        """See `Ledger`."""
        return Made(*self._rows(_DRAWS, (campaign,))[0])

    def used(self) -> int:
        """See `Ledger`."""
        [(count,)] = self._rows(_USED)
        return int(count)

    def disk_bytes(self) -> int:
        """See `Ledger`: tables and indexes, without the server's own and its log of changes."""
        [(size,)] = self._rows(_BYTES)
        return int(size)

    def _rows(self, statement: LiteralString, bindings: Sequence[object] = ()) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as db:
            db.execute(_LOOK)
            return db.execute(statement, bindings).fetchall()


@contextmanager
def ledgers(database: str, folder: Path) -> Iterator[Callable[[str], Ledger]]:
    """Makes ledgers by name on a server: one that is there, or (`OWN`) one that is started.

    Their databases are gone at the end. Raises `BenchError` where that server will not do.
    """
    if database == OWN:
        # Not below the scenario's folder, which nobody but us may enter.
        with postgres(SETTINGS, below=folder.parent) as server, _on(server.url(), folder) as make:
            yield make
        return
    with _on(database, folder) as make:
        yield make


@contextmanager
def _on(url: str, folder: Path) -> Iterator[Callable[[str], Ledger]]:
    made: list[str] = []

    def make(name: str) -> Ledger:
        database = f"largesse_bench_{len(made)}_{folder.name}".replace("-", "_").lower()
        _do(url, "CREATE DATABASE {}", database)
        made.append(database)
        return PostgresLedger(folder / name, urlsplit(url)._replace(path=f"/{database}").geturl())

    try:
        yield make
    finally:
        for database in made:
            _do(url, "DROP DATABASE {} WITH (FORCE)", database)


def _do(url: str, statement: LiteralString, name: str) -> None:
    try:
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(sql.SQL(statement).format(sql.Identifier(name)))
    except psycopg.Error as error:
        message = f"the bench cannot use that database: {str(error).splitlines()[0]}"
        raise BenchError(message) from error
