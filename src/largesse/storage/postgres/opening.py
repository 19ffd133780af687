"""Opening a database: whether it can serve at all, and what is read of it before anything else."""

from collections.abc import Callable
from typing import NamedTuple

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from largesse.kernel.clock import CarriedClock
from largesse.kernel.errors import StartError
from largesse.storage.postgres import schema
from largesse.storage.postgres.database import address_of
from largesse.storage.postgres.errors import one_line
from largesse.storage.postgres.timekeeping import take_time
from largesse.storage.postgres.transaction import EVERYBODY, OPEN, Limits

VERSION_MIN = 15
SECRET_BYTES = 32
ROWS_LOOKED_AT = 10_000
"""The end of the journal in which its last moment is looked for: some milliseconds at the start."""

_PATIENT = Limits(statement_ms_max=60_000, lock_ms_max=10_000)

_STATE = """
SELECT current_setting('server_version_num')::integer / 10000, pg_is_in_recovery(),
  current_setting('transaction_read_only')::boolean, current_setting('synchronous_commit')"""
_ADD_INSTALLATION = """
INSERT INTO installation (secret, created_at_ms)
VALUES (%s, (extract(epoch FROM now()) * 1000)::bigint) ON CONFLICT DO NOTHING"""
_SNAPSHOT = "SELECT snapshot_now()::text"
_INSTALLATION = "SELECT secret FROM installation"

# Test clocks stand in the future by design, so what was done by them says nothing of the time.
_LAST_MOMENT = """
SELECT coalesce(max(j.at_ms), 0)
FROM (SELECT at_ms, campaign FROM journal ORDER BY tx DESC, seq DESC LIMIT %s) j
JOIN campaign c ON c.number = j.campaign JOIN tenant t ON t.number = c.tenant
WHERE t.clock_ms IS NULL"""


class Opened(NamedTuple):
    """What a process must know of its database: the installation's secret, and what time it is.

    The time is the database's, and never before the ledger's last moment. `snapshot` is the moment
    as the database names it: what changes from then on may be unknown to whoever reads it later.
    """

    secret: bytes
    clock: CarriedClock
    snapshot: str


def open_database(url: str, entropy: Callable[[int], bytes]) -> Opened:
    """Look at a database, and make our schema where it has none.

    Raises `StartError`, with what to do about it, where it cannot serve: nobody answers, it lets us
    not in, it is too old, only to be read, forgetful, or its schema is another release's.
    """
    with connect(url) as db:
        try:
            _check_server(db, shown(url))
            schema.check(db)
            return _read(db, entropy)
        except psycopg.Error as error:
            message = f"{shown(url)} cannot be used: {one_line(error)}"
            raise StartError(message) from error


def connect(url: str) -> Connection:
    """A connection by itself; `StartError` where there is none to be had."""
    try:
        return psycopg.connect(address_of(url), autocommit=True)
    except psycopg.Error as error:
        message = (
            f"cannot open {shown(url)}: {one_line(error)}: see that PostgreSQL runs there, and "
            "that address, role and password are right"
        )
        raise StartError(message) from error


def shown(url: str) -> str:
    """A database's address without its password, for people."""
    try:
        said = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "the database"
    host, port = said.get("host", "localhost"), said.get("port", 5432)
    return f"postgresql://{host}:{port}/{said.get('dbname', said.get('user', ''))}"


def _check_server(db: Connection, name: str) -> None:
    version, standby, read_only, commit = db.execute(_STATE).fetchone() or (0, False, False, "")
    if version < VERSION_MIN:
        message = f"{name} is PostgreSQL {version}: largesse needs {VERSION_MIN} or newer"
        raise StartError(message)
    if standby:
        message = f"{name} is a standby, which can only be read: name the primary"
        raise StartError(message)
    if read_only:
        message = f"{name} is read-only: set default_transaction_read_only = off for this role"
        raise StartError(message)
    if commit == "off":
        message = f"{name} confirms before it keeps: set synchronous_commit = on for this role"
        raise StartError(message)


def _read(db: Connection, entropy: Callable[[int], bytes]) -> Opened:
    with db.transaction():
        db.execute(OPEN, _PATIENT.bindings(EVERYBODY))
        db.execute(_ADD_INSTALLATION, (entropy(SECRET_BYTES),))
        [secret] = db.execute(_INSTALLATION).fetchone() or (b"",)
        [snapshot] = db.execute(_SNAPSHOT).fetchone() or ("",)
        [last_moment_ms] = db.execute(_LAST_MOMENT, (ROWS_LOOKED_AT,)).fetchone() or (0,)
    clock = CarriedClock(last_moment_ms)
    take_time(db, clock)
    return Opened(secret, clock, snapshot)
