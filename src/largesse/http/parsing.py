"""Queries, keys and free-form JSON, read as strictly as bodies."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from largesse.http import body
from largesse.http.errors import KeyRequiredError, MalformedError
from largesse.kernel.command import KEY_CHARACTERS_MAX, is_key
from largesse.kernel.errors import InvalidInputError, NotFoundError

DEPTH_MAX = 32
"""Levels of JSON in free-form metadata: people write three, only attackers a thousand."""

QUERY_FIELDS_MAX = 50
"""Parameters in one query; no route has a tenth of them."""

_WHOLE_MAX = 2**63 - 1

Parsed = TypeVar("Parsed")


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No fields at all."""


def parse_body(wanted: type[Parsed], headers: Mapping[bytes, bytes], content: bytes) -> Parsed:
    """As `body.read`; where nothing is wanted the body may be left out."""
    if not content and wanted is Nothing:
        return wanted()
    return body.read(msgspec.json.Decoder(wanted), headers, content)


def parse_query(wanted: type[Parsed], query: bytes) -> Parsed:
    """A query string as a struct; `InvalidInputError` points at the parameter that is wrong."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except ValueError as error:
        raise MalformedError("the query is not well formed, or has too many parameters") from error
    given = dict(pairs)
    if len(given) < len(pairs):
        raise MalformedError("a parameter of the query is there twice")
    for name, value in pairs:
        if "\0" in value:
            raise InvalidInputError("no text here has a NUL in it", name)
    try:
        return msgspec.convert(given, wanted, strict=False)
    except msgspec.ValidationError as error:
        invalid = body.invalid(error)
        raise InvalidInputError(str(invalid), invalid.pointer.removeprefix("/")) from error


def check_path(path: Mapping[str, str]) -> None:
    """Raise `NotFoundError` for a name with a NUL in it, which nothing has: no ledger is asked.

    A code with one is answered as all that are unknown, by whoever looks for codes.
    """
    if any("\0" in value for name, value in path.items() if name != "code"):
        raise NotFoundError


def parse_key(headers: Mapping[bytes, bytes], *, required: bool) -> str | None:
    """The Idempotency-Key: 1 to 255 visible ASCII characters.

    `KeyRequiredError` when it is missing and required, `MalformedError` when it is no key.
    """
    given = headers.get(b"idempotency-key")
    if given is None:
        if required:
            raise KeyRequiredError
        return None
    key = given.decode("latin-1")
    if not is_key(key):
        message = f"an Idempotency-Key has 1 to {KEY_CHARACTERS_MAX} visible ASCII characters"
        raise MalformedError(message)
    return key


def check_plain(value: object, pointer: str, depth: int = 1) -> None:
    """Raise `InvalidInputError` for free-form JSON that could not be kept as it is."""
    if depth > DEPTH_MAX:
        raise InvalidInputError(f"this is nested deeper than {DEPTH_MAX} levels", pointer)
    if isinstance(value, int) and abs(value) > _WHOLE_MAX:
        raise InvalidInputError("a whole number here fits into 64 bits", pointer)
    parts: Any = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    for name, part in parts:
        check_plain(part, f"{pointer}/{body.escaped(str(name))}", depth + 1)
