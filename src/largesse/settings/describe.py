"""Settings as people read them: `config show` and the reference page."""

import re
from dataclasses import dataclass

from largesse.settings.declared import (
    DECLARED,
    DEFAULTS,
    extra_of,
    meta_of,
    range_of,
    variable_of,
)
from largesse.settings.load import Loaded
from largesse.settings.secret import MASK
from largesse.settings.tree import Settings

_PASSWORD = re.compile(r"(?<=:)[^/@?]+(?=@)|(?<=[?&]password=)[^&]*")
"""In an address: what stands before its @ behind a colon, or in its query."""


@dataclass(frozen=True, slots=True)
class Described:
    """One setting as people read it; every text is ready to print and no secret is in it."""

    name: str
    value: str
    default: str
    range: str
    unit: str
    variable: str
    origin: str
    help: str


def describe(loaded: Loaded) -> list[Described]:
    """Every setting in the order of its declaration."""
    return [
        Described(
            name=name,
            value=_PASSWORD.sub(MASK, _show(_look_up(loaded.settings, name))),
            default=_show(_look_up(DEFAULTS, name)),
            range=range_of(declared),
            unit=str(extra_of(declared).get("unit", "")),
            variable=variable_of(name),
            origin=loaded.origins.get(name, "default"),
            help=meta_of(declared).description or "",
        )
        for name, declared in DECLARED.items()
    ]


def _look_up(settings: Settings, name: str) -> object:
    """The value under a dotted name."""
    section, _, field = name.rpartition(".")
    return getattr(getattr(settings, section) if section else settings, field)


def _show(value: object) -> str:
    """A value as it would be written in the environment; secrets stay hidden."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)
