"""Bodies of requests: strict JSON, and a pointer to the first thing that is wrong."""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from largesse.http.errors import MalformedError, UnsupportedMediaError
from largesse.kernel.errors import InvalidInputError

T = TypeVar("T")

_PATH = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_FIELD = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[^\]]*)\]")


def read(decoder: msgspec.json.Decoder[T], headers: Mapping[bytes, bytes], body: bytes) -> T:
    """What a JSON body says, in the shape of the decoder's type.

    Raises `UnsupportedMediaError` for another content type, `MalformedError` for what is no JSON
    (RFC 8259, in UTF-8), and `InvalidInputError` with a JSON pointer for JSON of another shape.
    """
    content_type = headers.get(b"content-type")
    if content_type is not None and content_type != b"application/json":
        _check_media_type(content_type)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"the body is no JSON: {error}") from error
    except RecursionError as error:
        raise MalformedError("the body is nested too deeply") from error


def invalid(error: msgspec.ValidationError) -> InvalidInputError:
    """A complaint of msgspec in our words: `… - at `$.rewards[0]`` → pointer `/rewards/0`."""
    text = str(error)
    found = _PATH.search(text)
    message = text[: found.start()] if found else text
    pointer = _pointer(found["path"]) if found else ""
    field = _FIELD.search(message)
    if field is not None:
        pointer += "/" + escaped(field["name"])
    return InvalidInputError(message[:1].lower() + message[1:], pointer)


def _check_media_type(content_type: bytes) -> None:
    media_type, _, parameter = content_type.lower().partition(b";")
    charset = parameter.replace(b" ", b"").replace(b'"', b"")
    if media_type.strip() != b"application/json" or charset not in (b"", b"charset=utf-8"):
        raise UnsupportedMediaError


def _pointer(path: str) -> str:
    steps = (match["name"] or match["index"] for match in _STEP.finditer(path))
    return "".join("/" + escaped(step) for step in steps)


def escaped(step: str) -> str:
    """A step of a JSON pointer (RFC 6901 §3)."""
    return step.replace("~", "~0").replace("/", "~1")
