"""Servers to test: `largesse serve` as its users start it, and one inside the test."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from crowd import crowd

from largesse.http.server import Listening, make_server
from largesse.kernel.clock import MachineClock
from largesse.settings.secret import Secret
from largesse.settings.tree import Cors, Database, Settings
from largesse.wiring.application import open_application

ADMIN_KEY = "lgs_the_admin_key_of_all_servers_under_test"
START_S_MAX = 20.0
"""A server that needs longer to say its address has failed to start."""

STOP_S_MAX = 30.0
IDLE_S_MAX = "60"
"""A crowd visits its connections in turn, on a slow machine each after many seconds."""

PROGRAM = str(Path(sys.executable).with_name("largesse"))

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
NO_PAGES = Cors()
WATCHFUL: Mapping[str, str] = MappingProxyType({"LARGESSE_AUDIT_PERIOD_S": "1"})
"""Settings with which a fresh proof of the ledger is never far away."""


@dataclass
class Running:
    """A `largesse serve` of its own process, on a file that outlives it."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    started_at_s: float
    """When it was started, on the monotonic clock."""

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.process.kill()
        self.process.wait(STOP_S_MAX)

    def stop(self) -> int:
        """End it as an operator does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S_MAX)


def start(folder: Path, settings: Mapping[str, str] = NO_SETTINGS) -> Running:
    """Start `largesse serve` on the ledger in a folder; its log goes to the file `log` there.

    `settings` are environment variables; they may name another ledger.
    """
    environment = {
        **os.environ,
        "LARGESSE_ADMIN_KEY": ADMIN_KEY,
        "LARGESSE_LOG_LEVEL": "warning",
        "LARGESSE_SERVER_IDLE_S_MAX": IDLE_S_MAX,
        "LARGESSE_DATABASE": f"sqlite:///{folder / 'ledger.db'}",
        **settings,
    }
    started_at_s = time.monotonic()
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [PROGRAM, "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=folder,
        )
    return Running(folder, process, _port_of(process, folder), started_at_s)


@contextmanager
def served(folder: Path, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[Running]:
    """A server that is gone at the end, however it ended."""
    running = start(folder, settings)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait(STOP_S_MAX)
        if running.process.stdout is not None:
            running.process.stdout.close()


async def ready(port: int, s_max: float = START_S_MAX) -> None:
    """Wait until a server says that it may be trusted with traffic."""
    async with asyncio.timeout(s_max), crowd(port) as visitors:
        while (await visitors.ask("GET", "/readyz")).status != 200:
            pass


@asynccontextmanager
async def hosted(folder: Path, clock: MachineClock, cors: Cors = NO_PAGES) -> AsyncIterator[int]:
    """The whole application inside the test, by the test's clock; the port where it listens."""
    settings = Settings(
        admin_key=Secret(ADMIN_KEY),
        database=Database(url=f"sqlite:///{folder / 'ledger.db'}"),
        cors=cors,
    )
    async with open_application(settings, clock) as application:
        bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        server = make_server(
            application.asgi,
            application.desk,
            application.watch,
            Listening(port=0),
            lambda _host, port: bound.set_result(port),
        )
        serving = asyncio.create_task(server.serve())
        try:
            async with asyncio.timeout(START_S_MAX):
                yield await bound
        finally:
            server.should_exit = True
            await serving


def _port_of(process: subprocess.Popen[bytes], folder: Path) -> int:
    """The port in the first line that a server prints."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_S_MAX)
    line = process.stdout.readline().decode() if readable else ""
    found = re.search(r":(\d+)", line)
    if found is None:
        process.kill()
        process.wait(STOP_S_MAX)
        process.stdout.close()
        message = f"no address in {line!r}; its log:\n{(folder / 'log').read_text()}"
        raise AssertionError(message)
    return int(found[1])
