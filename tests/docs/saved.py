"""What is checked of a file that a page has its reader save, or of a body to be sent."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import jsonschema_rs
import msgspec
from blocks import Block

from largesse.http import openapi
from largesse.http.app import OPERATIONS
from largesse.settings.load import load


@dataclass(frozen=True, slots=True)
class Saved:
    """A file as the reader has it now, in his folder; `port` is where his server listens."""

    block: Block
    path: Path
    folder: Path
    port: int


def settings_are_known(saved: Saved, _: ExitStack) -> None:
    """A file of settings: every name is one of ours, every value within its range."""
    load({}, config=saved.path)


def body_has_shape(text: str, schema: str, place: str) -> None:
    """A body is what the OpenAPI document says of this schema."""
    document = openapi.document(OPERATIONS)
    known = document["components"]
    assert schema in known["schemas"], f"{place}: the OpenAPI document has no schema {schema}"
    shape = {"$ref": f"#/components/schemas/{schema}", "components": known}
    jsonschema_rs.validator_for(shape).validate(msgspec.json.decode(text))


CHECKS: Mapping[str, Callable[[Saved, ExitStack], None]] = MappingProxyType(
    {"toml": settings_are_known}
)
"""By language."""
