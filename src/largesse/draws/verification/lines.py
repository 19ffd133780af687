"""The lines of a file, and the one error of a file that makes no sense."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

LINE_BYTES_MAX = 16 * 1024 * 1024
"""The first line tells all versions, each with up to a hundred rewards."""


class BrokenProofError(Exception):
    """This cannot be read on: the message says at which line it stops making sense."""


def read(number: int, line: bytes) -> Mapping[str, Any]:
    """What a line says, which has its end."""
    if len(line) > LINE_BYTES_MAX or not line.endswith(b"\n"):
        raise BrokenProofError(f"line {number} has no end: the file was cut off, or is no proof")
    try:
        said = json.loads(line)
    except ValueError as error:
        raise BrokenProofError(f"line {number} is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise BrokenProofError(f"line {number} is no JSON object")
    return said


@contextmanager
def reading(number: int) -> Iterator[None]:
    """Turns whatever a line lacks into one error that names the line."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        message = f"line {number} does not say what its kind of line says: {error!r}"
        raise BrokenProofError(message) from error
