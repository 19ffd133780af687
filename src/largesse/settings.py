"""Settings: one frozen tree, read once at the start and handed down as values.

A value comes from the first of: the command line, the environment, a TOML file, the default.
Each setting is declared in one place with its type, default, range, unit and reason; `config
show`, the reference page and every complaint are made from that declaration. A name that is not
declared is refused with the nearest one that is: a misspelt limit must not look like a set one.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from largesse.kernel.errors import LargesseError

CONFIG_FILE = "largesse.toml"
CONFIG_VARIABLE = "LARGESSE_CONFIG"
PREFIX = "LARGESSE_"
SHORT_VARIABLES = {"LARGESSE_DATABASE": "database.url"}
MASK = "********"
MIB = 1_048_576


class SettingsError(LargesseError):
    """The settings cannot be used; the message is one line that says what to change."""


class Secret:
    """A value that shows itself only when asked by name, so that no log and no table leaks it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        """A mask."""
        return MASK

    __str__ = __repr__


def _whole(at_least: int, at_most: int, unit: str, reason: str) -> Meta:
    """A whole number within both bounds, in `unit`."""
    return Meta(ge=at_least, le=at_most, description=reason, extra={"unit": unit})


def _text(wanted: str, pattern: str, reason: str) -> Meta:
    """A text that matches `pattern`, which is called `wanted` when it does not."""
    return Meta(pattern=pattern, description=reason, extra={"range": wanted})


class Server(Struct, frozen=True):
    """The HTTP server and what it bears from one client."""

    host: Annotated[
        str,
        _text("an address", ".", "Where to listen; 127.0.0.1 is reached from this machine only."),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        _whole(
            0,
            65_535,
            "",
            "Where to listen; 0 takes a free one, which the first line printed tells.",
        ),
    ] = 8_000
    header_s_max: Annotated[
        int,
        _whole(
            1, 300, "s", "A request's headers must be complete by then, or slow clients hold all."
        ),
    ] = 10
    body_s_max: Annotated[
        int,
        _whole(
            1,
            3_600,
            "s",
            "Its body must be complete so long after its headers, for the same reason.",
        ),
    ] = 10
    idle_s_max: Annotated[
        int, _whole(1, 3_600, "s", "A connection that asks nothing for so long is closed.")
    ] = 5
    body_bytes_max: Annotated[
        int, _whole(1_024, 64 * MIB, "bytes", "A larger body is answered 413 before it is read.")
    ] = MIB
    import_bytes_max: Annotated[
        int, _whole(1_024, 1_024 * MIB, "bytes", "The same for imports, which bring many rows.")
    ] = 32 * MIB
    headers_bytes_max: Annotated[
        int, _whole(1_024, MIB, "bytes", "A larger head of a request is answered 431.")
    ] = 65_536
    in_flight_max: Annotated[
        int,
        _whole(
            1,
            10_000,
            "requests",
            "When so many of one connection wait for answers, the server stops reading from it.",
        ),
    ] = 128
    drain_s_max: Annotated[
        int, _whole(0, 600, "s", "A server told to stop answers what it accepted for so long.")
    ] = 30


class Database(Struct, frozen=True):
    """Where the ledger is."""

    url: Annotated[
        str,
        _text(
            "sqlite:///FILE",
            "^sqlite:///.",
            "The file of the ledger; a relative path starts at the current folder.",
        ),
    ] = "sqlite:///largesse.db"
    cache_kib: Annotated[
        int, _whole(1_024, 16 * MIB, "KiB", "Pages that one connection to the file remembers.")
    ] = 16_384
    checkpoint_pages: Annotated[
        int,
        _whole(
            100,
            1_000_000,
            "pages",
            "The write-ahead log grows so far before it is copied into the file; small steps keep "
            "the slowest answers fast.",
        ),
    ] = 1_000


class Issuance(Struct, frozen=True):
    """How wishes become a batch."""

    batch_max: Annotated[
        int,
        _whole(
            1,
            4_096,
            "wishes",
            "So many share one commit; more would wait longer and make it no cheaper.",
        ),
    ] = 512
    waiting_max: Annotated[
        int,
        _whole(
            1,
            1_000_000,
            "wishes",
            "When so many wait for a commit, the next is answered 503 with Retry-After.",
        ),
    ] = 20_000
    snapshot_s_max: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            extra={"unit": "s"},
            description="A wish is refused without the ledger only on a word of it that is no "
            "older; with 0 the ledger is always asked.",
        ),
    ] = 1.0


class Idempotency(Struct, frozen=True):
    """How long a retry gets its first answer."""

    kept_days: Annotated[
        int, _whole(30, 3_650, "days", "A key is remembered so long; callers may count on 30.")
    ] = 30


class Audit(Struct, frozen=True):
    """The check that counters and rows agree."""

    period_s: Annotated[
        int, _whole(1, 86_400, "s", "A drift of the counters is found within one period.")
    ] = 60


class Expiry(Struct, frozen=True):
    """Coupons that have run out."""

    sweep_s: Annotated[
        int,
        _whole(
            1,
            60,
            "s",
            "The facts of expiry are written so often; an expired coupon is refused at once.",
        ),
    ] = 60


class Log(Struct, frozen=True):
    """What is told on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least important line that is written."),
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "console"],
        Meta(description="With auto, colours on a terminal and JSON elsewhere."),
    ] = "auto"


class Cors(Struct, frozen=True):
    """Web pages of other origins."""

    origins: Annotated[
        tuple[str, ...],
        Meta(
            max_length=100,
            description="Pages from there may call the API; commas part them in the environment.",
        ),
    ] = ()


class Access(Struct, frozen=True):
    """What an impatient or dishonest caller may do."""

    code_guesses_per_minute_max: Annotated[
        int,
        _whole(
            1,
            1_000_000,
            "guesses",
            "A principal or address with so many wrong codes in a minute is answered 429.",
        ),
    ] = 60


class Settings(Struct, frozen=True):
    """All settings; `load` makes them, `wiring` hands each part its own section."""

    admin_key: Annotated[
        Secret | None,
        Meta(
            description="The first admin key of the tenant `default`, the same on every start; "
            "without it the first start makes one and prints it once.",
            extra={"range": "32 to 255 visible characters", "secret": True},
        ),
    ] = None
    server: Server = Server()
    database: Database = Database()
    issuance: Issuance = Issuance()
    idempotency: Idempotency = Idempotency()
    audit: Audit = Audit()
    expiry: Expiry = Expiry()
    log: Log = Log()
    cors: Cors = Cors()
    access: Access = Access()


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each that is not a default the place it came from."""

    settings: Settings
    origins: Mapping[str, str]


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
        _refuse_unknown(name, _DECLARED, "the command line")
        given[name] = _Given(value, "the command line", text=isinstance(value, str))

    sections: dict[str, dict[str, object]] = {}
    for name, one in given.items():
        section, _, field = name.rpartition(".")
        sections.setdefault(section, {})[field] = _convert(name, one)
    top = sections.pop("", {})
    for section, fields in sections.items():
        top[section] = type(getattr(_DEFAULTS, section))(**fields)
    origins = {name: one.origin for name, one in given.items()}
    return Loaded(Settings(**top), origins)  # type: ignore[arg-type]  # each was converted above


def describe(loaded: Loaded) -> list[Described]:
    """Every setting in the order of its declaration."""
    return [
        Described(
            name=name,
            value=_show(_look_up(loaded.settings, name)),
            default=_show(_look_up(_DEFAULTS, name)),
            range=_range_of(declared),
            unit=str(_extra_of(declared).get("unit", "")),
            variable=_variable_of(name),
            origin=loaded.origins.get(name, "default"),
            help=_meta_of(declared).description or "",
        )
        for name, declared in _DECLARED.items()
    ]


def _declared() -> Iterator[tuple[str, Any]]:
    """Every setting's dotted name with its annotated type."""
    for name, annotation in get_type_hints(Settings, include_extras=True).items():
        if isinstance(annotation, type) and issubclass(annotation, Struct):
            hints = get_type_hints(annotation, include_extras=True)
            yield from ((f"{name}.{field}", hint) for field, hint in hints.items())
        else:
            yield name, annotation


_DECLARED = dict(_declared())
_SECTIONS = {name.partition(".")[0] for name in _DECLARED if "." in name}
_DEFAULTS = Settings()


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
        if key in _SECTIONS and not isinstance(value, dict):
            message = f"{key} is {value!r} (from {path}); it must be a table, [{key}]"
            raise SettingsError(message)
        if key in _SECTIONS:
            named = {f"{key}.{field}": one for field, one in value.items()}
        else:
            named = {key: value}
        for name, one in named.items():
            _refuse_unknown(name, [*_DECLARED, *_SECTIONS], str(path))
            given[name] = _Given(one, str(path), text=False)
    return given


def _read_environment(environment: Mapping[str, str]) -> dict[str, _Given]:
    """What the variables give, by dotted name; a variable of ours that means nothing is refused."""
    names = {_variable_of(name): name for name in _DECLARED} | SHORT_VARIABLES
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
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "`largesse config show` lists all settings"
    message = f"unknown setting {name} in {origin}: {hint}"
    raise SettingsError(message)


def _convert(name: str, given: _Given) -> object:
    """The value in the type that was declared, within its range."""
    declared = _DECLARED[name]
    value = given.value
    if given.text and get_origin(declared.__origin__) is tuple:
        value = [part.strip() for part in str(value).split(",") if part.strip()]
    try:
        return msgspec.convert(value, declared, strict=not given.text, dec_hook=_hide)
    except msgspec.ValidationError:
        shown = MASK if _extra_of(declared).get("secret") else repr(given.value)
        wanted = f"{_range_of(declared)} {_extra_of(declared).get('unit', '')}".rstrip()
        message = f"{name} is {shown} (from {given.origin}); it must be {wanted}"
        raise SettingsError(message) from None


def _hide(declared: type, value: object) -> Secret:
    """Make a `Secret` for msgspec, which knows no such type."""
    assert declared is Secret
    if isinstance(value, str) and re.fullmatch(r"[!-~]{32,255}", value):
        return Secret(value)
    raise ValueError


def _variable_of(name: str) -> str:
    return PREFIX + name.replace(".", "_").upper()


def _look_up(settings: Settings, name: str) -> object:
    """The value under a dotted name."""
    section, _, field = name.rpartition(".")
    return getattr(getattr(settings, section) if section else settings, field)


def _meta_of(declared: Any) -> Meta:  # noqa: ANN401 — a type form has no type of its own in 3.11
    [meta] = declared.__metadata__
    assert isinstance(meta, Meta)
    return meta


def _extra_of(declared: Any) -> Mapping[str, object]:  # noqa: ANN401 — as above
    return _meta_of(declared).extra or {}


def _range_of(declared: Any) -> str:  # noqa: ANN401 — as above
    """What a value must be, in words."""
    meta = _meta_of(declared)
    if "range" in _extra_of(declared):
        return str(_extra_of(declared)["range"])
    plain = declared.__origin__
    if meta.ge is not None:
        kind = "a whole number" if plain is int else "a number"
        return f"{kind} from {meta.ge} to {meta.le}"
    if meta.max_length is not None:
        return f"a list of at most {meta.max_length} texts"
    return "one of " + ", ".join(plain.__args__)


def _show(value: object) -> str:
    """A value as it would be written in the environment; secrets stay hidden."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)
