"""What a code is made of: alphabets, literals and check symbols, in a row called a pattern."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_PATTERN = "##########**"

_KOREAN_CONSONANTS = "가나다라마바사아자차카타파하"
_KOREAN_VOWELS = (0, 1, 8)  # ㅏ ㅐ ㅗ, as places among the 21 vowels of Unicode's syllables
_FINALS = 28  # Unicode puts a syllable's 28 finals, none of them first, before its next vowel


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The characters that may stand at a position, in the order of their code points."""

    symbols: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A character that every code has: as it is shown, and as it is compared ("" for a dash)."""

    shown: str
    canonical: str


@dataclass(frozen=True, slots=True)
class CheckSymbol:
    """A character that only the tenant's key can tell: one of the alphabet `#`."""


Part = Alphabet | Literal | CheckSymbol

LOOK_ALIKE_FREE = Alphabet("23456789ABCDEFGHJKLMNPQRSTUVWXYZ")
CHECK_SYMBOL_BITS = 5
"""What one check symbol tells: the alphabet above has 2**5 symbols."""

CLASSES: Mapping[str, Part] = {
    "#": LOOK_ALIKE_FREE,
    "9": Alphabet("0123456789"),
    "A": Alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "가": Alphabet(
        "".join(
            chr(ord(c) + vowel * _FINALS) for c in _KOREAN_CONSONANTS for vowel in _KOREAN_VOWELS
        )
    ),
    "*": CheckSymbol(),
}
_CLASS_OF = {part: character for character, part in CLASSES.items()}
_MEANINGFUL = re.compile(r"([#9A가*\\\[\]{}])")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A row of parts. `codes.pattern` reads one from text and refuses what cannot be used."""

    parts: tuple[Part, ...]

    @property
    def positions(self) -> tuple[Part, ...]:
        """The parts that are in the canonical form: all but spaces, dashes and dots."""
        return tuple(part for part in self.parts if not _is_decoration(part))

    @property
    def alphabets(self) -> tuple[Alphabet, ...]:
        """The positions that tell one code from another, from left to right."""
        return tuple(part for part in self.parts if isinstance(part, Alphabet))

    @property
    def check_symbols(self) -> int:
        """How many check symbols a code has."""
        return sum(isinstance(part, CheckSymbol) for part in self.parts)

    @property
    def space(self) -> int:
        """How many codes there are. Check symbols follow from the rest and add none."""
        return math.prod(len(alphabet.symbols) for alphabet in self.alphabets)

    @property
    def canonical_text(self) -> str:
        r"""The name of the set of codes: equal for two patterns exactly when their sets are.

        It is a pattern itself, without decoration: classes stand for themselves, other alphabets
        are listed in brackets, and literals that could be read otherwise have a `\` before them.
        """
        return "".join(_name(part) for part in self.positions)

    @property
    def cut(self) -> int:
        """How many of the alphabets form the left half: as many as make the larger half least."""
        sizes = [len(alphabet.symbols) for alphabet in self.alphabets]
        return min(
            range(len(sizes) + 1), key=lambda n: max(math.prod(sizes[:n]), math.prod(sizes[n:]))
        )

    @property
    def halves(self) -> tuple[int, int]:
        """The space as a product: the combinations of the left half, and of the right one."""
        sizes = [len(alphabet.symbols) for alphabet in self.alphabets]
        return math.prod(sizes[: self.cut]), math.prod(sizes[self.cut :])


def _is_decoration(part: Part) -> bool:
    return isinstance(part, Literal) and not part.canonical


def _name(part: Part) -> str:
    if part in _CLASS_OF:
        return _CLASS_OF[part]
    if isinstance(part, Literal):
        return _escaped(part.canonical)
    assert isinstance(part, Alphabet)
    return f"[{_escaped(part.symbols)}]"


def _escaped(symbols: str) -> str:
    return _MEANINGFUL.sub(r"\\\1", symbols)
