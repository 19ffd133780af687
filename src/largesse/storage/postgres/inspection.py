"""A look at a database from outside: nothing in it is changed."""

from typing import Any, NamedTuple

import psycopg

from largesse.kernel.clock import SystemClock, ticking_s
from largesse.kernel.errors import StartError
from largesse.storage.postgres.errors import one_line
from largesse.storage.postgres.numbering import Numbers, numbers_of
from largesse.storage.postgres.opening import connect, shown
from largesse.storage.postgres.schema import Standing, standing

_LOOK = """
SELECT current_setting('server_version'), current_setting('server_version_num')::integer / 10000,
  pg_is_in_recovery(), current_setting('synchronous_commit'), current_setting('fsync') = 'on',
  current_setting('full_page_writes') = 'on', r.rolsuper OR r.rolbypassrls,
  (SELECT count(*) FROM pg_stat_replication WHERE coalesce(state, 'streaming') = 'streaming'
    AND coalesce(sync_state, 'async') = 'async'
    AND coalesce(application_name, '') <> 'pg_basebackup')::integer,
  current_setting('synchronous_standby_names') <> '',
  (extract(epoch FROM clock_timestamp()) * 1000)::bigint, pg_backend_pid()
FROM pg_roles r WHERE r.rolname = current_user"""


class Look(NamedTuple):
    """What a database says of itself.

    `wall_is_open` says that this role sees all tenants whatever the wall says; `copies` counts the
    standbys that a commit does not wait for. `ahead_ms` is how far its clock is before ours,
    `trip_s` how long a question takes; `pooled` says that somebody pools between us, `hears` that
    words of changes come in all the same.
    """

    version: str
    major: int
    standby: bool
    synchronous_commit: str
    fsync: bool
    full_page_writes: bool
    wall_is_open: bool
    copies: int
    waits_for_a_copy: bool
    ahead_ms: int
    trip_s: float
    pooled: bool
    hears: bool


class Inspection(NamedTuple):
    """A database by its name for people: a look at it and its schema, or why there is none.

    `numbers` is None where the schema knows nothing of them yet.
    """

    name: str
    look: Look | None
    schema: Standing | None
    problem: str = ""
    numbers: Numbers | None = None


def inspect(url: str, listen_url: str = "") -> Inspection:
    """Look at a database, or tell why it cannot be looked at.

    `listen_url` leads to the same one without a pooler, where one is between us.
    """
    try:
        with connect(url) as db:
            asked_s, asked_ms = ticking_s(), SystemClock().now_ms()
            row: Any = db.execute(_LOOK).fetchone()
            *said, now_ms, pid = row
            trip_s = ticking_s() - asked_s
            ahead_ms = now_ms - asked_ms - int(trip_s * 500)
            pooled = pid != db.info.backend_pid
            hears = _hears(listen_url) if listen_url else not pooled
            look = Look._make((*said, ahead_ms, trip_s, pooled, hears))
            return Inspection(shown(url), look, standing(db), numbers=numbers_of(db))
    except StartError as error:
        return Inspection(shown(url), None, None, str(error))
    except psycopg.Error as error:
        return Inspection(shown(url), None, None, f"{shown(url)}: {one_line(error)}")


def _hears(url: str) -> bool:
    """Whether an address leads to a session of our own."""
    with connect(url) as db:
        [pid] = db.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        return bool(pid == db.info.backend_pid)
