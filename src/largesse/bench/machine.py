"""Where and of what the figures were taken: without it they say nothing."""

import os
import platform
import subprocess
from pathlib import Path
from shutil import which

from msgspec import Struct


class Machine(Struct, frozen=True):
    """The machine, how busy it was, and the commit that was measured."""

    processor: str
    cores: int
    memory_mb: int
    system: str
    python: str
    load_before: float
    commit: str

    def __str__(self) -> str:
        """The machine in one line."""
        return (
            f"{self.cores} cores of {self.processor}, {self.system}, Python {self.python}, "
            f"commit {self.commit}, load before {self.load_before}"
        )


def look() -> Machine:
    """The machine as it is now; what it does not tell is "unknown"."""
    return Machine(
        processor=_found("/proc/cpuinfo", "model name") or platform.machine() or "unknown",
        cores=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_048_576,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load_before=round(os.getloadavg()[0], 2),
        commit=_commit(),
    )


def _found(path: str, name: str) -> str | None:
    file = Path(path)
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _commit() -> str:
    """The commit of the sources that run, with a mark where they were changed since."""
    git = which("git")
    if git is None:
        return "unknown"
    command = [git, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    folder = Path(__file__).parent
    done = subprocess.run(  # noqa: S603 - git, with arguments of ours
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
