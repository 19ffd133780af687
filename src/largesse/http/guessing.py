"""One guess at a code, as a route counts it."""

from collections.abc import Sequence
from typing import Any

from largesse.http.errors import TooManyGuessesError
from largesse.http.limits import WINDOW_S, GuessLimiter
from largesse.http.operation import Call, Headers


class Guess:
    """A guess by somebody, or by several at once: it is wrong until it is forgiven."""

    def __init__(self, guesses: GuessLimiter, guessers: Sequence[str]) -> None:
        """Count it; `TooManyGuessesError` after too many wrong ones."""
        self._guesses = guesses
        self._guessers = guessers
        if not guesses.left(guessers):
            raise TooManyGuessesError(guesses.seconds_left())
        guesses.count(guessers)

    @classmethod
    def of_caller(cls, call: Call[Any, Any]) -> "Guess":
        """A guess of whoever calls, and of his address."""
        return cls(call.backing.guesses, (call.principal.key.id, call.address))

    @classmethod
    def of_customer(cls, guesses: GuessLimiter, tenant_id: str, customer: str) -> "Guess":
        """A guess of a customer who stands before the caller's till, one of many.

        Were it the till's, a crowd at one till would look like a guesser. A code is good for its
        own customer only, so that it does not pay to guess under many names.
        """
        return cls(guesses, (f"{tenant_id}|{customer}",))

    def forgive(self) -> None:
        """The code was right."""
        self._guesses.forgive(self._guessers)

    def headers(self) -> Headers:
        """How many more may be wrong, and for how long."""
        guesses, left = self._guesses, self._guesses.left(self._guessers)
        policy = b'"codes";q=%d;w=%d' % (guesses.guesses_max, WINDOW_S)
        state = b'"codes";r=%d;t=%d' % (left, guesses.seconds_left())
        return ((b"ratelimit-policy", policy), (b"ratelimit", state))
