"""The rules for saving a pattern."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.codes.decide import (
    Relation,
    relation,
    warning,
)
from largesse.codes.model import LOOK_ALIKE_FREE, Alphabet, CheckSymbol, Literal, Part, Pattern
from largesse.codes.pattern import read_pattern

EQUAL, DISJOINT, OVERLAP = Relation.EQUAL, Relation.DISJOINT, Relation.OVERLAP
CHARSETS = {"d": "0123456789", "low": "01234", "high": "56789", "one": "1"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("9999", "9999", EQUAL),
        ("9999", "99-99", EQUAL),
        ("9999", "{d}9{d}9", EQUAL),
        ("1{low}", "{one}{low}", EQUAL),
        ("sum-99", "SUM.99", EQUAL),
        ("999", "9999", DISJOINT),
        ("A99", "999", DISJOINT),
        ("{low}9", "{high}9", DISJOINT),
        ("W99", "V99", DISJOINT),
        ("가9", "A9", DISJOINT),
        ("9{low}", "99", OVERLAP),
        ("19", "99", OVERLAP),
        ("A9", "9A", DISJOINT),
        ("#9", "A9", OVERLAP),
        ("#9", "{one}9", DISJOINT),
        ("9*", "9#", OVERLAP),
        ("9*", "9K", OVERLAP),
        ("9*", "9I", DISJOINT),
        ("#*", "*#", OVERLAP),
        ("#*", "#-*", EQUAL),
    ],
)
def test_relation(one: str, other: str, expected: Relation) -> None:
    """Equal, disjoint or overlapping, in their canonical form, and the same from both sides."""
    mine, theirs = read_pattern(one, CHARSETS), read_pattern(other, CHARSETS)
    assert relation(mine, theirs) is expected
    assert relation(theirs, mine) is expected


SYMBOLS = LOOK_ALIKE_FREE.symbols[:3] + "-"
PARTS = st.one_of(
    st.sampled_from([Literal(c, c.strip("-")) for c in SYMBOLS]),
    st.sets(st.sampled_from(SYMBOLS[:3]), min_size=2).map(lambda s: Alphabet("".join(sorted(s)))),
    st.just(CheckSymbol()),
)
PATTERNS = st.lists(PARTS, max_size=4).map(lambda parts: Pattern(tuple(parts)))


def choices(part: Part) -> str | list[str]:
    """What may stand at a position; a check symbol may be more than the alphabets here have."""
    match part:
        case Literal(canonical=canonical):
            return [canonical]
        case Alphabet(symbols):
            return symbols
        case _:
            return LOOK_ALIKE_FREE.symbols[:4]


def all_codes(pattern: Pattern) -> set[str]:
    """Every canonical code, with any check symbol."""
    return {"".join(code) for code in product(*map(choices, pattern.parts))}


@given(PATTERNS, PATTERNS)
def test_relation_agrees_with_the_sets(one: Pattern, other: Pattern) -> None:
    """Brute force over tiny alphabets finds the same relation."""
    mine, theirs = all_codes(one), all_codes(other)
    assert (relation(one, other) is DISJOINT) == mine.isdisjoint(theirs)
    assert (relation(one, other) is EQUAL) == (mine == theirs)


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("##########**", 1_000_000),
        ("##########**", None),
        ("9999****", 10_000),
        ("####*", 32),
        ("*", 0),
    ],
)
def test_no_warning(text: str, quota: int | None) -> None:
    """A guesser needs 2**20 guesses or more for a valid code."""
    assert warning(read_pattern(text), quota) is None


@pytest.mark.parametrize(
    ("text", "quota", "said"),
    [
        ("가가9999가가99", 1, "no check symbols"),
        ("9999", None, "no check symbols"),
        ("9999**", 10_000, "one guess in 1,024 would be a valid code"),
        ("####*", 33, "one guess in 1,016,800 would be a valid code"),
        ("*", 1, "one guess in 32 would be a valid code"),
    ],
)
def test_warning(text: str, quota: int | None, said: str) -> None:
    """Where the limiter alone stands between, it is said."""
    warned = warning(read_pattern(text), quota)
    assert warned is not None
    assert said in warned
    assert "the rate limiter alone stands between a guesser" in warned
