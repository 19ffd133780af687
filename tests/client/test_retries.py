"""When it is worth to ask again, and after how long: as tables."""

from typing import Any

import pytest

from largesse.client import campaigns, claims
from largesse.client.call import Answer, Call
from largesse.client.errors import NoAnswerError
from largesse.client.retries import ONCE, Ended, Retries

CLAIM = claims.claim("c", "mina")
DELETION = campaigns.delete("c")
NEVER_SENT = NoAnswerError("nobody there", sent=False)
LOST = NoAnswerError("lost")


def said(status: int, retry_after: str | None = None) -> Answer:
    """An answer with a status."""
    return Answer(status, {} if retry_after is None else {"retry-after": retry_after}, b"{}")


@pytest.mark.parametrize(
    ("call", "ended", "again"),
    [
        (CLAIM, NEVER_SENT, True),
        (CLAIM, LOST, True),
        (CLAIM, said(503), True),
        (CLAIM, said(429), True),
        (CLAIM, said(502), True),
        (CLAIM, said(504), True),
        (CLAIM, said(201), False),
        (CLAIM, said(409), False),
        (CLAIM, said(422), False),
        (CLAIM, said(500), False),
        (DELETION, NEVER_SENT, True),
        (DELETION, LOST, False),
        (DELETION, said(429), True),
        (DELETION, said(503), False),
        (DELETION, said(502), False),
    ],
)
def test_what_is_asked_again(call: Call[Any], ended: Ended, again: bool) -> None:  # noqa: FBT001 - a column of the table above
    """What can help, and cannot do a thing twice."""
    assert (Retries().wait_s(call, 1, ended) is not None) == again
    assert ONCE.wait_s(call, 1, ended) is None


@pytest.mark.parametrize(
    ("attempt", "ended", "dice", "wait_s"),
    [
        (1, LOST, 0.0, 0.1),
        (1, LOST, 0.5, 0.15),
        (2, LOST, 0.0, 0.2),
        (3, LOST, 0.0, 0.4),
        (1, said(503, "1"), 0.0, 1.0),
        (1, said(503, "1"), 0.5, 1.05),
        (4, said(503, "0"), 0.0, 0.8),
        (1, said(503, "10"), 0.9, 10.0),
        (1, said(503, "11"), 0.0, None),
        (1, said(503, "Wed, 21 Oct 2026 07:28:00 GMT"), 0.0, 0.1),
        (4, LOST, 1.0, 1.6),
        (5, LOST, 0.0, None),
    ],
)
def test_how_long_to_wait(attempt: int, ended: Ended, dice: float, wait_s: float | None) -> None:
    """Never shorter than the server said, longer each time, not in step, bounded."""
    retries = Retries(attempts_max=5, wait_s_first=0.1, wait_s_max=10, dice=lambda: dice)
    assert retries.wait_s(CLAIM, attempt, ended) == pytest.approx(wait_s)


def test_dice_differ() -> None:
    """A crowd that was turned away together does not come back together."""
    waits = {Retries().wait_s(CLAIM, 1, LOST) for _ in range(20)}
    assert len(waits) > 10
    assert all(wait is not None and 0.1 <= wait < 0.2 for wait in waits)
