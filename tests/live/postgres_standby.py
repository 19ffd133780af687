"""A standby of a test's PostgreSQL, which follows it until it is promoted."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from postgres_server import PostgresServer, binaries

from largesse.bench.postgres_server import give_away, run_to_the_end, start

FOLLOW_S_MAX = 30.0
_STATE = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = %s"


@contextmanager
def standby_of(primary: PostgresServer, through: int) -> Iterator[PostgresServer]:
    """A copy of a server that follows it through a port, and that no commit waits for."""
    folder = Path(tempfile.mkdtemp(prefix="largesse-standby-"))
    try:
        give_away(folder)
        origin = f"host=127.0.0.1 port={through} user=postgres application_name=standby"
        copy = [str(binaries() / "pg_basebackup"), "-D", str(folder / "data"), "-d", origin]
        run_to_the_end([*copy, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"], folder)
        standby = start(folder, primary.settings)
        try:
            _wait_until(primary, "async")
            yield standby
        finally:
            standby.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def let_commits_wait(primary: PostgresServer) -> None:
    """From here on a commit is confirmed when a standby has it, too."""
    with psycopg.connect(primary.url(role="postgres"), autocommit=True) as db:
        db.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        db.execute("SELECT pg_reload_conf()")
    _wait_until(primary, "sync")


def promote(standby: PostgresServer) -> None:
    """Make it the primary; it is when this returns."""
    with psycopg.connect(standby.url(role="postgres"), autocommit=True) as db:
        assert db.execute("SELECT pg_promote()").fetchone() == (True,)


def _wait_until(primary: PostgresServer, state: str) -> None:
    deadline_s = time.monotonic() + FOLLOW_S_MAX
    with psycopg.connect(primary.url(role="postgres"), autocommit=True) as db:
        while db.execute(_STATE, (state,)).fetchone() != (1,):
            assert time.monotonic() < deadline_s, f"no standby that is {state}"
