"""What the declarations of the tree say about one setting, by its dotted name."""

from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from msgspec import Meta, Struct

from largesse.settings.tree import Settings

PREFIX = "LARGESSE_"
SHORT_VARIABLES = {"LARGESSE_DATABASE": "database.url"}


def _declarations() -> Iterator[tuple[str, Any]]:
    """Every setting's dotted name with its annotated type."""
    for name, annotation in get_type_hints(Settings, include_extras=True).items():
        if isinstance(annotation, type) and issubclass(annotation, Struct):
            hints = get_type_hints(annotation, include_extras=True)
            yield from ((f"{name}.{field}", hint) for field, hint in hints.items())
        else:
            yield name, annotation


DECLARED = dict(_declarations())
SECTIONS = {name.partition(".")[0] for name in DECLARED if "." in name}
DEFAULTS = Settings()


def variable_of(name: str) -> str:
    """The variable of the environment that sets a setting."""
    return PREFIX + name.replace(".", "_").upper()


def meta_of(declared: Any) -> Meta:  # noqa: ANN401 — a type form has no type of its own in 3.11
    """The range, the reason and the rest that a declaration carries."""
    [meta] = declared.__metadata__
    assert isinstance(meta, Meta)
    return meta


def extra_of(declared: Any) -> Mapping[str, object]:  # noqa: ANN401 — as above
    """What a declaration says beyond a range: unit, range in words, whether it is secret."""
    return meta_of(declared).extra or {}


def range_of(declared: Any) -> str:  # noqa: ANN401 — as above
    """What a value must be, in words."""
    meta = meta_of(declared)
    if "range" in extra_of(declared):
        return str(extra_of(declared)["range"])
    plain = declared.__origin__
    if meta.ge is not None:
        kind = "a whole number" if plain is int else "a number"
        return f"{kind} from {meta.ge} to {meta.le}"
    if meta.max_length is not None:
        return f"a list of at most {meta.max_length} texts"
    return "one of " + ", ".join(plain.__args__)
