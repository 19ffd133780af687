r"""Reads patterns from text.

A pattern is a row of characters:

- `#` letters and digits without look-alikes, `9` a digit, `A` a letter, `가` one of 42 Korean
  syllables, `*` a check symbol,
- `[xyz]` one of the characters listed, `{name}` one of the charset given by that name beside the
  pattern,
- `\x` the character x itself; every other character is itself too.

Spaces, dashes and dots are shown in codes but not compared; any other literal is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from largesse.codes.canonical import canonical_symbol
from largesse.codes.errors import (
    CharsetLengthError,
    CharsetsError,
    CheckSymbolsError,
    LoneMarkError,
    PatternTooLongError,
    PositionsError,
    RepeatedSymbolError,
    SpaceTooLargeError,
    TwoFormsError,
    UnknownCharsetError,
    UnusableSymbolError,
)
from largesse.codes.model import (
    CLASSES,
    DEFAULT_PATTERN,
    Alphabet,
    Literal,
    Part,
    Pattern,
)

PATTERN_LENGTH_MAX = 256
"""Characters of a pattern's text, escapes and names included: it is kept with every version."""

POSITIONS_MAX = 64
"""Characters of a code in its canonical form: nobody types more."""

CHECK_SYMBOLS_MAX = 8
"""Check symbols of a code: 40 bits, of a million million wrong guesses one passes."""

CHARSETS_MAX = 16
"""Charsets given beside a pattern, which rarely needs two."""

CHARSET_LENGTH_MAX = 256
"""Characters of a charset: a table of them is kept for each position that uses it."""

HALF_MAX = 2**60
"""Combinations of each half of the positions: leaves room to add a keyed word in 64 bits."""

_NO_CHARSETS: Mapping[str, str] = MappingProxyType({})
_CHARSET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_CHARACTER = r"\\.|[^\\{}\[\]]"
_TOKEN = re.compile(
    rf"\{{(?P<name>[^{{}}]*)\}}|\[(?P<listed>(?:{_CHARACTER})*)\]|(?P<single>{_CHARACTER})",
    re.DOTALL,
)
_LISTED = re.compile(_CHARACTER, re.DOTALL)


def read_format(
    pattern: str | None = None,
    charsets: Mapping[str, str] = _NO_CHARSETS,
    charset: str | None = None,
    length: int | None = None,
) -> Pattern:
    """The pattern that a code format means: a pattern, or `length` characters of a charset.

    With none of them, the default pattern is meant. Raises a `CodeFormatError` that points into
    the format.
    """
    if charset is None and length is None:
        return read_pattern(DEFAULT_PATTERN if pattern is None else pattern, charsets)
    if charset is None or length is None or pattern is not None or charsets:
        raise TwoFormsError
    if not 1 <= length <= POSITIONS_MAX:
        raise PositionsError(length, POSITIONS_MAX, "/length")
    alphabet = _read_charset(charset, _counted(charset), "/charset")
    return _checked(Pattern((_part(alphabet),) * length), "/length")


def read_pattern(text: str, charsets: Mapping[str, str] = _NO_CHARSETS) -> Pattern:
    """The pattern that a text describes. Raises a `CodeFormatError` that tells the position."""
    if len(text) > PATTERN_LENGTH_MAX:
        raise PatternTooLongError(len(text), PATTERN_LENGTH_MAX)
    return _checked(Pattern(tuple(_read_parts(text, _read_charsets(charsets)))), "/pattern")


def read_canonical_text(text: str) -> Pattern:
    """The pattern of a `Pattern.canonical_text`: the same codes, without their decoration."""
    return Pattern(tuple(_read_parts(text, {})))


def _read_parts(text: str, alphabets: Mapping[str, Alphabet]) -> Iterator[Part]:
    start = 0
    while start < len(text):
        position = start + 1  # people count from one
        token = _TOKEN.match(text, start)
        if token is None:
            raise LoneMarkError(text[start], position)
        start = token.end()
        name, listed, single = token["name"], token["listed"], token["single"]
        if single in CLASSES:
            yield CLASSES[single]
        elif single is not None:
            yield _read_literal(single[-1], position)
        elif listed is not None:
            yield _part(_read_listed(listed, position + 1))
        elif name in alphabets:
            yield _part(alphabets[name])
        else:
            raise UnknownCharsetError(name, position, sorted(alphabets))


def _read_listed(text: str, position: int) -> Alphabet:
    """The alphabet between two brackets, of which the first character stands at `position`."""
    matches = list(_LISTED.finditer(text))
    characters = "".join(match[0][-1] for match in matches)
    return _read_charset(characters, [position + match.start() for match in matches], "/pattern")


def _read_literal(character: str, position: int) -> Literal:
    form = canonical_symbol(character)
    if form is None:
        raise UnusableSymbolError(character, position, "/pattern", "")
    return Literal(character, form)


def _read_charsets(charsets: Mapping[str, str]) -> dict[str, Alphabet]:
    if len(charsets) > CHARSETS_MAX:
        message = f"there are {len(charsets):,} charsets; {CHARSETS_MAX} is the most"
        raise CharsetsError(message, "/charsets")
    for name in charsets:
        if not _CHARSET_NAME.fullmatch(name):
            message = (
                f"a charset is named {name!a}: "
                "a name is a letter and up to 31 more letters, digits or underscores"
            )
            raise CharsetsError(message, "/charsets")
    return {
        name: _read_charset(characters, _counted(characters), f"/charsets/{name}")
        for name, characters in charsets.items()
    }


def _counted(characters: str) -> range:
    return range(1, len(characters) + 1)


def _read_charset(characters: str, positions: Sequence[int], pointer: str) -> Alphabet:
    """The alphabet of these characters, which stand at these positions, as people count."""
    if not 1 <= len(characters) <= CHARSET_LENGTH_MAX:
        raise CharsetLengthError(len(characters), CHARSET_LENGTH_MAX, pointer)
    seen = set[str]()
    for position, character in zip(positions, characters, strict=True):
        form = canonical_symbol(character)
        if form != character:
            raise UnusableSymbolError(character, position, pointer, form or "")
        if character in seen:
            raise RepeatedSymbolError(character, position, pointer)
        seen.add(character)
    return Alphabet("".join(sorted(seen)))


def _part(alphabet: Alphabet) -> Part:
    """An alphabet of one character is a literal: both describe the same codes."""
    symbols = alphabet.symbols
    return alphabet if len(symbols) > 1 else Literal(symbols, symbols)


def _checked(pattern: Pattern, pointer: str) -> Pattern:
    positions = len(pattern.positions)
    if not 1 <= positions <= POSITIONS_MAX:
        raise PositionsError(positions, POSITIONS_MAX, pointer)
    if pattern.check_symbols > CHECK_SYMBOLS_MAX:
        raise CheckSymbolsError(pattern.check_symbols, CHECK_SYMBOLS_MAX)
    half = max(pattern.halves)
    if half > HALF_MAX:
        raise SpaceTooLargeError(half, HALF_MAX, pointer)
    return pattern
