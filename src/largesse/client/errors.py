"""What a caller can be told beside an answer. A refused claim is none of these: it is a value."""

from largesse.client.model import Refusal
from largesse.kernel.errors import LargesseError

_NOTES = {"pointer": "at", "opens_at": "opens_at", "incentive_id": "incentive_id"}
"""What a refusal may know beside its detail, which names it, and the word that goes before it."""


class MisuseError(LargesseError):
    """What was given to the client cannot be sent: nothing was asked."""


class RefusedError(LargesseError):
    """The server refused the request itself; `refusal` is what it said.

    The caller's mistake where the status is below 500: asking again will not help.
    """

    def __init__(self, refusal: Refusal) -> None:
        told = ": ".join(part for part in (refusal.outcome, refusal.detail) if part)
        known = ((word, getattr(refusal, name)) for name, word in _NOTES.items())
        notes = ", ".join(f"{word} {value}" for word, value in known if value)
        super().__init__(f"{told} ({notes})" if notes else told)
        self.refusal = refusal


class NoAnswerError(LargesseError):
    """No answer came: what was asked for happened once or not at all.

    The same `Call` asked again tells which. With `sent` false nothing has happened for sure.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class StrangeAnswerError(LargesseError):
    """What answered is no largesse, or one that this client is too old for."""


def nobody_at(url: str, error: OSError) -> NoAnswerError:
    """No connection could be made, so nothing was sent."""
    why = error.strerror or str(error) or "no connection in time"
    message = (
        f"no server answers at {url} ({why}): "
        "start one with `largesse serve`, or look at the address"
    )
    return NoAnswerError(message, sent=False)


def lost(url: str, error: Exception | None) -> NoAnswerError:
    """The connection ended, or time ran out, before the answer was there."""
    return NoAnswerError(f"no answer came from {url}: {error or 'the connection was lost'}")
