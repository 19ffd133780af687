"""One of several processes that share a port: started by a supervisor, never by hand."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import uvloop

from largesse.cli.assignment import Assignment, Report
from largesse.cli.chosen import Chosen
from largesse.cli.greeting import Greeting
from largesse.cli.serving import Bound, log_to_standard_error, serve_on
from largesse.http.server import Server
from largesse.http.together import Together
from largesse.kernel.errors import LargesseError
from largesse.wiring.application import Application


def main() -> None:
    """Serve as the line says; its descriptor is the only argument."""
    line = socket.socket(fileno=int(sys.argv[1]))
    with line.makefile("rb") as said:
        assignment = msgspec.json.decode(said.readline(), type=Assignment)
    try:
        _serve(assignment, line)
    except LargesseError as error:
        _tell(line, Report(problem=" ".join(str(error).split())))
        sys.exit(1)


def _serve(assignment: Assignment, line: socket.socket) -> None:
    chosen = msgspec.convert(assignment.chosen, Chosen)
    settings = chosen.load().settings
    log_to_standard_error(settings)
    older = None if assignment.older is None else socket.socket(fileno=assignment.older)
    bound = Bound(socket.socket(fileno=assignment.main), older)

    def said(greeting: Greeting, _host: str, _port: int) -> None:
        _tell(line, Report(greeting.first_key, greeting.beside))

    @asynccontextmanager
    async def around(application: Application, server: Server) -> AsyncIterator[None]:
        """Be seen by the others, and end with the supervisor."""
        together = Together(Path(assignment.folder), assignment.number, application.metrics)
        await together.open()
        watching = asyncio.create_task(_end_with(line, server))
        try:
            yield
        finally:
            watching.cancel()
            await together.close()

    uvloop.run(serve_on(bound, settings, said, around))


def _tell(line: socket.socket, report: Report) -> None:
    line.sendall(msgspec.json.encode(report) + b"\n")


async def _end_with(line: socket.socket, server: Server) -> None:
    """Have the server end when its supervisor is gone."""
    line.setblocking(False)  # noqa: FBT003 — as the library has it
    await asyncio.get_running_loop().sock_recv(line, 1)
    server.should_exit = True


if __name__ == "__main__":
    main()
