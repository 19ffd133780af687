"""What is remembered of a request while it is served: its id, its route, its tenant."""

import re
from collections.abc import Callable
from dataclasses import dataclass

REQUEST_ID = b"x-request-id"

_ACCEPTED = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
"""An id of the caller's that can stand in a header, a log line and a database as it is."""


@dataclass(slots=True)
class Trace:
    """A request, for its log line and its metrics; filled in as it becomes known.

    `route` is the path with its parameters' names, empty while no route is found; `hot` marks a
    claim, which is logged by its batch.
    """

    request_id: str
    route: str = ""
    tenant: str = ""
    hot: bool = False


def request_id_of(given: bytes | None, new_id: Callable[[str], str]) -> str:
    """The id under which a request is known: the caller's where it is a good one, else ours."""
    if given is not None and _ACCEPTED.fullmatch(given):
        return given.decode("ascii")
    return new_id("req")
