"""The two sources of codes.

Permuted codes come from a tenant's counter, through a permutation that only its key knows: none
needs to be stored to be unique, or looked up to be read. Random codes come from dice and are kept
in a table; what they share is the spelling.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from largesse.codes.canonical import canonical
from largesse.codes.keyed import Words, derive_key
from largesse.codes.model import Pattern
from largesse.codes.permutation import permutation
from largesse.codes.spelling import Spelling

FEW = 8
"""So many codes are read one by one: what reads many at once takes its time to begin."""

PLACES_MAX = 2**63
"""Places that a counter can reach: databases keep it in 64 bits with a sign."""

SHARE_MIN = 64
"""Left halves that a part of the codes must have, so that its edges hardly count."""

Dice = Callable[[int], bytes]
"""Gives so many random bytes, as `os.urandom` does."""


class PermutedCodes:
    """The codes of one tenant and pattern, by their place in the counter, which starts at 0.

    `space` is how many there are. Patterns with the same `canonical_text` have the same codes at
    the same places (decoration aside), so they must share a counter.
    """

    def __init__(self, pattern: Pattern, tenant_secret: bytes) -> None:
        self.space = pattern.space
        self._places = min(self.space, PLACES_MAX)
        self._spelling = Spelling(pattern, tenant_secret)
        key = derive_key(tenant_secret, "permutation", pattern.canonical_text)
        self._permutation = permutation(key, pattern.halves)
        self._right_size = pattern.halves[1]

    def codes(self, first: int, count: int) -> list[str]:
        """The codes, as shown, at the places first … first + count - 1."""
        assert 0 <= first <= first + count <= self._places
        return self._codes(np.arange(first, first + count, dtype=np.uint64))

    def codes_at(self, places: Sequence[int]) -> list[str]:
        """The codes, as shown, at these places, in their order."""
        assert 0 <= min(places, default=0) <= max(places, default=0) < self._places
        return self._codes(np.array(places, dtype=np.uint64))

    def place(self, text: str) -> int | None:
        """The place of a code, however it was typed; None when it cannot be one of these.

        Whether that place was ever given out is for the ledger to say.
        """
        halves = self._spelling.read(text)
        if halves is None:
            return None
        left, right = self._permutation.backward(*halves)
        place = left * self._right_size + right
        return place if place < self._places else None

    def places(self, texts: Sequence[str]) -> list[int | None]:
        """The same for many at once."""
        if len(texts) < FEW:
            return [self.place(text) for text in texts]
        places: list[int | None] = [None] * len(texts)
        read = [(at, self._spelling.read(text)) for at, text in enumerate(texts)]
        spelt = [(at, *halves) for at, halves in read if halves is not None]
        if spelt:
            order, *halves = zip(*spelt, strict=True)
            left, right = self._permutation.backward(*(np.array(one, np.uint64) for one in halves))
            # What lies beyond the last place would not even fit into a word of 64 bits.
            within = left <= (self._places - 1) // self._right_size
            found = np.where(within, left, 0) * np.uint64(self._right_size) + right
            within &= found < self._places
            for at, place, is_one in zip(order, found.tolist(), within.tolist(), strict=True):
                places[at] = place if is_one else None
        return places

    def _codes(self, places: Words) -> list[str]:
        left = places // self._right_size
        right = places - left * self._right_size
        return self._spelling.write(*self._permutation.forward(left, right))


class Judge:
    """Says of what somebody typed whether it is a code of one tenant's pattern."""

    def __init__(self, pattern: Pattern, tenant_secret: bytes) -> None:
        self.has_check_symbols = pattern.check_symbols > 0
        self._pattern = pattern
        self._secret = tenant_secret
        self._spelling = Spelling(pattern, tenant_secret)

    def check(self, text: str) -> bool | None:
        """Whether its check symbols are right; None where it has not the pattern's form."""
        spelt = self._spelling.spelt(text)
        return None if spelt is None else spelt.check_right

    def place(self, text: str) -> int | None:
        """Its place in the pattern's counter: see `PermutedCodes.place`."""
        return self._codes.place(text)

    @cached_property
    def _codes(self) -> PermutedCodes:
        """Made when it is asked for: patterns of random codes have no places."""
        return PermutedCodes(self._pattern, self._secret)


class RandomCodes:
    """Codes of one tenant and pattern from dice. The table that keeps them tells which exist."""

    def __init__(self, pattern: Pattern, tenant_secret: bytes) -> None:
        self._spelling = Spelling(pattern, tenant_secret)
        self._sizes = pattern.halves

    def draw(self, count: int, dice: Dice) -> list[str]:
        """So many codes, as shown, each equally likely; two may be the same."""
        return self.draw_among(range(self._sizes[0]), count, dice)

    def draw_among(self, lefts: range, count: int, dice: Dice) -> list[str]:
        """The same of those codes alone whose left half is among these numbers."""
        left = _uniform(len(lefts), count, dice) + np.uint64(lefts.start)
        return self._spelling.write(left, _uniform(self._sizes[1], count, dice))

    def share(self, first: int, after: int, total: int) -> range:
        """The left halves of a part of all codes, from first / total up to after / total of them.

        All of them where a part would be too narrow to draw from.
        """
        lefts = range(self._sizes[0])
        part = lefts[len(lefts) * first // total : len(lefts) * after // total]
        return part if len(part) >= SHARE_MIN else lefts

    def decorate(self, codes: Sequence[str]) -> list[str]:
        """Codes in canonical form as they are shown."""
        return self._spelling.decorate(codes)

    def key(self, text: str) -> str | None:
        """What to look for in the table, for a code however it was typed.

        None when it cannot be one of these: no need to look.
        """
        return None if self._spelling.read(text) is None else canonical(text)


def _uniform(size: int, count: int, dice: Dice) -> Words:
    """Numbers below `size`, none likelier than another: words past its last multiple are thrown."""
    fair = 2**64 // size * size
    numbers = np.empty(0, np.uint64)
    while len(numbers) < count:
        words = np.frombuffer(dice(8 * (count - len(numbers))), np.uint64)
        numbers = np.concatenate((numbers, words[words < fair]))
    return numbers % size
