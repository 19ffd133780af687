"""Where the program `largesse` begins.

A server lives for months with what it loaded to begin. What reads command lines, writes help and
finds what a misspelt word meant is 2 MB of memory and a quarter of the start: a command line that
plainly asks for a server is read here. Every other one is left to `main`, with the same outcome.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, get_args

from largesse.cli.chosen import Chosen
from largesse.kernel.errors import LargesseError

_OPTIONS: Mapping[str, tuple[str, type]] = MappingProxyType(
    {
        f"--{field.name.replace('_', '-')}": (field.name, get_args(field.type)[0])
        for field in fields(Chosen)
    }
)
"""Of each option the name of what it chooses, and its type."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_TEXT = re.compile(r"[^-].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Plain:
    """A server that was asked for plainly."""

    chosen: Chosen
    json: bool


def main() -> None:
    """Run the command that the arguments name, and exit with its status."""
    arguments = sys.argv[1:]
    plain = plainly(arguments)
    if plain is not None:
        sys.exit(_serve(plain))
    from largesse.cli.main import run  # noqa: PLC0415 — a server does without

    sys.exit(run(arguments))


def plainly(arguments: Sequence[str]) -> Plain | None:
    """What `serve --option value …` asks for; None where that takes more to find out."""
    if list(arguments[:1]) != ["serve"]:
        return None
    words = iter(arguments[1:])
    chosen: dict[str, Any] = {}
    json = False
    for word in words:
        if word == "--json":
            json = True
            continue
        name, kind = _OPTIONS.get(word, ("", str))
        value = next(words, "")
        regular = _NUMBER if kind is int else _TEXT
        if not name or name in chosen or not regular.fullmatch(value):
            return None
        chosen[name] = kind(value)
    return Plain(Chosen(**chosen), json)


def _serve(plain: Plain) -> int:
    """Serve; the exit status."""
    from largesse.cli.running import run_server  # noqa: PLC0415 — clients do without

    try:
        run_server(plain.chosen, json=plain.json)
    except (ImportError, LargesseError, KeyboardInterrupt) as error:
        from largesse.cli.main import fail, make_app  # noqa: PLC0415 — now it is needed

        return fail(make_app(), error, json=plain.json)
    return 0
