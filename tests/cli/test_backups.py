"""`largesse backup` and `largesse restore`: what they say, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest

from largesse.cli.main import FAILED, run
from largesse.settings.tree import Database
from largesse.storage.sqlite.file import LedgerFile, migrations


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger at rest."""
    path = tmp_path / "largesse.db"
    LedgerFile(path, Database(), now_ms=0, entropy=bytes).close()
    return path


def backed_up(ledger: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, dict[str, Any]]:
    """A backup, and what was said of it."""
    path = ledger.with_name("one.backup")
    assert run(["backup", str(path), "--database", f"sqlite:///{ledger}", "--json"]) == 0
    return path, json.loads(capsys.readouterr().out)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line that a command fails with."""
    assert run([str(one) for one in arguments]) == FAILED
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_there_and_back(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both tell of the same archive; the ledger is the same to the byte."""
    path, told = backed_up(ledger, capsys)
    assert told["bytes"] == path.stat().st_size
    assert (told["incentives"], told["schema"]) == (0, len(migrations()))
    restored = ledger.with_name("restored.db")
    arguments = ["--database", f"sqlite:///{restored}", "--digest", told["digest"].upper()]
    assert run(["restore", str(path), *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {**told, "file": str(restored)}
    assert restored.read_bytes() == ledger.read_bytes()


def test_a_backup_is_never_written_over_anything(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ledger first of all, and the files that belong to it."""
    path, _ = backed_up(ledger, capsys)
    before = path.read_bytes(), ledger.read_bytes()
    at_rest = ("--database", f"sqlite:///{ledger}")
    assert "is there already" in complaint(capsys, "backup", path, *at_rest)
    for name in (ledger, f"{ledger}-wal", f"{ledger}-lock"):
        assert "belongs to a ledger" in complaint(capsys, "backup", name, *at_rest)
    assert (path.read_bytes(), ledger.read_bytes()) == before


def test_a_restore_is_refused(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over a ledger, of another backup than the one that was noted, of what is none."""
    path, _ = backed_up(ledger, capsys)
    before = ledger.read_bytes()
    live, new = f"sqlite:///{ledger}", f"sqlite:///{ledger}-new"
    assert "is there already" in complaint(capsys, "restore", path, "--database", live)
    other = complaint(capsys, "restore", path, "--database", new, "--digest", "00")
    assert "it is another backup" in other
    assert "is no backup of largesse" in complaint(capsys, "restore", ledger, "--database", new)
    assert ledger.read_bytes() == before
    assert not Path(f"{ledger}-new").exists()


def test_what_cannot_be_backed_up(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is left behind."""
    path = ledger.with_name("two.backup")
    missing = ledger.with_name("missing.db")
    text = ledger.with_name("text.db")
    text.write_text("no database")
    for arguments, told in (
        (("--database", f"sqlite:///{missing}"), "there is no ledger"),
        (("--database", f"sqlite:///{text}"), "is no SQLite database"),
        (("--url", "http://127.0.0.1:1", "--key", "lgs_x"), "no server answers"),
        (("--url", "http://127.0.0.1:1"), "set LARGESSE_KEY"),
    ):
        assert told in complaint(capsys, "backup", path, *arguments)
        assert not list(ledger.parent.glob("two*"))
