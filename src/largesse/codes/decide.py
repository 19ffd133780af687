"""The rules for saving a code format: may it stand beside others, are there codes enough."""

from collections.abc import Iterable
from enum import Enum, auto

from largesse.codes.errors import PatternOverlapsError, SpaceTooSmallError
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


def check_permuted(
    pattern: Pattern, permuted: Iterable[Pattern], random: Iterable[Pattern]
) -> None:
    """Refuse a permuted pattern that would give a code a second meaning.

    `permuted` and `random` are the patterns that the tenant has of either source. Equal permuted
    patterns share a counter, so they never meet. Raises `PatternOverlapsError`.
    """
    _refuse(pattern, permuted, {Relation.OVERLAP})
    _refuse(pattern, random, {Relation.EQUAL, Relation.OVERLAP})


def check_random(pattern: Pattern, permuted: Iterable[Pattern]) -> None:
    """Refuse a random pattern with codes of a permuted one: raises `PatternOverlapsError`.

    Random patterns may overlap each other: their table keeps one of each code. But no table knows
    which permuted codes are in use.
    """
    _refuse(pattern, permuted, {Relation.EQUAL, Relation.OVERLAP})


def check_space(pattern: Pattern, quota: int, places_taken: int = 0) -> None:
    """Refuse a quota that the codes left do not cover: raises `SpaceTooSmallError`.

    `places_taken` counts what others, and this reward for its earlier codes, have of the pattern.
    """
    left = pattern.space - places_taken
    if quota > left:
        raise SpaceTooSmallError(quota, left)


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


def _refuse(pattern: Pattern, others: Iterable[Pattern], relations: set[Relation]) -> None:
    for other in others:
        if relation(pattern, other) in relations:
            raise PatternOverlapsError(other.canonical_text)


def _symbols(part: Part) -> frozenset[str]:
    match part:
        case Alphabet(symbols):
            return frozenset(symbols)
        case Literal(canonical=canonical):
            return frozenset(canonical)
        case _:
            return frozenset(LOOK_ALIKE_FREE.symbols)
