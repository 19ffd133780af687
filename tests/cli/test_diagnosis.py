"""What the doctor makes of what it measured."""

import pytest

from largesse.cli.diagnosis import (
    BEHIND_MS_MAX,
    EARLIEST_MS,
    FREE_BYTES_LOW,
    FREE_BYTES_MIN,
    OPEN_FILES_MIN,
    SYNC_S_MAX,
    SYNC_S_MIN,
    Finding,
    judge_clock,
    judge_database,
    judge_file_system,
    judge_open_files,
    judge_port,
    judge_space,
    judge_sync,
)

NOW_MS = EARLIEST_MS + 1_000_000
SHOWN = "2026-01-01T00:16:40.000Z"
TINY = 1e-9


@pytest.mark.parametrize(
    ("finding", "standing", "found", "advice"),
    [
        (judge_file_system("/data", "ext4"), "ok", "/data is on ext4", ""),
        (judge_file_system("/data", "nfs4"), "fail", "nfs4", "local disk"),
        (judge_file_system("/data", "tmpfs"), "warn", "tmpfs", "power cut"),
        (judge_file_system("/data", "overlay"), "warn", "overlay", "volume"),
        (judge_file_system("/data", None), "warn", "unknown", "local disk"),
        (judge_space(FREE_BYTES_LOW), "ok", "1.0 GiB", ""),
        (judge_space(FREE_BYTES_LOW - 1), "warn", "1.0 GiB", "make room"),
        (judge_space(FREE_BYTES_MIN - 1), "fail", "0.1 GiB", "make room"),
        (judge_sync(SYNC_S_MIN), "ok", "0.020 ms", ""),
        (judge_sync(SYNC_S_MIN - TINY), "warn", "0.020 ms", "write cache"),
        (judge_sync(SYNC_S_MAX), "ok", "20.000 ms", ""),
        (judge_sync(SYNC_S_MAX + TINY), "warn", "20.000 ms", "faster disk"),
        (judge_sync("cannot write in /data"), "fail", "cannot write in /data", "write in"),
        (judge_clock(NOW_MS, SHOWN, None), "ok", SHOWN, ""),
        (judge_clock(EARLIEST_MS - 1, SHOWN, None), "fail", "is past", "set the clock"),
        (judge_clock(NOW_MS, SHOWN, NOW_MS + BEHIND_MS_MAX), "ok", SHOWN, ""),
        (judge_clock(NOW_MS, SHOWN, NOW_MS + BEHIND_MS_MAX + 1), "fail", "last change", "set"),
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
