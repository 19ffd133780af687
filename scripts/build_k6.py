"""Build k6, which runs the scripts in loadtest/k6/, from its Go module.

    build_k6.py     prints where it is

`make test` begins with it, and a second call finds it made. It goes to .tools, and into no package
of ours: k6 is a program of its own, under the AGPL. A build takes minutes of processor time, and
gives up after ten: the test that waits for it gives its own time up meanwhile, so it needs no lower
priority, at which it might never end. One that failed is not tried again within the hour, or every
test would wait for it anew.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

VERSION = "1.8.1"
MODULE = f"go.k6.io/k6@v{VERSION}"
BUILD_S_MAX = 600
FAILURE_S = 3_600

TOOLS = Path(__file__).parent.parent / ".tools"
_FASTER = ("-trimpath", "-ldflags=-s -w", "-gcflags=all=-N -l")
"""Do without what only a debugger reads, and without optimising: that takes a quarter less time to
build, and is fast enough for a test."""


class NotBuiltError(Exception):
    """The message is one line that says why, and what to do."""


def build(tools: Path = TOOLS, seconds_max: float = BUILD_S_MAX) -> Path:
    """The program, made now or before. Raises `NotBuiltError`.

    Several may ask at once: one builds, the others wait for it.
    """
    program = tools / f"k6-{VERSION}"
    failure = tools / f"k6-{VERSION}.failed"
    tools.mkdir(exist_ok=True)
    with (tools / "k6.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists():
            return program
        if failure.exists() and time.time() - failure.stat().st_mtime < FAILURE_S:
            raise NotBuiltError(f"{failure.read_text()}; rm {failure} to try again at once")
        if shutil.which("go") is None:
            raise NotBuiltError(
                f"k6 {VERSION} is built from its Go module: install Go 1.25 or newer"
            )
        folder = tools / "k6.new"
        try:
            _install(folder, seconds_max)
        except NotBuiltError as error:
            failure.write_text(str(error))
            raise
        (folder / "k6").rename(program)
        shutil.rmtree(folder)
        failure.unlink(missing_ok=True)
        return program


def _install(folder: Path, seconds_max: float) -> None:
    """Let Go fetch, check, compile and link it into a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
    with subprocess.Popen(  # noqa: S603 - Go, with arguments of ours
        ["go", "install", *_FASTER, MODULE],  # noqa: S607 - wherever it is
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # its compilers end with it
    ) as go:
        try:
            _, complaint = go.communicate(timeout=seconds_max)
        except subprocess.TimeoutExpired:
            raise NotBuiltError(f"k6 {VERSION} was not built within {seconds_max:g} s") from None
        finally:
            if go.poll() is None:
                os.killpg(go.pid, signal.SIGKILL)
    if go.returncode:
        last = (complaint.strip().splitlines() or ["no word of it"])[-1]
        raise NotBuiltError(f"k6 {VERSION} could not be built: {last}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or Go would go on without us
    try:
        print(build())
    except NotBuiltError as error:
        sys.exit(f"largesse: {error}")
