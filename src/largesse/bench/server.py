"""Starts a server as a user would, watches it through /proc (Linux only), and ends it."""

import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from largesse.bench.ledgers import Ledger
from largesse.bench.plan import BenchError

START_S_MAX = 60
"""A server that has not told its address by then never will."""

STOP_S_MAX = 60
"""Longer than a server may take to answer what it accepted."""

KIB = 1_024
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LOG_LINES_TOLD = 5


class Server:
    """A process that listens at `url`; `started_s` is how long it took to tell so."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, started_s: float) -> None:
        self.started_s = started_s
        self.process = process
        self._log = log
        self.url = self._first_line()

    def cpu_s(self) -> float:
        """Seconds of processor time used so far, in and for the process."""
        stat = self._proc("stat").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / _TICKS_PER_S

    def memory_bytes(self) -> int:
        """What it holds of the machine's memory now."""
        return self._status("VmRSS")

    def memory_peak_bytes(self) -> int:
        """The most it ever held."""
        return self._status("VmHWM")

    def stop(self) -> None:
        """Ask it to end, and wait until it has. Raises `BenchError` when it ends badly."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            message = f"the server did not end within {STOP_S_MAX} s"
            raise BenchError(message) from None
        if status != 0:
            message = f"the server ended with status {status}: {self._last_words()}"
            raise BenchError(message)

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_S_MAX)
        line = self.process.stdout.readline().decode().strip() if ready else ""
        if not line.startswith("http://"):
            self.process.kill()
            self.process.wait()
            message = f"the server did not start: {self._last_words()}"
            raise BenchError(message)
        return line

    def _last_words(self) -> str:
        return " ".join(self._log.read_text().splitlines()[-_LOG_LINES_TOLD:]) or "it said nothing"

    def _status(self, name: str) -> int:
        for line in self._proc("status").splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * KIB
        message = f"/proc tells no {name} of the server"
        raise BenchError(message)

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()


@contextmanager
def largesse(ledger: Ledger, key: str) -> Iterator[Server]:
    """`largesse serve` on a ledger, in which it makes what is not there.

    `key` opens it as admin of its first tenant.
    """
    executable = Path(sys.executable).with_name("largesse")
    command = [str(executable), "serve", "--port", "0", "--database", ledger.url]
    with _running(command, ledger.folder, {"LARGESSE_ADMIN_KEY": key}) as server:
        yield server


@contextmanager
def echo(folder: Path) -> Iterator[Server]:
    """The ceiling: the same lane with nothing behind it."""
    command = [sys.executable, "-m", "largesse.bench.echo"]
    with _running(command, folder, {}) as server:
        yield server


def new_key() -> str:
    """An admin key for a server of ours."""
    return "lgs_" + secrets.token_hex(16)


@contextmanager
def _running(command: Sequence[str], folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """A server that ends with the block; a bad end is an error only where the block had none.

    Nothing of the environment reaches it but `settings`: those of whoever measures do not count.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    began_s = time.perf_counter()
    with log.open("ab") as stderr:
        process = subprocess.Popen(  # noqa: S603 - a server of ours, with arguments of ours
            command,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            env={"PATH": os.defpath, **settings},
        )
    server = Server(process, log, began_s)
    server.started_s = time.perf_counter() - began_s
    try:
        yield server
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        assert process.stdout is not None
        process.stdout.close()
    if process.poll() is None:
        server.stop()
