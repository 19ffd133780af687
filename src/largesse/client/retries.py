"""When to ask again: a rule without I/O that both transports follow."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from largesse.client.call import Answer, Call
from largesse.client.errors import NoAnswerError

T = TypeVar("T")

Ended = Answer | NoAnswerError
"""What became of one attempt."""

_AGAIN = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""Too much at once, or the server is being restarted behind a gateway that stands before it."""

_DICE_SIDES = 1 << 20


def _dice() -> float:
    return secrets.randbelow(_DICE_SIDES) / _DICE_SIDES


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often to ask, and how long to wait before: twice as long each time, and up to twice that.

    A wait is never shorter than the server's Retry-After. Where that is more than `wait_s_max`
    the caller is told instead of kept. `dice` gives numbers from 0 up to 1, so that a crowd does
    not come back in step.
    """

    attempts_max: int = 5
    wait_s_first: float = 0.1
    wait_s_max: float = 10.0
    dice: Callable[[], float] = _dice

    def wait_s(self, call: Call[Any], attempt: int, ended: Ended) -> float | None:
        """Seconds to wait after an attempt, counted from 1; None where it was the last."""
        if attempt >= self.attempts_max or not _worthwhile(call, ended):
            return None
        told_s = _told_s(ended)
        if told_s > self.wait_s_max:
            return None
        own_s = self.wait_s_first * 2.0 ** (attempt - 1)
        return min(self.wait_s_max, max(told_s, own_s) + own_s * self.dice())


ONCE = Retries(attempts_max=1)
"""For who wants to see what becomes of each attempt."""


def result(call: Call[T], ended: Ended) -> T:
    """The result of a call whose last attempt ended so. Raises what went wrong."""
    if isinstance(ended, NoAnswerError):
        raise ended
    return call.read(ended)


def _worthwhile(call: Call[Any], ended: Ended) -> bool:
    if isinstance(ended, NoAnswerError):
        return call.repeatable or not ended.sent
    return ended.status in _AGAIN and (
        call.repeatable or ended.status == HTTPStatus.TOO_MANY_REQUESTS
    )


def _told_s(ended: Ended) -> float:
    """The server's Retry-After; 0 where it said none, or a date."""
    told = "" if isinstance(ended, NoAnswerError) else ended.headers.get("retry-after", "")
    return float(told) if told.isdecimal() else 0.0
