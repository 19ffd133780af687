"""The server that a page starts, in a terminal of its own."""

import os
import re
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from blocks import PageError

START_S_MAX = 20.0
"""A server that needs longer to say its address has failed to start."""

STOP_S_MAX = 30.0

_ADDRESS = re.compile(r"http://[\w.\[\]:]+:(\d+)\n")
_KEY = re.compile(r"lgs_[\w-]+")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: where it listens, and its admin key, printed or given."""

    port: int
    key: str


@contextmanager
def served(
    command: str, folder: Path, environment: Mapping[str, str], place: str
) -> Iterator[Served]:
    """A server started by a command of a page, on a free port; at the end it is told Ctrl-C."""
    with (folder / ".server.log").open("ab") as log:
        server = subprocess.Popen(
            ["bash", "-euc", f"exec {command.strip()}"],
            cwd=folder,
            env={**environment, "LARGESSE_SERVER_PORT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            process_group=0,
        )
    try:
        yield _greeted(server, place, environment.get("LARGESSE_ADMIN_KEY"))
        os.killpg(server.pid, signal.SIGINT)
        server.wait(STOP_S_MAX)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


def _greeted(server: subprocess.Popen[bytes], place: str, given: str | None) -> Served:
    """What a server says when it listens, in one piece: its address, and the first time its key."""
    assert server.stdout is not None
    readable, _, _ = select.select([server.stdout], [], [], START_S_MAX)
    said = os.read(server.stdout.fileno(), 65_536).decode() if readable else ""
    address, key = _ADDRESS.match(said), _KEY.search(said)
    admin_key = key[0] if key else given
    if address is None or admin_key is None:
        raise PageError(f"{place}: no server started; it said {said!r}")
    return Served(int(address[1]), admin_key)
