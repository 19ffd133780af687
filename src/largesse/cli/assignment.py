"""What a supervisor and its workers say to each other, over a line that ends with either of them.

The supervisor says what to do, once; the worker answers once it serves, or why it cannot. When the
line ends, the other one is gone.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Assignment(Struct, frozen=True):
    """What a worker is to do.

    `chosen` are the settings of the command line; sockets are given by their descriptors. In
    `folder` the workers find each other.
    """

    number: int
    chosen: Mapping[str, Any]
    main: int
    older: int | None
    folder: str


class Report(Struct, frozen=True):
    """How a start went: `problem` says why it failed, for people."""

    first_key: str | None = None
    beside: Mapping[str, str] = {}
    problem: str | None = None
