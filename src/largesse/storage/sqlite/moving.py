"""A tenant leaves an SQLite file, or comes to one: no server has the file meanwhile."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

import apsw
from msgspec.structs import astuple

from largesse.kernel.fact import FactKind
from largesse.moving.errors import MovingError
from largesse.moving.model import COUNTED, ENDS, KINDS, SECTIONS, FactRow, Row
from largesse.storage.sqlite.file import LedgerFile
from largesse.storage.sqlite.query import number, rows

ROWS_AT_ONCE = 1_000
"""Rows handed to the database in one call: some hundred kilobytes."""

_OF_TENANT = {
    "tenant": "number = ?1",
    "campaign_version": "campaign IN (SELECT number FROM campaign WHERE tenant = ?1)",
    "reward": "campaign IN (SELECT number FROM campaign WHERE tenant = ?1)",
    "code_block": "pattern IN (SELECT id FROM code_pattern WHERE tenant = ?1)",
    "journal": "campaign IN (SELECT number FROM campaign WHERE tenant = ?1)",
    "draw_book": "campaign IN (SELECT number FROM campaign WHERE tenant = ?1)",
}
"""Which rows are a tenant's, where the table has no column that says so."""

_ORDER = {
    "tenant": "number",
    "api_key": "id",
    "audit": "position",
    "idempotency": "operation, key",
    "customer": "id",
    "campaign": "number",
    "campaign_version": "campaign, version",
    "reward": "number",
    "code_pattern": "id",
    "code_block": "pattern, place",
    "code_pool": "number",
    "code": "canonical",
    "journal": "seq",
    "expiry": "reward, version",
    "draw_book": "campaign",
    "webhook": "number",
}

_WITH_TENANT = frozenset(SECTIONS) - frozenset(_OF_TENANT)

_TENANT = "SELECT number FROM tenant WHERE id = ?"
_WORKING = "SELECT count(*) FROM job WHERE tenant = ? AND ended_at_ms IS NULL"
_WAITING = """
SELECT count(*) FROM webhook w WHERE w.tenant = ?1 AND (w.waiting > 0
  OR EXISTS (SELECT 1 FROM webhook_behind b WHERE b.webhook = w.number)
  OR (SELECT max(seq) FROM journal WHERE campaign IN
    (SELECT number FROM campaign WHERE tenant = ?1)) > (SELECT coalesce(min(seq), 0) FROM relay))"""
_STRANGE = """
SELECT count(*) FROM journal WHERE kind NOT IN (SELECT value FROM carray(?1))
  AND campaign IN (SELECT number FROM campaign WHERE tenant = ?2)"""
_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM journal"
_ADD_FACT = """
INSERT INTO journal (seq, of, kind, at_ms, campaign, reward, serial, customer, key, version, detail,
  draw) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_LAST_EXTENT = """
SELECT serial, seq FROM extent WHERE reward = ? AND serial <= ? ORDER BY serial DESC LIMIT 1"""
_ADD_EXTENT = "INSERT INTO extent_added (reward, serial, seq) VALUES (?, ?, ?)"
_LAST_DRAW_EXTENT = """
SELECT draw, seq FROM draw_extent WHERE campaign = ? ORDER BY draw DESC LIMIT 1"""
_ADD_DRAW_EXTENT = "INSERT INTO draw_extent (campaign, draw, seq) VALUES (?, ?, ?)"


class SQLiteMoving:
    """See `Destination`, in the transaction of a connection."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def secret(self) -> bytes:
        """See `Origin`."""
        [(found,)] = rows(self._db, "SELECT secret FROM installation")
        assert isinstance(found, bytes)
        return found

    def tenants(self) -> list[str]:
        """See `Origin`."""
        return [found for (found,) in rows(self._db, "SELECT id FROM tenant ORDER BY number")]

    def hindrance(self, tenant: str) -> str | None:
        """See `Origin`."""
        own = number(self._db, _TENANT, (tenant,))
        if number(self._db, _WORKING, (own,)):
            return "a job of his is under way: let the server end it, or cancel it"
        if number(self._db, _WAITING, (own,)):
            return "facts wait for a webhook of his: let the server deliver them, or delete it"
        kinds = apsw.carray(array("q", KINDS))
        if number(self._db, _STRANGE, (kinds, own)):
            return "the ledger has facts that this release cannot bring elsewhere"
        return None

    def numbers(self) -> dict[str, int]:
        """See `Origin`."""
        given = dict(rows(self._db, "SELECT name, seq FROM sqlite_sequence"))
        return {table: int(given.get(table, 0)) for table in COUNTED}

    def rows(self, tenant: str, section: str) -> Iterator[Row]:
        """See `Origin`."""
        own = number(self._db, _TENANT, (tenant,))
        kind = SECTIONS[section]
        columns = ", ".join(kind.__struct_fields__)
        which = _OF_TENANT.get(section, "tenant = ?1")
        query = f"SELECT {columns} FROM {section} WHERE {which} ORDER BY {_ORDER[section]}"  # noqa: S608 — our own names
        for row in self._db.execute(query, (own,)):
            yield kind(*row)

    def take_secret(self, secret: bytes) -> None:
        """See `Destination`."""
        self._db.execute("UPDATE installation SET secret = ?", (secret,))

    def refusal(self, section: str, row: Row) -> str | None:
        """See `Destination`. A file can have all of them."""
        return None

    def write(self, tenant: int, section: str, rows: Iterable[Row]) -> None:
        """See `Destination`."""
        try:
            if section == "journal":
                self._write_facts(rows)
                return
            fields = SECTIONS[section].__struct_fields__
            more: dict[str, int] = {"tenant": tenant} if section in _WITH_TENANT else {}
            if section == "webhook":  # what is here by now happened before it was
                more["since"] = number(self._db, _LAST_SEQ)
            columns = ", ".join((*fields, *more))
            places = ", ".join("?" for _ in (*fields, *more))
            statement = f"INSERT INTO {section} ({columns}) VALUES ({places})"  # noqa: S608 — our own names
            values = (astuple(row) + tuple(more.values()) for row in rows)
            while some := list(islice(values, ROWS_AT_ONCE)):
                self._db.executemany(statement, some)
        except apsw.ConstraintError as error:
            raise MovingError(f"the ledger has a row like one of the archive: {error}") from error

    def count_on(self, numbers: Mapping[str, int]) -> None:
        """See `Destination`."""
        given = dict(rows(self._db, "SELECT name, seq FROM sqlite_sequence"))
        for table in COUNTED:
            last = max(numbers.get(table, 0), given.get(table, 0))
            change = "UPDATE sqlite_sequence SET seq = ?1 WHERE name = ?2"
            if table not in given:
                change = "INSERT INTO sqlite_sequence (seq, name) VALUES (?1, ?2)"
            self._db.execute(change, (last, table))

    def _write_facts(self, facts: Iterable[Row]) -> None:
        """Write rows of the journal, and where they stand in it."""
        last = number(self._db, _LAST_SEQ)
        tails: dict[tuple[str, int], tuple[int, int]] = {}

        def placed() -> Iterator[tuple[Any, ...]]:
            for seq, row in enumerate(facts, last + 1):
                assert isinstance(row, FactRow)
                of = None
                if row.kind == FactKind.INCENTIVE_ISSUED:
                    self._extend(tails, ("reward", row.reward or 0), row.serial or 0, seq)
                elif row.kind == FactKind.DRAW_MADE:
                    self._extend(tails, ("draw", row.campaign or 0), row.draw or 0, seq)
                elif row.kind in ENDS:
                    [(serial, begins)] = rows(self._db, _LAST_EXTENT, (row.reward, row.serial))
                    of = begins + (row.serial or 0) - serial
                yield (seq, of, *astuple(row))

        values = placed()
        while some := list(islice(values, ROWS_AT_ONCE)):
            self._db.executemany(_ADD_FACT, some)

    def _extend(
        self,
        tails: dict[tuple[str, int], tuple[int, int]],
        what: tuple[str, int],
        place: int,
        seq: int,
    ) -> None:
        """Begin an extent unless a row goes on where the one before it of its kind stops."""
        tail = tails.get(what)
        if tail is None or seq - tail[1] != place - tail[0]:
            add = _ADD_EXTENT if what[0] == "reward" else _ADD_DRAW_EXTENT
            self._db.execute(add, (what[1], place, seq))
            tails[what] = (place, seq)


@contextmanager
def leaving_file(file: LedgerFile) -> Iterator[SQLiteMoving]:
    """A file as a tenant leaves it, at one moment."""
    with closing(file.connect_reader()) as db:
        db.execute("BEGIN")
        yield SQLiteMoving(db)


@contextmanager
def coming_to_file(file: LedgerFile) -> Iterator[SQLiteMoving]:
    """A file to which a tenant comes: whole, or not at all."""
    with closing(file.connect()) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield SQLiteMoving(db)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
