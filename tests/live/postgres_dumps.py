"""Dumps of databases, and a server that has counted far: its dumps are ahead of other servers."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postgres_server import PostgresServer, binaries, postgres
from psycopg.conninfo import conninfo_to_dict

from largesse.bench.postgres_server import run_to_the_end

EPOCH = 3
AHEAD_MIN = EPOCH << 32
"""Numbers of its transactions are larger than that."""


@contextmanager
def far_server() -> Iterator[PostgresServer]:
    """A server that has numbered billions of transactions, or so it thinks."""
    with postgres() as server:
        server.stop()
        data = str(server.folder / "data")
        run_to_the_end([str(binaries() / "pg_resetwal"), "-e", str(EPOCH), data], server.folder)
        server.start_again()
        yield server


def dump(server: PostgresServer, url: str, file: Path) -> None:
    """Dump a database of a server, by a superuser: the wall lets nobody else take it whole."""
    name = conninfo_to_dict(url)["dbname"]
    _run(["pg_dump", "--format=custom", f"--file={file}", server.url(str(name), "postgres")])


def restore(file: Path, url: str) -> None:
    """Put a dump into an empty database, as whoever shall own it."""
    _run(["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}", str(file)])


def _run(command: list[str]) -> None:
    program = str(binaries() / command[0])
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
