"""`largesse doctor`: looks at the machine as a server would find it."""

import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from msgspec import to_builtins

from largesse.cli.diagnosis import (
    Finding,
    judge_clock,
    judge_database,
    judge_file_system,
    judge_open_files,
    judge_port,
    judge_space,
    judge_sync,
)
from largesse.cli.listening import bind
from largesse.cli.options import Chosen
from largesse.cli.shown import Shown, table
from largesse.http.times import rfc3339
from largesse.kernel.clock import SystemClock
from largesse.kernel.errors import StartError
from largesse.settings.tree import Server, Settings
from largesse.storage.sqlite.inspection import Inspection, inspect, sqlite_version

SYNCS = 21
"""Enough for a median that one slow sync does not move."""

MOUNTS = Path("/proc/self/mountinfo")

_SCHEME = "sqlite:///"
_PAGE = bytes(4_096)
_UNCHOSEN = Chosen()


def doctor(*, chosen: Chosen = _UNCHOSEN) -> Shown:
    """Check the machine, the ledger's disk and file, and the port."""
    findings = examine(chosen.load().settings)
    rows = ((one.standing, one.check, one.found, one.advice) for one in findings)
    failed = any(one.standing == "fail" for one in findings)
    document = {"healthy": not failed, "findings": to_builtins(findings)}
    return Shown(document, [table(("", "check", "found", "what to do"), rows)], int(failed))


def examine(settings: Settings) -> list[Finding]:
    """All findings about this machine under these settings."""
    path = Path(settings.database.url.removeprefix(_SCHEME))
    folder = path.absolute().parent
    return [
        Finding("versions", "ok", _versions()),
        *_examine_folder(folder),
        _examine_clock(path),
        judge_open_files(_open_files_max()),
        judge_database(str(path), _marks(path)),
        _examine_port(settings.server),
    ]


def _versions() -> str:
    python = platform.python_version()
    return f"largesse {version('largesse')}, Python {python}, SQLite {sqlite_version()}"


def _examine_folder(folder: Path) -> list[Finding]:
    if not folder.is_dir():
        return [Finding("folder", "fail", f"{folder} is no folder", "make it, or name another")]
    return [
        judge_file_system(str(folder), _file_system(folder)),
        judge_space(shutil.disk_usage(folder).free),
        judge_sync(_sync_s(folder)),
    ]


def _file_system(folder: Path) -> str | None:
    """The kind of the mount that a folder is on, as Linux tells it (man 5 proc_pid_mountinfo)."""
    if not MOUNTS.exists():
        return None
    nearest, kind = "", None
    for line in MOUNTS.read_text().splitlines():
        mount, _, rest = line.partition(" - ")
        point = mount.split(" ")[4].replace("\\040", " ")
        if folder.resolve().is_relative_to(point) and len(point) >= len(nearest):
            nearest, kind = point, rest.split(" ")[0]
    return kind


def _sync_s(folder: Path) -> float | str:
    """The median time of a write and its sync, in seconds, or why it cannot be had."""
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
    return statistics.median(taken_s)


def _examine_clock(path: Path) -> Finding:
    now_ms = SystemClock().now_ms()
    changed_ms = path.stat().st_mtime_ns // 1_000_000 if path.exists() else None
    return judge_clock(now_ms, rfc3339(now_ms), changed_ms)


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
