"""What holds for every test: a clean environment, proofs told, none left out in silence."""

import asyncio
import gc
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog
import uvicorn.server
from postgres_databases import Databases
from postgres_server import shared_postgres

# How long an example takes says more of the machine than of the code; each test has its own limit.
hypothesis.settings.register_profile("largesse", deadline=None)
hypothesis.settings.load_profile("largesse")

pytest.register_assert_rewrite("largesse.testing")

LEAVE_OUT_NOTHING = "LARGESSE_TEST_LEAVE_OUT_NOTHING"
BY_DESIGN = "by design: "
"""Begins the reason of a skip that no machine could spare, like a store without files that cannot
be asked to survive a restart."""

PROMISE = "promise"
"""The property of a test that holds what it proved, for the summary and for whoever quotes it."""

Ledger = Mapping[str, str]
"""The settings of a server that make it use a ledger; none mean an SQLite file in its folder."""

OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""Tell a `make` that it runs inside another one: it would speak and behave otherwise."""

LONGEST = "promises"
"""The folder of the tests that take the longest."""

AS_USERS_DO = {"conformance", "end_to_end", LONGEST}
"""Folders of tests that start servers and programs as users do: each of them is `slow`."""

SLOW_TO_COLLECT = "test_schemathesis.py"
"""Its cases take seconds to make; they are `slow`, too."""

FAST, ALONE = "not slow and not alone", "alone"
"""What `make` asks for where it does not ask for all."""

MEMORY = Path("/dev/shm")  # noqa: S108 — pytest makes a folder there that is ours alone
"""Where fast tests have their files if they can: they commit thousands of times, and what a disk
keeps of that is asked by others."""

ROOM_BYTES_MIN = 1024**3
YOUNG_OBJECTS_MAX = 200_000
"""An application has some sixty thousand: most are gone before anybody looks for garbage."""

_LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count what is left out."""
    config.stash[_LEFT_OUT] = Counter()
    if config.option.markexpr == FAST and _is_roomy(MEMORY):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


def _is_roomy(folder: Path) -> bool:
    """Whether tests can have their files and programs in a folder."""
    if not os.access(folder, os.W_OK):
        return False
    system = os.statvfs(folder)
    may_execute = not system.f_flag & os.ST_NOEXEC
    return may_execute and system.f_bavail * system.f_frsize >= ROOM_BYTES_MIN


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even read files none of whose tests is asked for, if that takes long."""
    unasked = {FAST: {*AS_USERS_DO, SLOW_TO_COLLECT}, ALONE: {SLOW_TO_COLLECT}}
    return collection_path.name in unasked.get(config.option.markexpr, ()) or None


def _is_on_postgres(item: pytest.Item) -> bool:
    """Whether a test needs a PostgreSQL, which takes seconds to start and files by the hundred."""
    if not isinstance(item, pytest.Function):
        return False
    params = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return "databases" in item.fixturenames or "postgres" in params


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes seconds by its folder, before any mark is asked for.

    Begin with what takes minutes, so that nobody is left alone with it at the end.
    """
    for item in items:
        if item.path.parent.name in AS_USERS_DO or _is_on_postgres(item):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.parent.name != LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Leave all that is read now out of collections of garbage: it stays, and there is a lot of it.

    And collect less often than for a program that has little memory.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS_MAX)
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Keep what whoever runs the tests has set, make included, from the programs tests start."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in list(os.environ):
            if variable.startswith("LARGESSE_") or variable in OF_MAKE:
                patch.delenv(variable)
        yield


class _WideAwake:
    """The module `asyncio` to whoever looks again and again: it looks twenty times as often."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — whatever is in the module
        return getattr(asyncio, name)

    async def sleep(self, delay_s: float) -> None:
        """A nap."""
        awake = asyncio.Event()
        asyncio.get_running_loop().call_later(delay_s / 20, awake.set)
        await awake.wait()


@pytest.fixture(scope="session", autouse=True)
def _servers_end_at_once() -> Iterator[None]:
    """A server of uvicorn sleeps 0.1 s before it sees that it shall end, and as long again.

    Tests end hundreds of servers within their own process: minutes of sleep.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.server, "asyncio", _WideAwake())
        yield


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Logging is the process's own: leave it as it was."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Databases]:
    """Databases of a real PostgreSQL, the one server of this run."""
    own = tmp_path_factory.getbasetemp()
    with shared_postgres(own if worker_id == "master" else own.parent) as url:
        made = Databases(url)
        yield made
        made.close()


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """The address of a PostgreSQL database with our schema and no rows."""
    with databases.fresh() as url:
        yield url


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """An empty ledger of each kind, for all tests of a module."""
    yield from _ledger(request)


@pytest.fixture(params=["sqlite", "postgres"])
def own_ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """An empty ledger of each kind, for one test."""
    yield from _ledger(request)


def _ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    if request.param == "sqlite":
        yield {}
        return
    databases: Databases = request.getfixturevalue("databases")
    with databases.fresh() as url:
        yield {"LARGESSE_DATABASE": url}


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail a run that may leave out nothing and did."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    left_out = session.config.stash[_LEFT_OUT]
    for report in reporter.stats.get("skipped", []) if reporter else []:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        left_out[str(reason).removeprefix("Skipped: ")] += 1
    avoidable = [reason for reason in left_out if not reason.startswith(BY_DESIGN)]
    if avoidable and os.environ.get(LEAVE_OUT_NOTHING) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    yield


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say aloud what was proven with which figures, and what did not run, why, and how it would."""
    for report in (one for kind in terminalreporter.stats.values() for one in kind):
        if getattr(report, "when", None) == "call":
            for name, figures in report.user_properties:
                if name == PROMISE:
                    terminalreporter.write_line(f"{PROMISE}: {figures}", green=True)
    for reason, count in sorted(config.stash[_LEFT_OUT].items()):
        terminalreporter.write_line(f"left out: {count} × {reason}", yellow=True)
    if os.environ.get(LEAVE_OUT_NOTHING) and config.stash[_LEFT_OUT]:
        terminalreporter.write_line(f"{LEAVE_OUT_NOTHING} is set: nothing but {BY_DESIGN!r} may be")
