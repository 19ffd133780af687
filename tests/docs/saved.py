"""What is checked of a file that a page has its reader save, or of a body to be sent."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import jsonschema_rs
import msgspec
from blocks import Block
from nginx import fronted
from served import Served
from systemd import unit_runs

from largesse.http import openapi
from largesse.http.app import OPERATIONS
from largesse.settings.load import load


@dataclass(frozen=True, slots=True)
class Saved:
    """A file as the reader has it now, in his folder."""

    block: Block
    path: Path
    folder: Path


def settings_are_known(saved: Saved, _: ExitStack) -> Served | None:
    """A file of settings: every name is one of ours, every value within its range."""
    load({}, config=saved.path)
    return None


def site_serves(saved: Saved, stack: ExitStack) -> Served | None:
    """A site of nginx: it runs to the end of the page, in front of the page's server."""
    curlrc = stack.enter_context(fronted(saved.path.read_text(), saved.folder / ".nginx"))
    (saved.folder / ".curlrc").write_text(curlrc)
    return None


def unit_serves(saved: Saved, stack: ExitStack) -> Served | None:
    """A unit of systemd: its server is the page's from here on."""
    return unit_runs(saved.path, saved.folder, stack, saved.block.place)


def body_has_shape(text: str, schema: str, place: str) -> None:
    """A body is what the OpenAPI document says of this schema."""
    document = openapi.document(OPERATIONS)
    known = document["components"]
    assert schema in known["schemas"], f"{place}: the OpenAPI document has no schema {schema}"
    shape = {"$ref": f"#/components/schemas/{schema}", "components": known}
    jsonschema_rs.validator_for(shape).validate(msgspec.json.decode(text))


CHECKS: Mapping[str, Callable[[Saved, ExitStack], Served | None]] = MappingProxyType(
    {"toml": settings_are_known, "nginx": site_serves, "systemd": unit_serves}
)
"""By language; what is returned is a server that now runs."""
