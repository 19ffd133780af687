"""A PgBouncer in transaction mode in front of a PostgreSQL."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

START_S_MAX = 10.0
SESSIONS = 2
"""Sessions at the server, which all clients share."""

_UNPRIVILEGED = "nobody"


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """The address of a database through a pooler that changes sessions at each transaction."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is missing: apt-get install pgbouncer")
    said = conninfo_to_dict(url)
    folder = Path(tempfile.mkdtemp(prefix="largesse-pgbouncer-"))
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={said['host']} port={said['port']} user={said['user']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = transaction\ndefault_pool_size = {SESSIONS}\n"
        "ignore_startup_parameters = extra_float_digits,options\nlogfile = /dev/null\n"
    )
    _let_in(folder)
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *_as_nobody(), "--", program, "pgbouncer.ini"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline_s = time.monotonic() + START_S_MAX
        while not _listens(port):
            assert process.poll() is None, "PgBouncer ended"
            assert time.monotonic() < deadline_s, "PgBouncer does not listen"
        yield f"postgresql://{said['user']}@127.0.0.1:{port}/{said['dbname']}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(START_S_MAX)
        shutil.rmtree(folder)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _let_in(folder: Path) -> None:
    if os.geteuid() == 0:
        owner = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(folder, owner.pw_uid, owner.pw_gid)


def _as_nobody() -> list[str]:
    """PgBouncer refuses to run as root."""
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwnam(_UNPRIVILEGED)
    return [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
