"""A server does without what only people at a terminal need."""

import signal
import subprocess
import sys

import pytest

from largesse.kernel.lean import left_out


def test_what_is_left_out_is_missing_only_inside() -> None:
    """`this` stands for an optional library: nobody has imported it."""
    with left_out("this"), pytest.raises(ModuleNotFoundError):
        __import__("this")
    assert "this" not in sys.modules


def test_what_is_there_already_stays() -> None:
    """Whoever imported it before goes on with the same module."""
    before = sys.modules["json"]
    with left_out("json"):
        import json  # noqa: PLC0415 - that is the question
    assert json is before is sys.modules["json"]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules of a server that listens and was asked nothing yet."""
    told = "signal.signal(signal.SIGUSR1, lambda *_: print(*sys.modules, flush=True))"
    program = f"import signal, sys; {told}; from largesse.cli.entry import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "serve", "--port", "0", "--json"],
        cwd=tmp_path_factory.mktemp("ledger"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGUSR1)
        modules = set(process.stdout.readline().split())
        process.terminate()
    assert {"litestar", "largesse.http.lane"} <= modules
    return modules


@pytest.mark.parametrize(
    "name",
    [
        "rich",  # 3 MB: structlog would import it if it found it
        "cyclopts",  # 2 MB: reads command lines
        "attr",  # 0.7 MB: the framework would import it if it found it
        "largesse.client",  # 0.4 MB: for commands that speak to a server
        "anyio._backends._asyncio",  # 0.7 MB: for the framework's events, which nobody hears
        "encodings.idna",  # 0.3 MB: an address in ASCII has no need of it
        "difflib",  # 0.2 MB: for whoever misspells a setting
        "connectrpc",  # 30 MB with the next
        "protobuf",
        "grpc",
        "httpcore2",  # delivers webhooks
        "psycopg",
        "pyarrow",
        "largesse.bench",
        "largesse.http.rpc.application",
        "largesse.testing",
    ],
)
def test_an_idle_server_does_not_load(name: str, loaded: set[str]) -> None:
    """What it may never need is loaded when it is needed, or never: memory is a promise."""
    assert name not in loaded
