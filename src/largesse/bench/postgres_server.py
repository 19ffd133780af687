"""A PostgreSQL of one's own, for whoever measures or tests: from its data folder to its end.

The program itself is started, by nobody's rights where we are root, and ended by its process id.
"""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from largesse.bench.plan import BenchError

ROLE = "largesse"
"""Who we are in the database: no superuser, or the wall between tenants would be none."""
# To drop a database a vacuum of the server's own may have to be ended: who may not signal it is
# refused.
_OUR_ROLE = "CREATE ROLE {} LOGIN CREATEDB IN ROLE pg_signal_backend"

START_S_MAX = 30.0
STOP_S_MAX = 20.0
MISSING = "PostgreSQL is missing: apt-get install postgresql-15"

_SETPRIV = "/usr/bin/setpriv"
_UNPRIVILEGED = "nobody"
_FOLDERS = (Path("/usr/lib/postgresql"),)


@dataclass
class PostgresServer:
    """A running server, reached as a role that may make databases and nothing more."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    settings: Mapping[str, str]

    def url(self, database: str = "postgres", role: str = ROLE) -> str:
        """The address of a database."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """Kill -9 of the server, which takes its sessions with it, and wait until it is gone."""
        self.process.kill()
        self.process.wait(STOP_S_MAX)

    def stop(self) -> None:
        """End it as an operator in a hurry does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(STOP_S_MAX)

    def start_again(self) -> None:
        """Start it on the same folder and port."""
        self.process = launch(self.folder, self.port, self.settings)


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL's programs on this machine."""
    for folder in _FOLDERS:
        versions = sorted(folder.glob("*/bin/postgres"), key=lambda one: int(one.parts[-3]))
        if versions:
            return versions[-1].parent
    return None


@contextmanager
def postgres(settings: Mapping[str, str], below: Path | None = None) -> Iterator[PostgresServer]:
    """A server with a data folder of its own, gone at the end.

    `below` is where that folder shall be; where nobody's rights do not reach, the system's
    temporary folder is taken. Raises `BenchError` where there is no PostgreSQL or it fails.
    """
    found = _found()
    folder = Path(tempfile.mkdtemp(prefix="largesse-postgres-", dir=_reachable(below)))
    try:
        give_away(folder)
        run_to_the_end(
            [
                str(found / "initdb"),
                *("-D", str(folder / "data"), "-U", "postgres", "--auth=trust"),
                *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            ],
            folder,
        )
        server = start(folder, settings)
        try:
            with psycopg.connect(server.url(role="postgres"), autocommit=True) as db:
                db.execute(sql.SQL(_OUR_ROLE).format(sql.Identifier(ROLE)))
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give_away(folder: Path) -> None:
    """Let PostgreSQL's user own a folder: it refuses to run as root."""
    if os.geteuid() == 0:
        owner = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(folder, owner.pw_uid, owner.pw_gid)


def _found() -> Path:
    found = binaries()
    if found is None:
        raise BenchError(MISSING)
    return found


def _reachable(folder: Path | None) -> Path | None:
    """A folder that anybody may walk to, or None."""
    if folder is None:
        return None
    folder = folder.resolve()
    open_to_all = (one.stat().st_mode & stat.S_IXOTH for one in (folder, *folder.parents))
    return folder if all(open_to_all) else None


def start(folder: Path, settings: Mapping[str, str]) -> PostgresServer:
    """Start a server on a data folder that is there, at a free port."""
    for last in (False, False, True):  # a free port may be taken before the server has it
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = int(held.getsockname()[1])
        try:
            return PostgresServer(folder, port, launch(folder, port, settings), settings)
        except BenchError:
            if last:
                raise
    raise AssertionError


def launch(folder: Path, port: int, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the program itself, so that its id is the server's, and wait until it answers."""
    fixed = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "wal_level": "logical",
        "max_connections": "200",
        "timezone": "UTC",
    }
    given = [f"{name}={value}" for name, value in {**fixed, **settings}.items()]
    command = [str(_found() / "postgres"), "-D", str(folder / "data")]
    command += [part for one in given for part in ("-c", one)]
    with (folder / "log").open("ab") as log:
        # It dies with whoever started it, however that ends.
        process = subprocess.Popen(  # noqa: S603 - a program of the system, with arguments of ours
            [_SETPRIV, "--pdeathsig", "KILL", *_as_nobody(), "--", *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline_s = time.monotonic() + START_S_MAX
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline_s:
            process.kill()
            process.wait(STOP_S_MAX)
            message = f"PostgreSQL does not start; its log:\n{(folder / 'log').read_text()}"
            raise BenchError(message)
    return process


def _answers(port: int) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1", port=port, user="postgres", dbname="postgres", connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def run_to_the_end(command: Sequence[str], folder: Path) -> None:
    """Run one of PostgreSQL's programs to its end; `BenchError` with what it said."""
    done = subprocess.run(  # noqa: S603 - the same
        [_SETPRIV, *_as_nobody(), "--", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(done.stderr.strip() or f"{command[0]} failed")


def _as_nobody() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwnam(_UNPRIVILEGED)
    return [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
