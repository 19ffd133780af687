"""Reading: the command line, then the environment, then a TOML file, then the default.

A name that is not declared is refused with the nearest one that is: a misspelt limit must not look
like a set one.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_origin

import msgspec

from largesse.kernel.errors import LargesseError
from largesse.settings.declared import (
    DECLARED,
    DEFAULTS,
    PREFIX,
    SECTIONS,
    SHORT_VARIABLES,
    extra_of,
    range_of,
    variable_of,
)
from largesse.settings.secret import MASK, Secret
from largesse.settings.tree import Settings

CONFIG_FILE = "largesse.toml"
CONFIG_VARIABLE = "LARGESSE_CONFIG"


class SettingsError(LargesseError):
    """The settings cannot be used; the message is one line that says what to change."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each that is not a default the place it came from."""

    settings: Settings
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Given:
    """What a source said about a setting; `text` when it can only say it as a string."""

    value: object
    origin: str
    text: bool


def load(
    environment: Mapping[str, str],
    *,
    config: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    folder: Path = Path(),
) -> Loaded:
    """Read every source once, the strongest last, and check each value where it is named.

    `config` names the TOML file; without it `LARGESSE_CONFIG` does, and without that
    `largesse.toml` in `folder` is read if it is there. `overrides` are the command line's, by
    dotted name. Raises `SettingsError`.
    """
    given = _read_file(_find_file(environment, config, folder))
    given |= _read_environment(environment)
    for name, value in (overrides or {}).items():
        _refuse_unknown(name, DECLARED, "the command line")
        given[name] = _Given(value, "the command line", text=isinstance(value, str))

    sections: dict[str, dict[str, object]] = {}
    for name, one in given.items():
        section, _, field = name.rpartition(".")
        sections.setdefault(section, {})[field] = _convert(name, one)
    top = sections.pop("", {})
    for section, fields in sections.items():
        top[section] = type(getattr(DEFAULTS, section))(**fields)
    origins = {name: one.origin for name, one in given.items()}
    return Loaded(Settings(**top), origins)  # type: ignore[arg-type]  # each was converted above


def _find_file(environment: Mapping[str, str], config: Path | None, folder: Path) -> Path | None:
    """The TOML file to read, if any; one that was named must be there."""
    if config is None and CONFIG_VARIABLE in environment:
        config = Path(environment[CONFIG_VARIABLE])
    if config is not None:
        return config
    usual = folder / CONFIG_FILE
    return usual if usual.is_file() else None


def _read_file(path: Path | None) -> dict[str, _Given]:
    """What a TOML file gives, by dotted name."""
    if path is None:
        return {}
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"cannot read the settings in {path}: {error}"
        raise SettingsError(message) from error
    given: dict[str, _Given] = {}
    for key, value in tree.items():
        if key in SECTIONS and not isinstance(value, dict):
            message = f"{key} is {value!r} (from {path}); it must be a table, [{key}]"
            raise SettingsError(message)
        if key in SECTIONS:
            named = {f"{key}.{field}": one for field, one in value.items()}
        else:
            named = {key: value}
        for name, one in named.items():
            _refuse_unknown(name, [*DECLARED, *SECTIONS], str(path))
            given[name] = _Given(one, str(path), text=False)
    return given


def _read_environment(environment: Mapping[str, str]) -> dict[str, _Given]:
    """What the variables give, by dotted name; a variable of ours that means nothing is refused."""
    names = {variable_of(name): name for name in DECLARED} | SHORT_VARIABLES
    given: dict[str, _Given] = {}
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        _refuse_unknown(variable, [*names, CONFIG_VARIABLE], "the environment")
        name = names[variable]
        if name in given:
            message = f"{given[name].origin} and {variable} both set {name}: keep one of them"
            raise SettingsError(message)
        given[name] = _Given(text, variable, text=True)
    return given


def _refuse_unknown(name: str, known: Mapping[str, object] | list[str], origin: str) -> None:
    """Raise with the nearest known name, when there is a near one."""
    if name in known:
        return
    import difflib  # noqa: PLC0415 — a server that starts has no use for it

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "`largesse config show` lists all settings"
    message = f"unknown setting {name} in {origin}: {hint}"
    raise SettingsError(message)


def _convert(name: str, given: _Given) -> object:
    """The value in the type that was declared, within its range."""
    declared = DECLARED[name]
    value = given.value
    if given.text and get_origin(declared.__origin__) is tuple:
        value = [part.strip() for part in str(value).split(",") if part.strip()]
    try:
        return msgspec.convert(value, declared, strict=not given.text, dec_hook=_hide)
    except msgspec.ValidationError:
        shown = MASK if extra_of(declared).get("secret") else repr(given.value)
        wanted = f"{range_of(declared)} {extra_of(declared).get('unit', '')}".rstrip()
        message = f"{name} is {shown} (from {given.origin}); it must be {wanted}"
        raise SettingsError(message) from None


def _hide(declared: type, value: object) -> Secret:
    """Make a `Secret` for msgspec, which knows no such type."""
    assert declared is Secret
    if isinstance(value, str) and re.fullmatch(r"[!-~]{32,255}", value):
        return Secret(value)
    raise ValueError
