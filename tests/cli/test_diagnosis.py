"""What the doctor makes of what it measured."""

import pytest

from largesse.cli.diagnosis import (
    BEHIND_MS_MAX,
    EARLIEST_MS,
    FREE_BYTES_LOW,
    FREE_BYTES_MIN,
    OPEN_FILES_MIN,
    SQLITE_MIN,
    SYNC_S_MAX,
    SYNC_S_MIN,
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

NOW_MS = EARLIEST_MS + 1_000_000
SHOWN = "2026-01-01T00:16:40.000Z"
TINY = 1e-9
GIB = 2**30
OTHERS = [("uvicorn", "0.54.0", "0.55.0")]


def a_mount(*options: str) -> Mount:
    """A file system that would do, but for its options."""
    return Mount("ext4", frozenset(options))


@pytest.mark.parametrize(
    ("finding", "standing", "found", "advice"),
    [
        (judge_versions("x", SQLITE_MIN, []), "ok", "x", ""),
        (judge_versions("x", (3, 51, 2), []), "fail", "x", "SQLite 3.51.3"),
        (judge_versions("x", SQLITE_MIN, OTHERS), "warn", "x, uvicorn 0.55.0", "uvicorn==0.54.0"),
        (judge_file_system("/data", Mount("ext4")), "ok", "/data is on ext4", ""),
        (judge_file_system("/data", Mount("nfs4")), "fail", "nfs4", "local disk"),
        (judge_file_system("/data", Mount("tmpfs")), "warn", "tmpfs", "power cut"),
        (judge_file_system("/data", Mount("overlay")), "warn", "overlay", "volume"),
        (judge_file_system("/data", a_mount("ro")), "fail", "reading", "mount"),
        (judge_file_system("/data", a_mount("rw", "nobarrier")), "warn", "nobarrier", "power cut"),
        (judge_file_system("/data", None), "warn", "unknown", "local disk"),
        (judge_space(FREE_BYTES_LOW, 0), "ok", "1.0 GiB", ""),
        (judge_space(FREE_BYTES_LOW - 1, 0), "warn", "1.0 GiB", "make room"),
        (judge_space(FREE_BYTES_MIN - 1, 0), "fail", "0.1 GiB", "make room"),
        (judge_space(11 * GIB, 10 * GIB), "ok", "11.0 GiB", ""),
        (judge_space(10 * GIB, 10 * GIB), "warn", "ledger has 10.0", "backup"),
        (judge_sync(Syncs(SYNC_S_MIN, 0.25)), "ok", "0.020 ms", ""),
        (judge_sync(Syncs(SYNC_S_MIN - TINY, 0.25)), "warn", "0.020 ms", "write cache"),
        (judge_sync(Syncs(SYNC_S_MAX, 0.25)), "ok", "20.000 ms", ""),
        (judge_sync(Syncs(SYNC_S_MAX + TINY, 0.25)), "warn", "20.000 ms", "faster disk"),
        (judge_sync(Syncs(0.001, 0.26)), "warn", "the slowest 260.000", "stalls"),
        (judge_sync("cannot write in /data"), "fail", "cannot write in /data", "write in"),
        (judge_clock(NOW_MS, SHOWN, None), "ok", SHOWN, ""),
        (judge_clock(EARLIEST_MS - 1, SHOWN, None), "fail", "is past", "set the clock"),
        (judge_clock(NOW_MS, SHOWN, NOW_MS + BEHIND_MS_MAX), "ok", SHOWN, ""),
        (judge_clock(NOW_MS, SHOWN, NOW_MS + BEHIND_MS_MAX + 1), "fail", "last change", "set"),
        (judge_time_service(synchronised=True), "ok", "kept right", ""),
        (judge_time_service(synchronised=False), "warn", "nothing keeps", "NTP"),
        (judge_time_service(synchronised=None), "warn", "cannot be told", "NTP"),
        (judge_open_files(OPEN_FILES_MIN), "ok", "at most 4096", ""),
        (judge_open_files(OPEN_FILES_MIN - 1), "warn", "at most 4095", "ulimit"),
        (judge_open_files(None), "ok", "no limit", ""),
        (judge_database("x.db", None), "ok", "not there yet", ""),
        (judge_database("x.db", "no database"), "fail", "no database", "restore"),
        (judge_database("x.db", (False, 0, 1)), "fail", "another program", "another file"),
        (judge_database("x.db", (True, 1, 1)), "ok", "schema 1 of 1", ""),
        (judge_database("x.db", (True, 1, 2)), "ok", "brings it up to date", ""),
        (judge_database("x.db", (True, 999, 1)), "fail", "schema 999 of 1", "newer largesse"),
        (judge_port("h:1", None), "ok", "h:1 is free", ""),
        (judge_port("h:1", "taken"), "warn", "h:1: taken", "--port"),
    ],
)
def test_findings(finding: Finding, standing: str, found: str, advice: str) -> None:
    """Each with its limit on either side, and what to do where it does not stand well."""
    assert finding.standing == standing
    assert found in finding.found
    assert advice in finding.advice
    assert bool(finding.advice) == (standing != "ok")
