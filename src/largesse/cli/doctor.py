"""`largesse doctor`: looks at the machine as a server would find it."""

import ctypes
import os
import platform
import re
import resource
import shutil
import statistics
import tempfile
import time
from importlib.metadata import requires, version
from pathlib import Path

from msgspec import to_builtins

from largesse.cli.chosen import Chosen
from largesse.cli.diagnosis import (
    Finding,
    Mount,
    Syncs,
    judge_clock,
    judge_database,
    judge_file_system,
    judge_open_files,
    judge_port,
    judge_space,
    judge_sync,
    judge_time_service,
    judge_versions,
)
from largesse.cli.listening import bind
from largesse.cli.options import Settling
from largesse.cli.shown import Shown, table
from largesse.http.times import rfc3339
from largesse.kernel.clock import SystemClock
from largesse.kernel.errors import StartError
from largesse.settings.tree import Server, Settings
from largesse.storage.sqlite.inspection import Inspection, inspect, sqlite_version

SYNCS = 21
"""Enough for a median that one slow sync does not move."""

MOUNTS = Path("/proc/self/mountinfo")

TIMEX_BYTES = 512
"""More than the kernel's record of its clock takes on any machine."""

TIME_ERROR = 5
"""The kernel's word for a clock that nothing keeps right."""

_PINNED = re.compile(r"(?P<name>[\w-]+)==(?P<version>[\w.]+)$")
_SCHEME = "sqlite:///"
_PAGE = bytes(4_096)
_UNCHOSEN = Chosen()


def doctor(*, chosen: Settling = _UNCHOSEN) -> Shown:
    """Check the machine, the ledger's disk and file, and the port."""
    findings = examine(chosen.load().settings)
    rows = ((one.standing, one.check, one.found, one.advice) for one in findings)
    failed = any(one.standing == "fail" for one in findings)
    document = {"healthy": not failed, "findings": to_builtins(findings)}
    return Shown(document, [table(("", "check", "found", "what to do"), rows)], int(failed))


def examine(settings: Settings) -> list[Finding]:
    """All findings about this machine under these settings."""
    if not settings.database.url.startswith(_SCHEME):
        return _examine_without_file(settings)
    path = Path(settings.database.url.removeprefix(_SCHEME))
    folder = path.absolute().parent
    return [
        _examine_versions(),
        *_examine_folder(folder, path),
        _examine_clock(path),
        judge_time_service(_synchronised()),
        judge_open_files(_open_files_max()),
        judge_database(str(path), _marks(path)),
        _examine_port(settings.server),
    ]


def _examine_without_file(settings: Settings) -> list[Finding]:
    try:
        from largesse.cli.doctor_postgres import examine_database  # noqa: PLC0415 — an extra
    except ImportError:
        advice = "pip install 'largesse[postgres]'"
        return [Finding("driver", "fail", "PostgreSQL's driver is not installed", advice)]
    return [
        _examine_versions(),
        *examine_database(settings.database),
        judge_open_files(_open_files_max()),
        _examine_port(settings.server),
    ]


def _examine_versions() -> Finding:
    python, sqlite = platform.python_version(), sqlite_version()
    found = f"largesse {version('largesse')}, Python {python}, SQLite {sqlite}"
    pinned = [one for line in requires("largesse") or () if (one := _PINNED.match(line))]
    versions = [(one["name"], one["version"], version(one["name"])) for one in pinned]
    others = [(name, wanted, has) for name, wanted, has in versions if wanted != has]
    return judge_versions(found, tuple(map(int, sqlite.split("."))), others)


def _examine_folder(folder: Path, ledger: Path) -> list[Finding]:
    if not folder.is_dir():
        return [Finding("folder", "fail", f"{folder} is no folder", "make it, or name another")]
    return [
        judge_file_system(str(folder), _mount(folder)),
        judge_space(shutil.disk_usage(folder).free, _bytes_of(ledger)),
        judge_sync(_syncs(folder)),
    ]


def _bytes_of(ledger: Path) -> int:
    return ledger.stat().st_size if ledger.exists() else 0


def _mount(folder: Path) -> Mount | None:
    """The mount that a folder is on, as Linux tells it (man 5 proc_pid_mountinfo)."""
    if not MOUNTS.exists():
        return None
    nearest, found = "", None
    for line in MOUNTS.read_text().splitlines():
        mount, _, rest = line.partition(" - ")
        point, options = mount.split(" ")[4:6]
        point = point.replace("\\040", " ")
        if folder.resolve().is_relative_to(point) and len(point) >= len(nearest):
            kind, _, of_device = rest.split(" ", 2)
            every = frozenset(f"{options},{of_device}".split(","))
            nearest, found = point, Mount(kind, every)
    return found


def _syncs(folder: Path) -> Syncs | str:
    """How long a sync takes after a write, or why it cannot be had."""
    taken_s = []
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".largesse-doctor-") as file:
            for _ in range(SYNCS):
                file.seek(0)
                file.write(_PAGE)
                file.flush()
                started_s = time.perf_counter()
                os.fdatasync(file.fileno())
                taken_s.append(time.perf_counter() - started_s)
    except OSError as error:
        return f"cannot write in {folder}: {error.strerror}"
    return Syncs(statistics.median(taken_s), max(taken_s))


def _examine_clock(path: Path) -> Finding:
    now_ms = SystemClock().now_ms()
    changed_ms = path.stat().st_mtime_ns // 1_000_000 if path.exists() else None
    return judge_clock(now_ms, rfc3339(now_ms), changed_ms)


def _synchronised() -> bool | None:
    """Whether the kernel's clock is disciplined (man 2 adjtimex); None where nobody can say."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    state: int = adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))  # zeroes: it only asks
    return None if state < 0 else state != TIME_ERROR


def _open_files_max() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _marks(path: Path) -> tuple[bool, int, int] | str | None:
    if not path.exists():
        return None
    found = inspect(path)
    return (found.ours, found.schema, found.known) if isinstance(found, Inspection) else found


def _examine_port(server: Server) -> Finding:
    address = f"{server.host}:{server.port}"
    try:
        bind(server.host, server.port).close()
    except StartError as error:
        return judge_port(address, str(error))
    return judge_port(address, None)
