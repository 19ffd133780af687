"""A page's unit: judged by systemd itself, and its program started as it says.

The paths are those of the reader's machine: the installed program is the one under test, and what
the page saves below /etc is below the reader's folder.
"""

import subprocess
import sys
from configparser import ConfigParser
from contextlib import ExitStack
from pathlib import Path

from served import Served, served

INSTALLED = "/opt/largesse/bin"
STATE = "/var/lib/largesse"
OURS = str(Path(sys.executable).parent)


def unit_runs(unit: Path, folder: Path, stack: ExitStack, place: str) -> Served:
    """The server that the unit starts, after systemd has found nothing wrong with it."""
    state = folder / STATE.lstrip("/")
    state.mkdir(parents=True)
    text = unit.read_text().replace(INSTALLED, OURS).replace("/etc/", f"{folder}/etc/")
    unit.write_text(text.replace(STATE, str(state)))
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, f"{place}: {judged.stderr}"
    assert unit.name not in judged.stderr, f"{place}: {judged.stderr}"
    service = _section(unit, "Service")
    variables = _variables(folder / "largesse.env")
    return stack.enter_context(
        served(service["ExecStart"], Path(service["WorkingDirectory"]), variables, place)
    )


def _section(unit: Path, name: str) -> dict[str, str]:
    """The directives of a section."""
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    parser.read(unit)
    return dict(parser[name])


def _variables(path: Path) -> dict[str, str]:
    """What an EnvironmentFile sets."""
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {name: value for name, _, value in pairs}
