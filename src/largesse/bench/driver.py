"""Puts full load on a server, with the better client that this machine has."""

import uvloop

from largesse.bench import wrk
from largesse.bench.client import ask_in_turns
from largesse.bench.load import Load, Measured
from largesse.bench.plan import BenchError


def client_name() -> str:
    """Who puts the load on; to be told with the figures, because the client is a limit, too."""
    if wrk.find():
        return "wrk, one thread"
    return "the built-in client, because wrk is not installed: figures are of both together"


def drive(load: Load) -> Measured:
    """Put a load on a server. Raises `BenchError` where connections failed."""
    executable = wrk.find()
    measured = uvloop.run(ask_in_turns(load)) if executable is None else wrk.drive(executable, load)
    if measured.broken:
        message = f"{measured.broken} requests failed or got no answer in time"
        raise BenchError(message)
    return measured
