"""Ids on the wire: a prefix that names the thing, and 128 bits in 26 characters of base 32.

Most are UUIDs of version 7 (RFC 9562 §5.7), which sort by the time they were made.
"""

from collections.abc import Callable

from largesse.kernel.clock import Clock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no i, l, o, u."""

LENGTH = 26
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_COUNTER_BITS = 12


def encode(prefix: str, value: int) -> str:
    """The text of a 128-bit value: `camp` and a value → `camp_01k3…`."""
    assert 0 <= value < 1 << 128
    shifts = range(5 * (LENGTH - 1), -1, -5)
    return f"{prefix}_" + "".join(ALPHABET[(value >> shift) & 31] for shift in shifts)


def decode(prefix: str, text: str) -> int | None:
    """The value behind an id, or None where the text is no id with this prefix."""
    head, separator, body = text.rpartition("_")
    if head != prefix or not separator or len(body) != LENGTH:
        return None
    value = 0
    for character in body:
        digit = _VALUES.get(character)
        if digit is None:
            return None
        value = value << 5 | digit
    return value if value < 1 << 128 else None


class Ids:
    """Makes ids. Within one millisecond they still ascend, by a counter in the bits `rand_a`."""

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._entropy = entropy
        self._last_ms = 0
        self._counter = 0

    def new(self, prefix: str) -> str:
        """A new id: `new("camp")` → `camp_01k3…`."""
        return encode(prefix, self._uuid7())

    def _uuid7(self) -> int:
        now_ms = max(self._clock.now_ms(), self._last_ms)
        self._counter = self._counter + 1 if now_ms == self._last_ms else 0
        if self._counter >> _COUNTER_BITS:
            now_ms, self._counter = now_ms + 1, 0
        self._last_ms = now_ms
        random = int.from_bytes(self._entropy(8), "big") & ((1 << 62) - 1)
        return now_ms << 80 | 0x7 << 76 | self._counter << 64 | 0b10 << 62 | random
