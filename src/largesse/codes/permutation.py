"""Keyed permutations of the places 0 … left * right - 1, written as pairs of two digits.

A place p is the pair (p // right, p % right). Pairs keep both digits within 64 bits when their
product is not, and are what a Feistel network works on: each round adds to one digit, modulo its
size, a keyed word of the other. That can be undone whatever the word is, so the network is a
permutation of exactly these places: no place is skipped and none is tried twice. (Black and
Rogaway, "Ciphers with Arbitrary Finite Domains", 2002; the alternating form and the ten rounds are
those of FF1 in NIST SP 800-38G.)

The result is what customers hold. Whatever is changed here must leave it as it is.
"""

from typing import Protocol

import numpy as np

from largesse.codes.keyed import WORD_BITS, KeyedFunction, Number, Words

ROUNDS = 10
"""Rounds of the network, as in FF1."""

TABLE_SPACE_MAX = 2**16
"""Places of a space that is shuffled in a table: there and back, they take a megabyte."""


class Permutation(Protocol):
    """Moves each pair to a pair of its own, and back; rows of pairs or single ones."""

    def forward(self, left: Number, right: Number) -> tuple[Number, Number]:
        """Where these pairs go."""

    def backward(self, left: Number, right: Number) -> tuple[Number, Number]:
        """Where these pairs came from."""


def permutation(key: bytes, sizes: tuple[int, int]) -> Permutation:
    """The permutation that a key chooses for pairs below `sizes`."""
    function = KeyedFunction(key)
    left_size, right_size = sizes
    if left_size * right_size <= TABLE_SPACE_MAX:
        return ShuffledTable(function, sizes)
    return FeistelNetwork(function, sizes)


class FeistelNetwork:
    """Ten rounds over two digits. Sizes are at most 2**60."""

    def __init__(self, function: KeyedFunction, sizes: tuple[int, int]) -> None:
        self._function = function
        self._left_size, self._right_size = sizes
        # The least multiple of each size above every word, so that a difference stays positive.
        self._left_lift, self._right_lift = (-(-(2**WORD_BITS) // size) * size for size in sizes)

    def forward(self, left: Number, right: Number) -> tuple[Number, Number]:
        """See `Permutation`."""
        for number in range(0, ROUNDS, 2):
            left = _modulo(left + self._word(right, number), self._left_size)
            right = _modulo(right + self._word(left, number + 1), self._right_size)
        return left, right

    def backward(self, left: Number, right: Number) -> tuple[Number, Number]:
        """See `Permutation`."""
        for number in range(ROUNDS - 2, -1, -2):
            lift = self._right_lift - self._word(left, number + 1)
            right = _modulo(right + lift, self._right_size)
            left = _modulo(left + (self._left_lift - self._word(right, number)), self._left_size)
        return left, right

    def _word(self, digit: Number, number: int) -> Number:
        return self._function.word(digit, number)


class ShuffledTable:
    """All places, sorted by a keyed word of each: small spaces give a network too little to mix."""

    def __init__(self, function: KeyedFunction, sizes: tuple[int, int]) -> None:
        left_size, self._right_size = sizes
        places = np.arange(left_size * self._right_size, dtype=np.uint64)
        # A stable sort, so that two places with one word are in the same order on every machine.
        order = np.argsort(function.word(places, 0), kind="stable")
        self._forward = order.astype(np.uint64)
        self._backward = np.empty_like(places)
        self._backward[order] = places

    def forward(self, left: Number, right: Number) -> tuple[Number, Number]:
        """See `Permutation`."""
        return self._look_up(self._forward, left, right)

    def backward(self, left: Number, right: Number) -> tuple[Number, Number]:
        """See `Permutation`."""
        return self._look_up(self._backward, left, right)

    def _look_up(self, table: Words, left: Number, right: Number) -> tuple[Number, Number]:
        place = left * self._right_size + right
        if isinstance(place, int):
            return divmod(int(table[place]), self._right_size)
        return np.divmod(table[place], np.uint64(self._right_size))


def _modulo(number: Number, size: int) -> Number:
    # numpy divides by a constant much faster than it takes a remainder.
    return number - number // size * size
