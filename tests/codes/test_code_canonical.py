"""However a code was typed, it is compared in one form."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.codes.canonical import ENTRY_LENGTH_MAX, canonical, canonical_symbol
from largesse.codes.pattern import PATTERN_LENGTH_MAX


@pytest.mark.parametrize(
    ("typed", "compared"),
    [
        ("ABC234", "ABC234"),
        ("abc234", "ABC234"),
        ("ab-c2.34", "ABC234"),
        ("  AB C2\t34\n", "ABC234"),
        ("AB\u2013C2\u201434", "ABC234"),  # en and em dash, as word processors make them
        ("AB\u2212C2\u00b734", "ABC234"),  # minus, middle dot
        ("AB\u200bC2\u00ad34\ufeff", "ABC234"),  # what copying from a page brings along
        ("ＡＢＣ２３４", "ABC234"),  # noqa: RUF001 - full width is the example
        ("ａｂｃ－２３．４", "ABC234"),  # noqa: RUF001 - full width is the example
        ("나사4831바코07", "나사4831바코07"),
        (unicodedata.normalize("NFD", "나사4831바코07"), "나사4831바코07"),
        ("나사-4831　바코 07", "나사4831바코07"),
        ("straße", "STRASSE"),
        ("", ""),
        ("- . -", ""),
        ("\ud800", "\ud800"),
    ],
)
def test_forgiving_entry(typed: str, compared: str) -> None:
    """Case, width, grouping and decomposition do not matter; what is left does."""
    assert canonical(typed) == compared


def test_what_is_too_long_is_no_code() -> None:
    """A megabyte of text is not normalised to find out."""
    assert canonical("A" * ENTRY_LENGTH_MAX) == "A" * ENTRY_LENGTH_MAX
    assert canonical("A" * (ENTRY_LENGTH_MAX + 1)) is None


def test_every_code_is_short_enough_to_be_entered() -> None:
    """A code as shown is at most as long as the text of its pattern."""
    assert PATTERN_LENGTH_MAX <= ENTRY_LENGTH_MAX


@pytest.mark.parametrize(
    ("character", "form"),
    [
        ("A", "A"),
        ("a", "A"),
        ("가", "가"),
        ("７", "7"),  # noqa: RUF001 - full width is the example
        ("-", ""),
        (" ", ""),
        ("·", ""),
        ("/", "/"),
        ("ß", None),  # becomes two letters
        ("\u0301", None),  # an accent joins the letter before it
        ("\uff9e", None),  # so does this voicing mark, in its full width
        ("\u1161", None),  # and a vowel by itself, which makes a syllable of a consonant
        ("\u11a8", None),
        ("\u200b", None),  # nobody sees it
        ("\n", None),
        ("\x00", None),
        ("\ud800", None),
        ("\ue000", None),  # private use: every font shows another sign
    ],
)
def test_symbols(character: str, form: str | None) -> None:
    """What stands in a code must be seen, be one character, and stay apart from its neighbours."""
    assert canonical_symbol(character) == form


def test_symbols_stay_apart_from_their_neighbours() -> None:
    """Behind any letter, a syllable or a consonant, each usable character is compared as itself."""
    symbols = [c for c in map(chr, range(sys.maxunicode + 1)) if canonical_symbol(c) == c]
    assert len(symbols) > 100_000
    for before in ("A", "가", "\u1100", "7"):
        row = before + before.join(symbols)
        assert "".join(canonical(row[n : n + 200]) or "" for n in range(0, len(row), 200)) == row


def test_a_nul_is_in_no_code() -> None:
    """Wherever it stands: not every store can be asked about one."""
    assert [canonical(typed) for typed in ("\0", "AB\0", "\0AB")] == [None] * 3


@given(st.text(st.characters(exclude_characters="\0"), max_size=60))
def test_the_canonical_form_is_its_own_canonical_form(text: str) -> None:
    """What is stored is found again."""
    once = canonical(text)
    assert once is not None
    assert canonical(once[:ENTRY_LENGTH_MAX]) == once[:ENTRY_LENGTH_MAX]
