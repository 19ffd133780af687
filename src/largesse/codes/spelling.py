"""Between a code as people see it and the two numbers that its symbols spell.

The symbols of the first positions are the digits of `left`, those of the others the digits of
`right` (see `Pattern.halves`), the first symbol being the most significant. Check symbols spell a
number of their own, which follows from the two by the tenant's key.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from largesse.codes.canonical import canonical
from largesse.codes.check import Check
from largesse.codes.keyed import Words
from largesse.codes.model import LOOK_ALIKE_FREE, Alphabet, CheckSymbol, Literal, Part, Pattern

_CODE_POINT = np.dtype(np.uint32)  # numpy keeps text as one of these per character


class _Digits:
    """Positions that together spell one number."""

    def __init__(self, positions: list[tuple[int, str]]) -> None:
        """`positions`: column and symbols of each, the most significant first."""
        self.positions = positions
        self._tables = [(column, _code_points(symbols)) for column, symbols in positions]

    def write(self, numbers: Words, codes: NDArray[np.uint32]) -> None:
        """Put each number's symbols into its row of `codes`."""
        for column, symbols in reversed(self._tables):
            # numpy divides by a constant much faster than it takes a remainder.
            quotients = numbers // len(symbols)
            codes[:, column] = symbols[numbers - quotients * len(symbols)]
            numbers = quotients

    def read(self, code: str) -> int | None:
        """The number in a code; None when one of the characters is not of its alphabet."""
        number = 0
        for column, symbols in self.positions:
            digit = symbols.find(code[column])
            if digit < 0:
                return None
            number = number * len(symbols) + digit
        return number


class _Layout:
    """Where the three numbers of a code stand in a row of parts."""

    def __init__(self, parts: tuple[Part, ...], cut: int) -> None:
        digits = [(n, part.symbols) for n, part in enumerate(parts) if isinstance(part, Alphabet)]
        checks = [n for n, part in enumerate(parts) if isinstance(part, CheckSymbol)]
        self.left = _Digits(digits[:cut])
        self.right = _Digits(digits[cut:])
        self.check = _Digits([(n, LOOK_ALIKE_FREE.symbols) for n in checks])


class Spelt(NamedTuple):
    """The two numbers of a code, and whether its check symbols follow from them."""

    left: int
    right: int
    check_right: bool


class Spelling:
    """Writes and reads the codes of a tenant's pattern, check symbols included."""

    def __init__(self, pattern: Pattern, tenant_secret: bytes) -> None:
        self._check = Check(pattern, tenant_secret)
        shown = "".join(p.shown if isinstance(p, Literal) else " " for p in pattern.parts)
        self._template = _code_points(shown)
        self._shown = _Layout(pattern.parts, pattern.cut)
        self._compared = _Layout(pattern.positions, pattern.cut)
        self._literals = tuple(
            (column, part.canonical)
            for column, part in enumerate(pattern.positions)
            if isinstance(part, Literal)
        )
        self._length = len(pattern.positions)
        self._varying_shown = _varying(pattern.parts)
        self._varying = _varying(pattern.positions)

    def write(self, left: Words, right: Words) -> list[str]:
        """The codes, as shown, that these pairs of numbers spell."""
        codes = np.tile(self._template, (len(left), 1))
        self._shown.left.write(left, codes)
        self._shown.right.write(right, codes)
        if self._shown.check.positions:
            self._shown.check.write(self._check.number(left, right), codes)
        texts: list[str] = codes.view(f"U{codes.shape[1]}").ravel().tolist()
        return texts

    def read(self, text: str) -> tuple[int, int] | None:
        """The two numbers that a code spells, however it was typed.

        None when it is not of the pattern or when its check symbols are not the tenant's.
        """
        spelt = self.spelt(text)
        return (spelt.left, spelt.right) if spelt is not None and spelt.check_right else None

    def spelt(self, text: str) -> Spelt | None:
        """What a text says that has the pattern's form; None where it has another one."""
        code = canonical(text)
        if code is None or len(code) != self._length:
            return None
        if any(code[column] != character for column, character in self._literals):
            return None
        left, right = self._compared.left.read(code), self._compared.right.read(code)
        check = self._compared.check.read(code)
        if left is None or right is None or check is None:
            return None
        return Spelt(left, right, check_right=check == self._check.number(left, right))

    def decorate(self, codes: Sequence[str]) -> list[str]:
        """Codes in canonical form as they are shown."""
        symbols = np.array(codes, f"U{self._length}").view(_CODE_POINT)
        shown = np.tile(self._template, (len(codes), 1))
        shown[:, self._varying_shown] = symbols.reshape(-1, self._length)[:, self._varying]
        texts: list[str] = shown.view(f"U{shown.shape[1]}").ravel().tolist()
        return texts


def _varying(parts: tuple[Part, ...]) -> list[int]:
    """Where the symbols stand that differ from code to code."""
    return [column for column, part in enumerate(parts) if not isinstance(part, Literal)]


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.array([ord(character) for character in text], _CODE_POINT)
