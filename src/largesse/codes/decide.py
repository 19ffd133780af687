"""The rules for saving a pattern: how it stands to the others, and how easily it is guessed."""

from enum import Enum, auto

from largesse.codes.model import (
    CHECK_SYMBOL_BITS,
    LOOK_ALIKE_FREE,
    Alphabet,
    Literal,
    Part,
    Pattern,
)

GUESSES_PER_HIT_MIN = 2**20
"""Guesses for one to hit a valid code: NIST SP 800-63B asks 20 bits of a look-up secret."""


class Relation(Enum):
    """How the codes of two patterns stand to each other."""

    EQUAL = auto()
    DISJOINT = auto()
    OVERLAP = auto()


def relation(one: Pattern, other: Pattern) -> Relation:
    """Whether two patterns describe the same codes, no code in common, or something between.

    Codes are compared in their canonical form. A check symbol may be any of its alphabet, so a
    pattern with one overlaps the same pattern with `#` in its place.
    """
    if one.canonical_text == other.canonical_text:
        return Relation.EQUAL
    if len(one.positions) != len(other.positions):
        return Relation.DISJOINT
    pairs = zip(one.positions, other.positions, strict=True)
    if any(_symbols(mine).isdisjoint(_symbols(theirs)) for mine, theirs in pairs):
        return Relation.DISJOINT
    return Relation.OVERLAP


def warning(pattern: Pattern, quota: int | None) -> str | None:
    """What to tell whoever saves a pattern whose codes can be guessed; None when they cannot.

    `quota` is how many codes will be valid at once; None when there is no cap.
    """
    if not pattern.check_symbols:
        return (
            "this pattern has no check symbols: a wrong code is only noticed by looking it up, so "
            "the rate limiter alone stands between a guesser and the codes; add ** to the pattern"
        )
    guesses = pattern.space << pattern.check_symbols * CHECK_SYMBOL_BITS
    if quota is not None and quota * GUESSES_PER_HIT_MIN > guesses:
        return (
            f"one guess in {guesses // quota:,} would be a valid code: the rate limiter alone "
            f"stands between a guesser and the {quota:,} codes; add positions to the pattern"
        )
    return None


def _symbols(part: Part) -> frozenset[str]:
    match part:
        case Alphabet(symbols):
            return frozenset(symbols)
        case Literal(canonical=canonical):
            return frozenset(canonical)
        case _:
            return frozenset(LOOK_ALIKE_FREE.symbols)
