"""The import contracts of pyproject.toml hold, and each would notice if it did not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the package below `folder` against the contracts kept beside it."""
    return subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def plant(folder: Path, module: str, line: str) -> None:
    """Add an import to a module, which is made when it is not there."""
    path = folder / "src" / "largesse" / module
    for package in [path.parent, *path.parent.parents]:
        if package == folder / "src":
            break
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
    with path.open("a") as file:
        file.write(f"\n{line}\n")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to plant mistakes in."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_all_contracts_are_kept() -> None:
    """The package as it is."""
    checked = lint_imports(ROOT)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("kernel/planted.py", "import largesse.settings", "Dependencies point down"),
        ("codes/planted.py", "import largesse.tenants.model", "Dependencies point down"),
        ("http/planted.py", "import largesse.storage.planted", "Dependencies point down"),
        ("elsewhere/planted.py", "import largesse.kernel", "Dependencies point down"),
        ("storage/planted.py", "import largesse.storage.other", "Storage technologies"),
        ("storage/columns/jobs.py", "import largesse.storage.other", "Storage technologies"),
        ("storage/columns/jobs.py", "import apsw", "Only adapters know their drivers"),
        ("codes/model.py", "import time", "Models and rules do no I/O"),
        ("tenants/decide.py", "import datetime", "Models and rules do no I/O"),
        ("issuance/service.py", "import apsw", "Only adapters know their drivers"),
        ("storage/sqlite/planted.py", "import sqlite3", "Only adapters know their drivers"),
        ("storage/sqlite/planted.py", "import uvicorn", "Only adapters know their drivers"),
        ("storage/planted.py", "import litestar", "Only adapters know their drivers"),
        ("client/planted.py", "import largesse.tenants.model", "Who speaks to a server"),
        ("loadtest/planted.py", "import largesse.http.planted", "Who speaks to a server"),
        ("client/claims.py", "import httptools", "Only adapters know their drivers"),
        ("draws/verification/reckoning.py", "import largesse.draws.dice", "Who re-checks draws"),
    ],
)
def test_a_planted_import_is_caught(copied: Path, module: str, line: str, contract: str) -> None:
    """Negative control: a contract that keeps quiet about this one would keep nothing."""
    plant(copied, "storage/planted.py", "")
    plant(copied, "storage/other.py", "")
    plant(copied, module, line)

    checked = lint_imports(copied)

    assert checked.returncode == 1
    [broken] = [row for row in checked.stdout.splitlines() if " BROKEN" in row]
    assert broken.startswith(contract)
