"""How k6 comes to be, with a Go of the test's own: once, in time, or with the reason why not."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from build_k6 import FAILURE_S, NotBuiltError, build

Go = Callable[[str], None]

LONG_S = 60
MAKES_IT = 'mkdir -p "$GOBIN" && echo program > "$GOBIN/k6"'


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Put a script in the place of Go."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def becomes(script: str) -> None:
        called = f"echo called >> {tmp_path / 'calls'}"
        (folder / "go").write_text(f"#!/bin/sh\n{called}\n{script}\n")
        (folder / "go").chmod(0o755)

    return becomes


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Where it is kept."""
    return tmp_path / "tools"


def calls(tools: Path) -> int:
    """How often Go was asked."""
    return (tools.parent / "calls").read_text().count("called")


def test_it_is_built_once(go: Go, tools: Path) -> None:
    """However many ask at the same time."""
    go(MAKES_IT)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(build(tools))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.read_text() for path in found} == {"program\n"}
    assert (len(found), calls(tools)) == (4, 1)


def test_a_failure_is_told_and_remembered(go: Go, tools: Path) -> None:
    """Go's last word, at once the second time, and how to try again; it is tried after an hour."""
    go("echo downloading >&2; echo 'no such module' >&2; exit 1")
    for told in ("could not be built: no such module", "rm .* to try again at once"):
        with pytest.raises(NotBuiltError, match=told):
            build(tools)
    assert calls(tools) == 1
    [failure] = tools.glob("*.failed")
    long_ago = failure.stat().st_mtime - FAILURE_S
    os.utime(failure, (long_ago, long_ago))
    go(MAKES_IT)
    assert build(tools).exists()
    assert not failure.exists()


def test_it_gives_up(go: Go, tools: Path) -> None:
    """Whatever Go has started ends with it: nothing holds the pipe open any more."""
    go(f"sleep {LONG_S} & wait")
    with pytest.raises(NotBuiltError, match=r"not built within 0\.2 s"):
        build(tools, seconds_max=0.2)


def test_without_go(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install, and looks again the next time."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotBuiltError, match="install Go"):
        build(tools)
    assert not list(tools.glob("*.failed"))
