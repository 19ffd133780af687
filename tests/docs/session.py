"""A terminal: commands in one shell, each with its status and what it printed."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

END = "--- end of step ---"
STEP_S_MAX = 50.0
"""For one block; a person needs a minute, a machine a second."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a step ended. `status` is None when it was cut off or ended the whole shell."""

    status: int | None
    printed: str


class Session:
    """A shell of the reader's, who stops at the first command that fails."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._steps = 0
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            text=True,
            process_group=0,
        )
        self._say("set -euo pipefail")

    def close(self) -> None:
        """End the shell, and whatever it waits for."""
        self._kill()
        self._shell.wait()
        for stream in (self._shell.stdin, self._shell.stdout):
            assert stream is not None
            stream.close()

    def run(self, commands: str) -> Ended:
        """Run commands that are to succeed; what they set stays set."""
        return self._run(f". {self._saved(commands)} </dev/null; echo '{END}' 0")

    def run_failing(self, commands: str) -> Ended:
        """Run commands of which one may fail, in a shell of their own: what they set is lost."""
        own = f"( set -e; . {self._saved(commands)} </dev/null )"
        return self._run(f"set +e; {own}; echo '{END}' $?; set -e")

    def _saved(self, commands: str) -> Path:
        self._steps += 1
        path = self.folder / f".step-{self._steps}"
        path.write_text(commands, encoding="utf-8")
        return path

    def _run(self, line: str) -> Ended:
        clock = threading.Timer(STEP_S_MAX, self._kill)
        clock.start()
        try:
            self._say(line)
            return self._heard()
        finally:
            clock.cancel()

    def _kill(self) -> None:
        """End the shell and whatever it waits for."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)

    def _say(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(line + "\n")
        self._shell.stdin.flush()

    def _heard(self) -> Ended:
        assert self._shell.stdout is not None
        printed: list[str] = []
        for line in self._shell.stdout:
            before, end, status = line.partition(END)
            printed.append(before)
            if end:
                return Ended(int(status), "".join(printed))
        return Ended(None, "".join(printed))
