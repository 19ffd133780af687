"""A tenant leaves a PostgreSQL database, or comes to one."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import NoneType
from typing import LiteralString, get_args, get_type_hints

import psycopg
from msgspec.structs import astuple
from psycopg import Connection, errors

from largesse.moving.errors import MovingError
from largesse.moving.model import COUNTED, KINDS, SECTIONS, Row
from largesse.storage.postgres import schema
from largesse.storage.postgres.errors import one_line
from largesse.storage.postgres.numbering import number_on
from largesse.storage.postgres.opening import connect
from largesse.storage.postgres.transaction import (
    BEGIN_READING,
    BEGIN_WRITING,
    EVERYBODY,
    OPEN,
    Bindings,
    Limits,
)

ROWS_AT_ONCE = 1_000
"""Rows that come from the server in one trip."""

_UNLIMITED = Limits(statement_ms_max=0, lock_ms_max=0)

_FROM: Mapping[str, LiteralString] = {
    "tenant": "tenant t WHERE t.number = %s ORDER BY t.number",
    "api_key": "api_key t WHERE t.tenant = %s ORDER BY t.id",
    "audit": "audit t WHERE t.tenant = %s ORDER BY t.position",
    "idempotency": "idempotency t WHERE t.tenant = %s ORDER BY t.operation, t.key",
    "customer": "customer t WHERE t.tenant = %s ORDER BY t.id",
    "campaign": "campaign t WHERE t.tenant = %s ORDER BY t.number",
    "campaign_version": "campaign_version t WHERE t.tenant = %s ORDER BY t.campaign, t.version",
    "reward": "reward t WHERE t.tenant = %s ORDER BY t.number",
    "code_pattern": "code_pattern t WHERE t.tenant = %s ORDER BY t.id",
    "code_block": "code_block t WHERE t.tenant = %s ORDER BY t.pattern, t.place",
    "code_pool": "code_pool t WHERE t.tenant = %s ORDER BY t.number",
    "code": "code t WHERE t.tenant = %s ORDER BY t.canonical",
    "journal": "journal t JOIN campaign c ON c.number = t.campaign"
    " WHERE t.tenant = %s ORDER BY t.tx, t.seq",
    "expiry": "expiry t WHERE t.tenant = %s ORDER BY t.reward, t.version",
    "draw_book": "draw_book t WHERE t.tenant = %s ORDER BY t.campaign",
    "webhook": "webhook t WHERE t.tenant = %s ORDER BY t.number",
}
"""Where a tenant's rows are, and their order. Facts of a draft that is gone are nobody's."""

_TYPES = {int: "bigint", str: 'text COLLATE "C"', bytes: "bytea"}

# A draw's period and ordinal, rewards without a code and seed stand in one text, and how many draws
# there were before a revoke follows from the order of facts.
_READ_AS: Mapping[tuple[str, str], LiteralString] = {
    ("customer", "verified"): "t.verified::integer",
    ("journal", "draw"): "CASE WHEN t.kind = 8 THEN t.draw END",
    ("journal", "detail"): """CASE WHEN t.kind = 8 THEN concat(t.period, ' ', t.ordinal,
      '/' || nullif(split_part(t.detail, ' ', 1), ''), ' ',
      substr(t.detail, strpos(t.detail, ' ') + 1)) ELSE t.detail END""",
}
_WRITTEN_AS: Mapping[tuple[str, str], LiteralString] = {("customer", "verified"): "w.verified <> 0"}
"""Columns that are otherwise in the archive, by their section and name."""

# The archive's order of facts is their order here: all have the transaction of the import. Those of
# a campaign with a cap are counted by customer.
_ADD_FACTS = """
INSERT INTO journal (seq, part, tenant, kind, at_ms, campaign, reward, serial, customer, key,
  version, nth, draw, period, ordinal, detail)
SELECT w.position, c.part, c.tenant, w.kind, w.at_ms, w.campaign, w.reward, w.serial, w.customer,
  w.key, w.version,
  CASE WHEN w.kind = 1 AND v.definition::json ->> 'per_customer_max' IS NOT NULL
    THEN row_number() OVER (PARTITION BY w.campaign, w.customer, w.kind ORDER BY w.position) END,
  CASE w.kind WHEN 8 THEN w.draw WHEN 5 THEN
    nullif(count(w.draw) OVER (PARTITION BY w.campaign ORDER BY w.position), 0) END,
  CASE WHEN w.kind = 8 THEN split_part(w.detail, ' ', 1)::integer END,
  CASE WHEN w.kind = 8 THEN split_part(d.counted, '/', 1)::integer END,
  CASE WHEN w.kind = 8 THEN nullif(concat(d.codeless, ' ', d.seed), ' ') ELSE w.detail END
FROM moving_journal w JOIN campaign c ON c.number = w.campaign
JOIN campaign_version v ON v.campaign = c.number AND v.version = c.version
CROSS JOIN LATERAL (SELECT split_part(w.detail, ' ', 2) AS counted,
  substring(split_part(w.detail, ' ', 2) FROM '/(.*)') AS codeless,
  substring(w.detail FROM '^[^ ]* [^ ]* (.*)$') AS seed) d"""

_TENANT = "SELECT number FROM tenant WHERE id = %s"
_WORKING = "SELECT count(*) FROM job WHERE tenant = %s AND ended_at_ms IS NULL"
_WAITING = """
SELECT count(*) FROM webhook w WHERE w.tenant = %(tenant)s AND (w.waiting > 0
  OR EXISTS (SELECT 1 FROM webhook_behind b WHERE b.webhook = w.number)
  OR EXISTS (SELECT 1 FROM journal j WHERE j.tenant = %(tenant)s
    AND j.tx::text::bigint > (SELECT coalesce(min(tx), 0) FROM relay)))"""
_STRANGE = "SELECT count(*) FROM journal WHERE tenant = %s AND (kind <> ALL(%s))"
_LAST = """
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}"""
_COUNT_ON = "SELECT setval(%s, %s)"
_ONE_BY_ONE = "SELECT pg_advisory_xact_lock(1279742789, 0)"


class PostgresMoving:
    """See `Destination`, in the transaction of a connection."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def secret(self) -> bytes:
        """See `Origin`."""
        [found] = self._db.execute("SELECT secret FROM installation").fetchone() or (b"",)
        return bytes(found)

    def tenants(self) -> list[str]:
        """See `Origin`."""
        return [one for (one,) in self._db.execute("SELECT id FROM tenant ORDER BY number")]

    def hindrance(self, tenant: str) -> str | None:
        """See `Origin`."""
        own = self._number(_TENANT, (tenant,))
        if self._number(_WORKING, (own,)):
            return "a job of his is under way: let it end, or cancel it"
        if self._number(_WAITING, {"tenant": own}):
            return "facts wait for a webhook of his: let them be delivered, or delete it"
        if self._number(_STRANGE, (own, list(KINDS))):
            return "the ledger has facts that this release cannot bring elsewhere"
        return None

    def numbers(self) -> dict[str, int]:
        """See `Origin`."""
        return {table: self._last_of(table) for table in COUNTED}

    def rows(self, tenant: str, section: str) -> Iterator[Row]:
        """See `Origin`."""
        own = self._number(_TENANT, (tenant,))
        kind = SECTIONS[section]
        columns = ", ".join(
            _READ_AS.get((section, name), f"t.{name}") for name in kind.__struct_fields__
        )
        query = f"SELECT {columns} FROM {_FROM[section]}"
        with self._db.cursor(name="moving") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            for row in cursor.execute(query, (own,)):
                yield kind(*row)

    def take_secret(self, secret: bytes) -> None:
        """See `Destination`."""
        self._db.execute("UPDATE installation SET secret = %s", (secret,))

    def refusal(self, section: str, row: Row) -> str | None:
        """See `Destination`."""
        if any(isinstance(value, str) and "\0" in value for value in astuple(row)):
            return f"PostgreSQL keeps no text with a NUL in it, and a row of {section} has one"
        return None

    def write(self, tenant: int, section: str, rows: Iterable[Row]) -> None:
        """See `Destination`. Rows pass by a table of this transaction, for walls bear no COPY."""
        try:
            self._copy(section, rows)
            if section == "journal":
                self._db.execute(_ADD_FACTS)
                return
            fields = SECTIONS[section].__struct_fields__
            values = [_WRITTEN_AS.get((section, name), f"w.{name}") for name in fields]
            more = [] if section == "tenant" else ["tenant"]
            statement = (
                f"INSERT INTO {section} ({', '.join((*fields, *more))}) OVERRIDING SYSTEM VALUE "
                f"SELECT {', '.join((*values, *(f'{tenant:d}' for _ in more)))} "
                f"FROM moving_{section} w ORDER BY w.position"
            )
            self._db.execute(statement)
        except errors.UniqueViolation as error:
            message = f"the ledger has a row like one of the archive: {one_line(error)}"
            raise MovingError(message) from error

    def count_on(self, numbers: Mapping[str, int]) -> None:
        """See `Destination`."""
        for table in COUNTED:
            last = max(numbers.get(table, 0), self._last_of(table))
            if last:
                self._db.execute(_COUNT_ON, (self._sequence(table), last))
        last = self._number("SELECT coalesce(max(id), 0) FROM code_pattern", ())
        if last:
            sequence = self._sequence("code_pattern", "id")
            self._db.execute(_COUNT_ON, (sequence, last))

    def _copy(self, section: str, rows: Iterable[Row]) -> None:
        kind = SECTIONS[section]
        hints = get_type_hints(kind)
        columns = ", ".join(f"{name} {_type(hints[name])}" for name in kind.__struct_fields__)
        names = ", ".join(("position", *kind.__struct_fields__))
        table = f"moving_{section}"
        made = f"CREATE TEMP TABLE {table} (position bigint, {columns}) ON COMMIT DROP"
        self._db.execute(made)
        copy = f"COPY {table} ({names}) FROM STDIN"
        with self._db.cursor() as cursor, cursor.copy(copy) as copying:
            for position, row in enumerate(rows, start=1):
                copying.write_row((position, *astuple(row)))
        self._db.execute(f"ANALYZE {table}")

    def _last_of(self, table: str) -> int:
        name = self._sequence(table)
        [found] = self._db.execute(_LAST.format(name)).fetchone() or (0,)
        return int(found)

    def _sequence(self, table: str, column: str = "number") -> str:
        [found] = self._db.execute(
            "SELECT pg_get_serial_sequence(%s, %s)", (f"largesse.{table}", column)
        ).fetchone() or ("",)
        return str(found)

    def _number(self, statement: LiteralString, bindings: Bindings) -> int:
        [found] = self._db.execute(statement, bindings).fetchone() or (0,)
        return int(found)


def _type(hint: object) -> str:
    [kind] = [one for one in get_args(hint) or (hint,) if one is not NoneType]
    return _TYPES[kind]


@contextmanager
def leaving_database(url: str) -> Iterator[PostgresMoving]:
    """A database as a tenant leaves it, at one moment; servers may go on meanwhile."""
    with _in_transaction(url, BEGIN_READING) as db:
        yield PostgresMoving(db)


@contextmanager
def coming_to_database(url: str) -> Iterator[PostgresMoving]:
    """A database to which a tenant comes: whole, or not at all."""
    with _in_transaction(url, BEGIN_WRITING) as db:
        number_on(db, _UNLIMITED)
        db.execute(_ONE_BY_ONE)
        db.execute(
            "INSERT INTO installation (secret, created_at_ms)"
            " VALUES ('', (extract(epoch FROM now()) * 1000)::bigint) ON CONFLICT DO NOTHING"
        )
        yield PostgresMoving(db)
        db.execute("COMMIT")


@contextmanager
def _in_transaction(url: str, begin: LiteralString) -> Iterator[Connection]:
    """A transaction that sees all tenants, and waits for nothing but its own work.

    Nothing of it is kept unless it is committed. Raises `StartError` where the database cannot
    serve, `MovingError` where it fails meanwhile.
    """
    with connect(url) as db:
        try:
            schema.check(db)
            db.execute(begin)
            db.execute(OPEN, _UNLIMITED.bindings(EVERYBODY))
            yield db
        except psycopg.Error as error:
            raise MovingError(f"the database cannot do it: {one_line(error)}") from error
        finally:
            if not db.closed and db.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                db.rollback()
