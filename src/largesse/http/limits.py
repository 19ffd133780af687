"""How often somebody may guess: a code is money, and guessing must not pay."""

from collections import Counter
from collections.abc import Sequence

from largesse.kernel.clock import Clock

WINDOW_S = 60
GUESSERS_MAX = 100_000
"""Guessers told apart within one minute; any more share one count, so that memory is bounded."""

_EVERYBODY_ELSE = ""


class GuessLimiter:
    """Counts wrong codes per guesser and calendar minute of machine time."""

    def __init__(self, guesses_per_minute_max: int, clock: Clock) -> None:
        self.guesses_max = guesses_per_minute_max
        self._clock = clock
        self._minute = 0
        self._wrong: Counter[str] = Counter()

    def left(self, guessers: Sequence[str]) -> int:
        """How many wrong codes the least patient of these guessers may still try this minute."""
        self._turn()
        most = max(self._wrong[self._name(guesser)] for guesser in guessers)
        return max(self.guesses_max - most, 0)

    def count(self, guessers: Sequence[str]) -> None:
        """Remember a guess of each of these guessers: it is wrong until it is forgiven.

        So guesses sent at once count before the first of them is answered.
        """
        self._turn()
        for guesser in guessers:
            self._wrong[self._name(guesser)] += 1

    def forgive(self, guessers: Sequence[str]) -> None:
        """Take back what `count` remembered: the code was right."""
        self._turn()
        for guesser in guessers:
            name = self._name(guesser)
            self._wrong[name] -= 1
            if self._wrong[name] <= 0:
                del self._wrong[name]  # a crowd that types no wrong code leaves nothing behind

    def seconds_left(self) -> int:
        """When the next minute begins, from 1 on."""
        return WINDOW_S - self._clock.now_ms() // 1000 % WINDOW_S

    def _turn(self) -> None:
        minute = self._clock.now_ms() // (1000 * WINDOW_S)
        if minute != self._minute:
            self._minute = minute
            self._wrong.clear()

    def _name(self, guesser: str) -> str:
        known = guesser in self._wrong or len(self._wrong) < GUESSERS_MAX
        return guesser if known else _EVERYBODY_ELSE
