"""Under which id a request is known: in its answer, in the log and in the audit trail."""

import itertools
import re
from collections.abc import Callable

REQUEST_ID = b"x-request-id"

_ACCEPTED = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
"""An id of the caller's that can stand in a header, a log line and a database as it is."""


def request_id_of(given: bytes | None, new_id: Callable[[], str]) -> str:
    """The caller's X-Request-Id where it is a good one, else a new id."""
    if given is not None and _ACCEPTED.fullmatch(given):
        return given.decode("ascii")
    return new_id()


class RequestIds:
    """Makes ids of requests: `req_`, a start of this process's own, and a count.

    Every refusal carries one, so it must cost next to nothing.
    """

    def __init__(self, start: str) -> None:
        self._start = f"req_{start}_"
        self._count = itertools.count(1)

    def new(self) -> str:
        """An id that no other request has."""
        return f"{self._start}{next(self._count)}"
