"""wrk with our Lua script: one thread of it asks for more than a server can give."""

import signal
import subprocess
from importlib.resources import as_file, files
from shutil import which
from tempfile import NamedTemporaryFile

import msgspec

from largesse.bench.load import Load, Measured
from largesse.bench.plan import BenchError

LOOK_S = 0.1
"""How often to look whether a load has reached its aim."""

OPEN_ENDED_S = 3_600
"""A load with an aim ends there in any case."""

_MARK = "measured "
_PATIENCE_S = 30


def find() -> str | None:
    """Where wrk is, if it is installed."""
    return which("wrk")


def read(text: str) -> Measured:
    """What the script's last line says. Raises `BenchError` where it is not there."""
    for line in text.splitlines():
        if line.startswith(_MARK):
            return msgspec.json.decode(line.removeprefix(_MARK), type=Measured)
    message = f"wrk measured nothing: {text.strip() or 'it said nothing'}"
    raise BenchError(message)


def drive(executable: str, load: Load) -> Measured:
    """Put a load on a server with wrk at `executable`."""
    seconds = load.seconds if load.reached is None else OPEN_ENDED_S
    with (
        as_file(files(__package__).joinpath("claim.lua")) as script,
        NamedTemporaryFile("w", encoding="utf-8") as items,
    ):
        items.writelines(f"{one}\n" for one in load.items)
        items.flush()
        command = [
            *(
                executable,
                "-t1",
                f"-c{load.connections}",
                f"-d{seconds}s",
                f"--timeout={_PATIENCE_S}s",
            ),
            *("-s", str(script), load.url, "--"),
            *(str(load.winners), items.name, *load.texts),
        ]
        running = subprocess.Popen(  # noqa: S603 - wrk, with arguments of ours
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            return read(_await(running, load))
        except BaseException:
            running.kill()
            running.wait()
            raise


def _await(running: subprocess.Popen[str], load: Load) -> str:
    """What wrk says in the end; on SIGINT it ends at once, with whole figures."""
    if load.reached is None:
        return running.communicate(timeout=load.seconds + _PATIENCE_S)[0]
    while running.poll() is None:
        if load.reached():
            running.send_signal(signal.SIGINT)
            break
        try:
            running.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            continue
    return running.communicate(timeout=_PATIENCE_S)[0]
