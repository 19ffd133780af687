"""A real PostgreSQL for the tests: one for all of a run, or one of a test's own to be killed.

Whoever has one already names it in `LARGESSE_TEST_POSTGRES_URL`: a role that may make databases.
"""

import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

import psycopg
import pytest
from psycopg import sql

URL_VARIABLE = "LARGESSE_TEST_POSTGRES_URL"
GIVEN_URL = os.environ.get(URL_VARIABLE)
"""Read before the tests clean their environment."""

ROLE = "largesse"
"""Who the tests are in the database: no superuser, or the wall between tenants would be none."""

START_S_MAX = 30.0
STOP_S_MAX = 20.0
STARTS_MAX = 3
"""A free port may be taken before the server has it."""

_UNPRIVILEGED = "nobody"
_FOLDERS = (Path("/usr/lib/postgresql"),)
_QUICK: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
)
"""For what is no test of durability. Commits are still waited for."""

DURABLE: Mapping[str, str] = MappingProxyType({"fsync": "on"})


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
        self.process = _launch(self.folder, self.port, self.settings)


def binaries() -> Path:
    """The folder of PostgreSQL's programs, or the test is left out."""
    for folder in _FOLDERS:
        versions = sorted(folder.glob("*/bin/postgres"), key=lambda one: int(one.parts[-3]))
        if versions:
            return versions[-1].parent
    pytest.skip("PostgreSQL is missing: apt-get install postgresql-15")


@contextmanager
def postgres(settings: Mapping[str, str] = _QUICK) -> Iterator[PostgresServer]:
    """A server with a data folder of its own, gone at the end."""
    programs = binaries()
    # Not below pytest's folders: nobody but their owner may enter those.
    folder = Path(tempfile.mkdtemp(prefix="largesse-postgres-"))
    try:
        owner = pwd.getpwnam(_UNPRIVILEGED)
        if os.geteuid() == 0:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        _run(
            [
                str(programs / "initdb"),
                *("-D", str(folder / "data"), "-U", "postgres", "--auth=trust"),
                *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            ],
            folder,
        )
        server = _start(folder, settings)
        try:
            with psycopg.connect(server.url(role="postgres"), autocommit=True) as db:
                db.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(ROLE)))
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def shared_postgres(meeting: Path) -> Iterator[str]:
    """The address of the one server of a test run, whose processes meet in a folder.

    Whoever comes first starts it, and stops it when all others have left.
    """
    if GIVEN_URL:
        yield GIVEN_URL
        return
    with ExitStack() as stack:
        door = stack.enter_context((meeting / "postgres-door").open("a+"))
        users = stack.enter_context((meeting / "postgres-users").open("a"))
        fcntl.flock(door, fcntl.LOCK_EX)
        door.seek(0)
        url = door.read()
        if not url:
            url = stack.enter_context(postgres()).url()
            door.write(url)
            door.flush()
            stack.callback(_wait_for_others, door, users)
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield url


def _wait_for_others(door: IO[str], users: IO[str]) -> None:
    """Let nobody else in, and wait until those who are there have gone."""
    fcntl.flock(door, fcntl.LOCK_EX)
    door.truncate(0)
    fcntl.flock(door, fcntl.LOCK_UN)
    fcntl.flock(users, fcntl.LOCK_EX)


def _start(folder: Path, settings: Mapping[str, str]) -> PostgresServer:
    for last in (False, False, True):
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = int(held.getsockname()[1])
        try:
            return PostgresServer(folder, port, _launch(folder, port, settings), settings)
        except AssertionError:
            if last:
                raise
    raise AssertionError


def _launch(folder: Path, port: int, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
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
    command = [str(binaries() / "postgres"), "-D", str(folder / "data")]
    command += [part for one in given for part in ("-c", one)]
    with (folder / "log").open("ab") as log:
        # It dies with whoever started it, however that ends.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *_as_nobody(), "--", *command],
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
            raise AssertionError(message)
    return process


def _answers(port: int) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1", port=port, user="postgres", dbname="postgres", connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        ["setpriv", *_as_nobody(), "--", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _as_nobody() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwnam(_UNPRIVILEGED)
    return [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
