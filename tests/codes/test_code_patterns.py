"""Patterns: what they mean, and what is said about those that mean nothing."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.codes.decide import Relation, relation
from largesse.codes.errors import (
    CharsetLengthError,
    CharsetsError,
    CheckSymbolsError,
    CodeFormatError,
    LoneMarkError,
    PatternTooLongError,
    PositionsError,
    RepeatedSymbolError,
    SpaceTooLargeError,
    TwoFormsError,
    UnknownCharsetError,
    UnusableSymbolError,
)
from largesse.codes.model import CLASSES, Alphabet, Literal
from largesse.codes.pattern import (
    HALF_MAX,
    PATTERN_LENGTH_MAX,
    read_canonical_text,
    read_format,
    read_pattern,
)

KOREAN = "가개고나내노다대도라래로마매모바배보사새소아애오자재조차채초카캐코타태토파패포하해호"
CHARSETS = {"vowel": "AEIOU", "bit": "10", "one": "K", "digits": "9876543210"}


def test_classes() -> None:
    """Each class has the characters that the documentation promises."""
    symbols = {name: part.symbols for name, part in CLASSES.items() if isinstance(part, Alphabet)}
    assert symbols == {
        "#": "23456789ABCDEFGHJKLMNPQRSTUVWXYZ",
        "9": "0123456789",
        "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "가": KOREAN,
    }


@pytest.mark.parametrize(
    ("text", "canonical_text", "space", "check_symbols"),
    [
        ("##########**", "##########**", 32**10, 2),
        ("가가9999가가99", "가가9999가가99", 42**4 * 10**6, 0),
        ("99-99.99 99", "99999999", 10**8, 0),
        (r"S\ALE-99", r"S\ALE99", 100, 0),
        ("sale-99", r"S\ALE99", 100, 0),
        (r"\#\9\*\\\가#", r"\#\9\*\\\가#", 32, 0),
        (r"\{99\}", r"\{99\}", 100, 0),
        ("[IO]9", "[IO]9", 20, 0),
        (r"[\]\A\\\{]", r"[\A\\\]\{]", 4, 0),
        ("[9876543210][K]", "9K", 10, 0),
        ("{vowel}{bit}", r"[\AEIOU][01]", 10, 0),
        ("{digits}{one}", "9K", 10, 0),
        ("WELCOME", "WELCOME", 1, 0),
        ("***", "***", 1, 3),
        ("#*#", "#*#", 32**2, 1),
    ],
)
def test_meaning(text: str, canonical_text: str, space: int, check_symbols: int) -> None:
    """A pattern's set of codes has a name, a size, and a number of check symbols."""
    pattern = read_pattern(text, CHARSETS)
    assert pattern.canonical_text == canonical_text
    assert pattern.space == space
    assert pattern.check_symbols == check_symbols


def test_a_literal_is_shown_as_written() -> None:
    """Case and decoration are for people; what is compared has neither."""
    pattern = read_pattern("s-9")
    assert pattern.parts[:2] == (Literal("s", "S"), Literal("-", ""))
    assert pattern.positions == (Literal("s", "S"), CLASSES["9"])


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        ("##########**", (32**5, 32**5)),
        ("가가9999가가99", (42**2 * 1_000, 42**2 * 1_000)),
        ("9", (1, 10)),
        ("WELCOME", (1, 1)),
        ("9#", (10, 32)),
    ],
)
def test_halves(text: str, halves: tuple[int, int]) -> None:
    """The cut leaves the larger half as small as it can be."""
    assert read_pattern(text).halves == halves


def test_equal_patterns_are_equal() -> None:
    """Patterns are values, whatever they were read from."""
    assert read_pattern("99") == read_pattern("{digits}9", CHARSETS)
    assert len({read_pattern("9A"), read_pattern("9A"), read_pattern("A9")}) == 2


def test_formats() -> None:
    """The default, a pattern with its charsets, and a charset with a length."""
    assert read_format() == read_pattern("##########**")
    assert read_format(pattern="{vowel}", charsets=CHARSETS).space == 5
    assert read_format(charset="0123456789", length=4) == read_pattern("9999")
    assert read_format(charset="K", length=3).space == 1


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", PositionsError, "would have 0 characters"),
        (" - . ", PositionsError, "would have 0 characters"),
        ("9" * 65, PositionsError, "would have 65 characters"),
        ("9" * 257, PatternTooLongError, "257 characters long; 256 is the most"),
        (
            "99\\",
            LoneMarkError,
            r"character 3 of the pattern, '\\', has no partner: write '\\\\' for",
        ),
        ("9{bit", LoneMarkError, "character 2 of the pattern, '{', has no partner"),
        ("9}", LoneMarkError, "character 2 of the pattern, '}', has no partner"),
        ("{a{bit}", LoneMarkError, "character 1 of the pattern"),
        ("9{nope}", UnknownCharsetError, "{nope} at character 2 .* given are bit, digits, one"),
        ("{}", UnknownCharsetError, "character 1"),
        ("9[AB", LoneMarkError, "character 2 of the pattern, '\\[', has no partner"),
        ("9]", LoneMarkError, "character 2 of the pattern, '\\]', has no partner"),
        ("[A[B]]", LoneMarkError, "character 1 of the pattern"),
        ("[]", CharsetLengthError, "has 0 characters"),
        (r"9[\A\BC\A]", RepeatedSymbolError, "character 8, 'A', is in the charset already"),
        ("9[Ab]", UnusableSymbolError, "character 4, 'b', .*; use 'B' instead"),
        ("9ß", UnusableSymbolError, r"character 2, '\\xdf', cannot be part of a code"),
        ("9\u0301", UnusableSymbolError, r"character 2, '\\u0301'"),
        ("9\n", UnusableSymbolError, r"character 2, '\\n'"),
        ("9\\\u0000", UnusableSymbolError, r"character 2, '\\x00'"),
        ("\ud800", UnusableSymbolError, r"character 1, '\\ud800'"),
        ("9*********", CheckSymbolsError, "has 9 check symbols; 8 is the most"),
        ("9" * 38, SpaceTooLargeError, "10,000,000,000,000,000,000 combinations"),
    ],
)
def test_refused_patterns(text: str, error: type[CodeFormatError], message: str) -> None:
    """Each mistake has its own error, which tells the position and points to the pattern."""
    with pytest.raises(error, match=message) as refused:
        read_pattern(text, CHARSETS)
    assert refused.value.pointer == "/pattern"


def test_an_unknown_charset_when_none_is_given() -> None:
    """The message does not list what is not there."""
    with pytest.raises(UnknownCharsetError, match="none is given; add it to charsets"):
        read_pattern("{colour}")


@pytest.mark.parametrize(
    ("characters", "error", "message"),
    [
        ("", CharsetLengthError, "has 0 characters; it needs 1 to 256"),
        ("가" * 257, CharsetLengthError, "has 257 characters"),
        ("ABCB", RepeatedSymbolError, "character 4, 'B', is in the charset already"),
        ("ABc", UnusableSymbolError, "character 3, 'c', .*; use 'C' instead"),
        ("AB-", UnusableSymbolError, "character 3, '-', cannot"),
        ("A B", UnusableSymbolError, "character 2, ' ', cannot"),
        ("A.B", UnusableSymbolError, r"character 2, '\.', cannot"),
        ("12３", UnusableSymbolError, "use '3' instead"),  # noqa: RUF001 - full width is the example
        ("AB\u0301", UnusableSymbolError, "character 3"),
        ("AB\t", UnusableSymbolError, "character 3"),
    ],
)
def test_refused_charsets(characters: str, error: type[CodeFormatError], message: str) -> None:
    """A charset, named or not, has visible, distinct characters that entry leaves as they are."""
    with pytest.raises(error, match=message) as refused:
        read_format(pattern="{x}", charsets={"x": characters})
    assert refused.value.pointer == "/charsets/x"
    with pytest.raises(error, match=message) as refused:
        read_format(charset=characters, length=8)
    assert refused.value.pointer == "/charset"


@pytest.mark.parametrize("name", ["", "9", "a b", "a}", "한", "a" * 33, "a\n"])
def test_refused_charset_names(name: str) -> None:
    """A name is what fits between braces."""
    with pytest.raises(CharsetsError, match="a charset is named") as refused:
        read_pattern("9", {name: "AB"})
    assert refused.value.pointer == "/charsets"


def test_too_many_charsets() -> None:
    """Their number has a limit."""
    with pytest.raises(CharsetsError, match="there are 17 charsets; 16 is the most"):
        read_pattern("9", {f"c{n}": "AB" for n in range(17)})


@pytest.mark.parametrize(
    ("pattern", "charsets", "charset", "length"),
    [
        ("99", {}, "AB", 4),
        ("99", {}, "AB", None),
        ("99", {}, None, 4),
        (None, {}, "AB", None),
        (None, {}, None, 4),
        (None, {"x": "AB"}, "AB", 4),
    ],
)
def test_half_and_double_formats(
    pattern: str | None, charsets: Mapping[str, str], charset: str | None, length: int | None
) -> None:
    """What could mean two things, or lacks its other half, is refused."""
    with pytest.raises(TwoFormsError, match=r"either a pattern .* or a charset together with"):
        read_format(pattern, charsets, charset, length)


@pytest.mark.parametrize(
    ("length", "message"), [(0, "0"), (-1, "-1"), (65, "65"), (10**9, "1,000")]
)
def test_refused_lengths(length: int, message: str) -> None:
    """A length that nobody types makes no table before it is refused."""
    with pytest.raises(PositionsError, match=f"would have {message}") as refused:
        read_format(charset="01", length=length)
    assert refused.value.pointer == "/length"


def test_too_long_for_its_charset() -> None:
    """The error of a space points to what makes it too large."""
    with pytest.raises(SpaceTooLargeError) as refused:
        read_format(charset="0123456789", length=38)
    assert refused.value.pointer == "/length"


def test_the_largest_half() -> None:
    """24 of the class # are the most; not even a bit may be added."""
    assert max(read_pattern("#" * 24).halves) == HALF_MAX
    with pytest.raises(SpaceTooLargeError):
        read_pattern("#" * 24 + "[01]")


def test_the_code_of_the_errors() -> None:
    """Machines know that it is the code format, and by the pointer which part of it."""
    with pytest.raises(CodeFormatError) as refused:
        read_pattern("{")
    assert refused.value.code == "INVALID_CODE_FORMAT"


@given(st.text("#9A가*KSa[]{}-\\", min_size=1, max_size=12))
def test_the_canonical_text_is_a_pattern(text: str) -> None:
    """It is read as what it names, and is its own canonical text."""
    try:
        pattern = read_pattern(text)
    except CodeFormatError:
        return
    again = read_canonical_text(pattern.canonical_text)
    assert again.canonical_text == pattern.canonical_text
    assert (again.space, again.cut) == (pattern.space, pattern.cut)
    assert relation(again, pattern) is Relation.EQUAL


def test_a_canonical_text_may_be_longer_than_a_pattern() -> None:
    """A charset is listed as often as it is repeated."""
    pattern = read_format(charset="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", length=10)
    assert len(pattern.canonical_text) > PATTERN_LENGTH_MAX
    assert read_canonical_text(pattern.canonical_text) == pattern
