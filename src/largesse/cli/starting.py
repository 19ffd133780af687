"""How one worker begins: a process that is told what to do, and answers once it serves."""

import asyncio
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from largesse.cli.assignment import Assignment, Report
from largesse.cli.chosen import Chosen
from largesse.kernel.clock import ticking_s
from largesse.kernel.errors import StartError
from largesse.kernel.lean import left_out

with left_out("rich"):
    import structlog

START_S_MAX = 60.0
"""A worker that needs longer to serve has failed to start."""

_log = structlog.get_logger(__name__)


class WorkerError(StartError):
    """A worker could not start."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """What one worker listens on, open for as long as the supervisor lives."""

    main: socket.socket
    older: socket.socket | None

    def all(self) -> list[socket.socket]:
        """Both, or the one."""
        return [self.main] if self.older is None else [self.main, self.older]


@dataclass(slots=True)
class Worker:
    """A process that serves; `report` tells how it began."""

    process: asyncio.subprocess.Process
    line: socket.socket
    began_s: float
    report: Report = field(default_factory=Report)

    async def end(self, s_max: float) -> None:
        """Let it answer what it accepted, and wait until it is gone."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(s_max):
                await self.gone()
        except TimeoutError:
            _log.error("worker killed", pid=self.process.pid, after_s=s_max)
            await self.kill()

    async def kill(self) -> None:
        """End it at once, whatever it does, and wait until it is gone."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.gone()

    async def gone(self) -> int:
        """Wait until it has ended, by itself or by others; its exit status."""
        status = await self.process.wait()
        self.line.close()
        return status


class Starter:
    """Starts workers that all serve by the same command line, and find each other in a folder."""

    def __init__(self, chosen: Chosen, folder: Path) -> None:
        self._chosen = {name: one for name, one in asdict(chosen).items() if one is not None}
        self._folder = folder

    async def start(self, number: int, sockets: Sockets) -> Worker:
        """A worker that serves; `WorkerError` where it cannot, and then nothing of it is left."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "largesse.cli.worker", str(theirs.fileno())),
                pass_fds=[one.fileno() for one in (*sockets.all(), theirs)],
            )
        worker = Worker(process, ours, ticking_s())
        try:
            async with asyncio.timeout(START_S_MAX):
                worker.report = await _introduce(ours, self._assignment(number, sockets))
        except (TimeoutError, OSError) as error:
            await worker.kill()
            message = f"worker {number} does not start: see what it wrote before"
            raise WorkerError(message) from error
        except BaseException:
            await worker.kill()
            raise
        if worker.report.problem is not None:  # it ends by itself, now that it is told
            await worker.gone()
            raise WorkerError(worker.report.problem)
        _log.info("worker", worker=number, pid=process.pid)
        return worker

    def _assignment(self, number: int, sockets: Sockets) -> Assignment:
        return Assignment(
            number=number,
            chosen=self._chosen,
            main=sockets.main.fileno(),
            older=None if sockets.older is None else sockets.older.fileno(),
            folder=str(self._folder),
        )


async def _introduce(line: socket.socket, assignment: Assignment) -> Report:
    """Say what there is to do, and hear how it went; `ConnectionError` where the line ends."""
    loop = asyncio.get_running_loop()
    line.setblocking(False)  # noqa: FBT003 — as the library has it
    said = msgspec.json.encode(assignment, enc_hook=str) + b"\n"
    await loop.sock_sendall(line, said)
    heard = b""
    while not heard.endswith(b"\n"):
        more = await loop.sock_recv(line, 65_536)
        if not more:
            message = "it ended"
            raise ConnectionError(message)
        heard += more
    return msgspec.json.decode(heard, type=Report)
