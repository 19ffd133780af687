"""Several processes that serve one port, looked after by one that serves nothing.

Each worker has a listening socket of its own on the shared address, made and kept here: its
successor listens on the same one, so that nobody is refused while it takes over.
"""

import asyncio
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from largesse.cli.chosen import Chosen
from largesse.cli.greeting import Greeting
from largesse.cli.listening import bind
from largesse.cli.starting import Sockets, Starter, Worker, WorkerError
from largesse.kernel.clock import ticking_s
from largesse.kernel.errors import StartError
from largesse.kernel.lean import left_out
from largesse.settings.secret import Secret
from largesse.settings.tree import Settings

with left_out("rich"):
    import structlog

from largesse.cli.logs import set_up_logs

END_S_MAX = 10.0
"""So much longer than its drain may a worker take to end, or it is killed."""

AGAIN_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""How long to wait before a worker that ended is started again: the more often it just ended."""

STEADY_S = 30.0
"""A worker that lived so long ended for a reason of that moment."""

_log = structlog.get_logger(__name__)


class Place:
    """One of the workers: whoever it is at the moment, and how often it just failed."""

    def __init__(self, number: int, sockets: Sockets) -> None:
        self.number = number
        self.sockets = sockets
        self.worker: Worker | None = None
        self.failures = 0

    def pause_s(self, lived_s: float) -> float:
        """How long to wait before the next one begins, after one that lived so long."""
        if lived_s >= STEADY_S:
            self.failures = 0
        pause_s = AGAIN_S[min(self.failures, len(AGAIN_S) - 1)]
        self.failures += 1
        return pause_s

    def leave_to_others(self) -> None:
        """Have new connections go to the others, until somebody listens here again."""
        for one in self.sockets.all():
            with suppress(OSError):  # it listened to nobody
                one.shutdown(socket.SHUT_RD)


class Supervisor:
    """Starts the workers, brings back those that end, replaces them one by one, ends them all."""

    def __init__(self, starter: Starter, settings: Settings, sockets: Sequence[Sockets]) -> None:
        self._starter = starter
        self._end_s_max = settings.server.drain_s_max + END_S_MAX
        self._places = [Place(number, one) for number, one in enumerate(sockets, start=1)]
        self._ending = asyncio.Event()
        self._replacing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    async def run(self, *, json: bool) -> None:
        """Serve until SIGTERM or Ctrl-C. Raises `StartError` where the first worker cannot start.

        The first one starts alone: it makes what a new database lacks.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        first, *others = self._places
        first.worker = await self._starter.start(first.number, first.sockets)
        host, port, *_ = first.sockets.main.getsockname()
        report = first.worker.report
        Greeting(report.first_key, report.beside).say(host, port, json=json)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._begin_task(self._replace_all()))
        for place in (first, *others):
            self._begin_task(self._look_after(place))
        await self._ending.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for place in self._places:
            if place.worker is not None:
                self._let_go(place.worker)
        await asyncio.gather(*self._leaving)

    def _begin_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _let_go(self, worker: Worker) -> asyncio.Task[None]:
        """Have a worker end; it is waited for at the end in any case."""
        task = asyncio.create_task(worker.end(self._end_s_max))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return task

    async def _look_after(self, place: Place) -> None:
        """Have somebody at a place for ever."""
        while True:
            if place.worker is None:
                place.worker = await self._begin(place)
            worker = place.worker
            status = await worker.gone()
            async with self._replacing:
                if place.worker is not worker:
                    continue  # replaced on purpose
                place.worker = None
                place.leave_to_others()
            pause_s = place.pause_s(ticking_s() - worker.began_s)
            _log.error("worker ended", worker=place.number, status=status, again_in_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _begin(self, place: Place) -> Worker:
        """Start a worker, however often that takes."""
        while True:
            try:
                return await self._starter.start(place.number, place.sockets)
            except WorkerError as error:
                place.leave_to_others()  # it may have come as far as to listen
                pause_s = place.pause_s(0)
                _log.error(
                    "worker failed", worker=place.number, problem=str(error), again_in_s=pause_s
                )
            await asyncio.sleep(pause_s)

    async def _replace_all(self) -> None:
        """Put a new worker in the place of each, one after another, while the old one serves on."""
        for place in self._places:
            async with self._replacing:
                old = place.worker
                if old is None:
                    continue  # about to begin anew in any case
                try:
                    place.worker = await self._starter.start(place.number, place.sockets)
                except WorkerError as error:
                    _log.error("workers kept", worker=place.number, problem=str(error))
                    return
            await asyncio.shield(self._let_go(old))
        _log.info("workers replaced", workers=len(self._places))


def supervise(chosen: Chosen, settings: Settings, *, json: bool) -> None:
    """Serve with several workers until a signal. Raises `StartError`."""
    _check(settings)
    secrets: list[Secret] = [settings.admin_key] if settings.admin_key else []
    set_up_logs(settings.log, sys.stderr, secrets)
    folder = Path(tempfile.mkdtemp(prefix="largesse-workers-"))
    try:
        with ExitStack() as stack:
            sockets = _bind_all(settings, stack)
            starter = Starter(chosen, folder)
            asyncio.run(Supervisor(starter, settings, sockets).run(json=json))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check(settings: Settings) -> None:
    workers = settings.server.workers
    if not settings.database.url.startswith("postgres"):
        message = (
            f"{workers} workers need PostgreSQL, for one file has one process: name a database "
            "with --database postgresql://…, or leave --workers out"
        )
        raise StartError(message)
    if settings.rpc.grpc_port == 0:
        message = "several workers share the port of gRPC: name one, --grpc-port 0 takes any"
        raise StartError(message)


def _bind_all(settings: Settings, stack: ExitStack) -> list[Sockets]:
    """A pair of sockets for each worker; where the port is chosen freely, by the first."""
    server, rpc = settings.server, settings.rpc
    port, compat_port = server.port, rpc.compat_port
    found: list[Sockets] = []
    for _ in range(server.workers):
        main = stack.enter_context(bind(server.host, port, shared=True))
        port = main.getsockname()[1]
        older = None
        if compat_port is not None:
            bound = bind(rpc.compat_host, compat_port, "--compat-port", shared=True)
            older = stack.enter_context(bound)
            compat_port = older.getsockname()[1]
        found.append(Sockets(main, older))
    return found
