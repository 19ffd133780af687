"""A real PostgreSQL for the tests: one for all of a run, or one of a test's own to be killed.

Whoever has one already names it in `LARGESSE_TEST_POSTGRES_URL`: a role that may make databases.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO

import pytest

from largesse.bench import postgres_server
from largesse.bench.postgres_server import MISSING, ROLE, PostgresServer

__all__ = ["DURABLE", "GIVEN_URL", "ROLE", "PostgresServer", "postgres", "shared_postgres"]

URL_VARIABLE = "LARGESSE_TEST_POSTGRES_URL"
GIVEN_URL = os.environ.get(URL_VARIABLE)
"""Read before the tests clean their environment."""

_QUICK: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
)
"""For what is no test of durability. Commits are still waited for."""

DURABLE: Mapping[str, str] = MappingProxyType({"fsync": "on"})


def binaries() -> Path:
    """The folder of PostgreSQL's programs, or the test is left out."""
    found = postgres_server.binaries()
    if found is None:
        pytest.skip(MISSING)
    return found


@contextmanager
def postgres(settings: Mapping[str, str] = _QUICK) -> Iterator[PostgresServer]:
    """A server with a data folder of its own, gone at the end; or the test is left out."""
    binaries()
    with postgres_server.postgres(settings) as server:
        yield server


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
