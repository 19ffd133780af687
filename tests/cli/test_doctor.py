"""`largesse doctor`: what it finds on this machine."""

import json
from pathlib import Path
from typing import Any

import pytest

from largesse.cli.main import FAILED, run
from largesse.settings.tree import Database
from largesse.storage.sqlite.file import LedgerFile


def examined(
    path: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status for a ledger, and the findings by their checks."""
    arguments = ["--database", f"sqlite:///{path}", "--port", "0", *options]
    status = run(["doctor", "--json", *arguments])
    found = json.loads(capsys.readouterr().out)
    assert found["healthy"] == (status == 0)
    return status, {one["check"]: one for one in found["findings"]}


def test_every_check_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a ledger that this largesse made; looking at it changes nothing."""
    path = tmp_path / "largesse.db"
    LedgerFile(path, Database(), now_ms=0, entropy=bytes).close()
    before = path.read_bytes()

    _, found = examined(path, capsys)

    assert list(found) == [
        "versions",
        "file system",
        "space",
        "sync",
        "clock",
        "time service",
        "open files",
        "database",
        "port",
    ]
    assert "SQLite 3." in found["versions"]["found"]
    assert " ms" in found["sync"]["found"]
    for check in ("clock", "database", "port"):
        assert found[check]["standing"] == "ok"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["largesse.db", "largesse.db-lock"]
    assert path.read_bytes() == before


def test_a_folder_that_is_missing_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to measure then."""
    status, found = examined(tmp_path / "missing" / "largesse.db", capsys)
    assert status == FAILED
    assert found["folder"]["standing"] == "fail"
    assert "sync" not in found


def test_a_file_that_is_no_database_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the words of SQLite, with what to do."""
    path = tmp_path / "shopping.txt"
    path.write_text("milk, bread and a great many other things that one needs" * 20)
    status, found = examined(path, capsys)
    assert status == FAILED
    assert "not a database" in found["database"]["found"]
    assert found["database"]["advice"]


def test_people_see_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row per check, and the advice beside what fails."""
    path = tmp_path / "missing" / "largesse.db"
    assert run(["doctor", "--database", f"sqlite:///{path}", "--port", "0"]) == FAILED
    [row] = [line for line in capsys.readouterr().out.splitlines() if "fail" in line]
    assert "make it, or name another" in row
