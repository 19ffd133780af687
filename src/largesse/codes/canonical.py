"""The canonical form of a code: what is compared, however the code was typed.

NFKC makes one character of full-width digits, of decomposed Korean and of the like; upper case
forgives the shift key; spaces, dashes and dots are how people group what they read.
"""

import re
import unicodedata

ENTRY_LENGTH_MAX = 256
"""Characters of what somebody typed: 64 decomposed syllables, each with a dash, are as long."""

# White space, characters without width, dashes (with hyphens and minus), dots (with middle ones).
_LEFT_OUT = re.compile(
    r"[\s\u00ad\u200b-\u200f\u2060\ufeff" + r"\-\u2010-\u2015\u2212" + r".\u00b7\u3002\u30fb]+"
)
_HANGUL_VOWELS_AND_FINALS = range(0x1160, 0x1200)


def canonical(text: str) -> str | None:
    """The canonical form of what somebody typed; None when it is no code.

    It is too long then, or has a NUL in it, which not every store can even be asked about.
    """
    if len(text) > ENTRY_LENGTH_MAX or "\0" in text:
        return None
    return _canonical(text)


def canonical_symbol(character: str) -> str | None:
    """What a single character of a code becomes: one character, or "" when it is left out.

    None when it cannot be part of a code: it is invisible, becomes several characters, or may join
    with the one before it, so that a code would be more or less than the row of its symbols.
    """
    form = _canonical(character)
    if not character.isprintable() or len(form) > 1:
        return None
    return None if form and _joins_the_one_before(form) else form


def _canonical(text: str) -> str:
    upper = unicodedata.normalize("NFKC", text).upper()
    # Once more, because upper case and the new neighbours may compose.
    return unicodedata.normalize("NFKC", _LEFT_OUT.sub("", upper))


def _joins_the_one_before(character: str) -> bool:
    return (
        unicodedata.category(character).startswith("M")
        or ord(character) in _HANGUL_VOWELS_AND_FINALS
    )
