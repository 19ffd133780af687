"""Guesses are counted per minute, and the counting itself is bounded."""

from largesse.http.limits import GUESSERS_MAX, WINDOW_S, GuessLimiter
from largesse.kernel.clock import FakeClock


def test_the_least_patient_decides() -> None:
    """Of a key and an address, the one with more wrong guesses."""
    limiter = GuessLimiter(3, FakeClock())
    limiter.count(["key", "address"])
    limiter.count(["other key", "address"])
    assert [limiter.left([name]) for name in ("key", "address", "new")] == [2, 1, 3]
    assert limiter.left(["new key", "address"]) == 1
    for _ in range(5):
        limiter.count(["address"])
    assert limiter.left(["key", "address"]) == 0


def test_right_codes_are_forgiven() -> None:
    """Never below nothing, though the minute has turned meanwhile."""
    clock = FakeClock(59_999)
    limiter = GuessLimiter(2, clock)
    limiter.count(["key"])
    limiter.forgive(["key"])
    assert limiter.left(["key"]) == 2
    limiter.count(["key"])
    clock.advance(1)
    limiter.forgive(["key"])
    assert limiter.left(["key"]) == 2


def test_who_is_forgiven_takes_no_room() -> None:
    """However many type right codes in a minute, who is wrong has a count of his own."""
    limiter = GuessLimiter(2, FakeClock())
    for n in range(GUESSERS_MAX + 1):
        limiter.count([f"guesser {n}"])
        limiter.forgive([f"guesser {n}"])
    limiter.count(["wrong"])
    assert [limiter.left([name]) for name in ("wrong", "another")] == [1, 2]


def test_each_minute_begins_anew() -> None:
    """At the calendar's minute of the machine's time."""
    clock = FakeClock(59_999)
    limiter = GuessLimiter(1, clock)
    limiter.count(["key"])
    assert (limiter.left(["key"]), limiter.seconds_left()) == (0, 1)
    clock.advance(1)
    assert (limiter.left(["key"]), limiter.seconds_left()) == (1, WINDOW_S)


def test_memory_is_bounded() -> None:
    """Beyond so many guessers in a minute the rest share one count."""
    limiter = GuessLimiter(2, FakeClock())
    limiter.count([f"guesser {n}" for n in range(GUESSERS_MAX)])
    limiter.count(["late", "later"])
    assert limiter.left(["latest"]) == 0
    assert limiter.left(["guesser 7"]) == 1
    assert len(limiter._wrong) <= GUESSERS_MAX + 1
