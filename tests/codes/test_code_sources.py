"""Codes of both sources: distinct, even, readable by nobody but us, and the same for ever."""

import math
import os
import re
import threading
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.codes.canonical import canonical
from largesse.codes.coder import FEW, PLACES_MAX, PermutedCodes, RandomCodes
from largesse.codes.errors import CodeFormatError
from largesse.codes.model import LOOK_ALIKE_FREE
from largesse.codes.pattern import read_format, read_pattern

SECRET = bytes(range(32))
OTHER_SECRET = bytes(range(32, 64))
KOREAN = "가가9999가가99"
MILLION = 1_000_000
BLOCK = 50_000
"""Codes made at a time: a million in twenty blocks."""


def permuted(text: str, secret: bytes = SECRET) -> PermutedCodes:
    """The codes of a pattern."""
    return PermutedCodes(read_pattern(text), secret)


def letters(codes: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.uint32]]:
    """The code points: one row per code, one column per position."""
    return np.array(codes).view(np.uint32).reshape(len(codes), -1)


def chi_square_p(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    """How likely counts at least as uneven are, if all were equally likely.

    Wilson and Hilferty's approximation (1931), which is good to a percent for ten counts or more.
    """
    expected = counts.sum() / len(counts)
    freedom = len(counts) - 1
    statistic = float(((counts - expected) ** 2 / expected).sum())
    spread = 2 / (9 * freedom)
    deviation = ((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return math.erfc(deviation / math.sqrt(2)) / 2


@pytest.fixture(scope="module")
def million() -> list[str]:
    """A million codes, as two campaigns take them from one counter: blocks by turns."""
    codes = permuted(KOREAN)
    blocks = [codes.codes(first, BLOCK) for first in range(0, MILLION, BLOCK)]
    first_campaign, second_campaign = blocks[0::2], blocks[1::2]
    return [code for block in first_campaign + second_campaign for code in block]


def test_C05_a_million_codes_over_two_campaigns_are_distinct(million: list[str]) -> None:
    """C05: ten characters of the classic Korean format, no duplicate."""
    shape = re.compile(r"[가-힣]{2}\d{4}[가-힣]{2}\d{2}")
    assert len(set(million)) == MILLION
    assert all(shape.fullmatch(code) and len(code) == 10 for code in million)


def test_C05_every_symbol_is_as_likely_as_the_others(million: list[str]) -> None:
    """Chi-square of each position: neither uneven, nor more even than chance would be.

    The codes are the same in every run, and so is p; for an ideal source p lies outside of
    0.001 … 0.999 at one position in 500. A plain counter is too even and fails as well.
    """
    for column, size in zip(
        letters(million).T, [42, 42] + [10] * 4 + [42, 42] + [10] * 2, strict=True
    ):
        _, counts = np.unique(column, return_counts=True)
        assert len(counts) == size
        assert 0.001 < chi_square_p(counts) < 0.999


def test_the_chi_square_catches_uneven_and_too_even_codes() -> None:
    """Negative control: one symbol in a hundred too many, and a counter's last digit."""
    dice = np.random.default_rng(5)
    uneven = np.bincount(dice.integers(0, 1_010, MILLION) % 10)
    assert chi_square_p(np.bincount(dice.integers(0, 10, MILLION))) > 0.001
    assert chi_square_p(uneven + np.array([10_000] + [0] * 9)) < 0.001
    assert chi_square_p(np.full(10, MILLION // 10)) > 0.999


def test_neighbours_are_no_more_alike_than_strangers(million: list[str]) -> None:
    """Two codes after one another agree in a position as often as any two: once in its size."""
    columns = letters(million[:BLOCK])
    alike = (columns[1:] == columns[:-1]).mean(axis=0)
    sizes = np.array([42, 42] + [10] * 4 + [42, 42] + [10] * 2)
    deviation = np.sqrt((1 / sizes) * (1 - 1 / sizes) / BLOCK)
    assert (np.abs(alike - 1 / sizes) < 5 * deviation).all()


@pytest.mark.parametrize(
    ("pattern", "space"),
    [
        ("WELCOME", 1),
        ("K{bit}", 2),
        ("9", 10),
        ("{prime}-*", 31),
        ("9.9.9", 1_000),
        ("가9", 420),
        pytest.param("##99", 102_400, marks=pytest.mark.slow),
        ("9999**", 10_000),
    ],
)
def test_decode_of_encode_is_the_place_in_the_whole_space(pattern: str, space: int) -> None:
    """Each place has a code of its own that is read as this place: a bijection."""
    charsets = {"bit": "01", "prime": "23456789ABCDEFGHJKLMNPQRSTUVWXY"}
    codes = PermutedCodes(read_format(pattern, charsets), SECRET)
    assert codes.space == space
    texts = codes.codes(0, space)
    assert len(set(texts)) == space
    assert [codes.place(text) for text in texts] == list(range(space))


def test_n_digits_give_exactly_ten_to_the_n_codes() -> None:
    """`length` times `charset` is every text of these, each once."""
    codes = PermutedCodes(read_format(charset="0123456789", length=4), SECRET)
    assert sorted(codes.codes(0, codes.space)) == [f"{n:04}" for n in range(10_000)]


@given(
    text=st.text("#9A가*KS[]-. \\", min_size=1, max_size=20),
    place=st.integers(0, 2**63 - 1),
)
def test_a_code_is_read_as_its_place(text: str, place: int) -> None:
    """Whatever the pattern, as shown and in any other form that entry forgives."""
    try:
        pattern = read_pattern(text)
    except CodeFormatError:
        return
    codes = PermutedCodes(pattern, SECRET)
    place %= codes.space
    [code] = codes.codes_at([place])
    typed = [code, code.lower(), unicodedata.normalize("NFD", code), "-".join(code), f" {code}\n"]
    assert [codes.place(entry) for entry in typed] == [place] * len(typed)


def test_codes_and_codes_at_agree() -> None:
    """A block and its places one by one are the same codes, in any order."""
    codes = permuted("##########**")
    block = codes.codes(7_000, 1_000)
    assert codes.codes_at(range(7_999, 6_999, -1)) == block[::-1]
    assert codes.codes_at([]) == codes.codes(7, 0) == []


def test_a_place_past_the_end_is_our_mistake() -> None:
    """The counter stops before it."""
    codes = permuted("99")
    assert len(codes.codes(0, 100)) == 100
    for first, count in [(100, 1), (0, 101), (-1, 1)]:
        with pytest.raises(AssertionError):
            codes.codes(first, count)
    for place in (100, -1):
        with pytest.raises(AssertionError):
            codes.codes_at([place])


def test_the_last_place_of_a_counter() -> None:
    """Of a larger space, what no counter can reach has no place."""
    codes = permuted("#" * 24)
    last = 2**63 - 1
    [text] = codes.codes_at([last])
    assert codes.place(text) == last
    assert codes.place("Z" * 24) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "나사4831바코0",
        "나사4831바코071",
        "나사4831바코O7",
        "가각4831바코07",
        "4831나사바코07",
        "\ud800사4831바코07",
        "\x00" * 10,
        "9" * 10_000,
    ],
)
def test_what_is_no_code_has_no_place(text: str) -> None:
    """Malformed codes are told apart without asking anybody."""
    assert permuted(KOREAN).place(text) is None


@pytest.mark.parametrize("pattern", [KOREAN, "99-99**", "A99", "#" * 24, "win-99*"])
@given(data=st.data())
def test_many_are_read_as_one_by_one(pattern: str, data: st.DataObject) -> None:
    """Codes, also those beyond what a counter can reach, and whatever else people type."""
    codes = permuted(pattern)
    last = min(codes.space, PLACES_MAX) - 1
    places = data.draw(st.lists(st.integers(0, last), min_size=FEW))
    others = data.draw(st.lists(st.text("AZ019가바-* ", max_size=26)))
    texts = [*codes.codes_at(places), *others, "Z" * 24, "A" * 24, "9" * 24]
    assert codes.places(texts) == [codes.place(text) for text in texts]
    assert codes.places(texts)[: len(places)] == places


def test_literals_must_match() -> None:
    """A literal is part of the code, its decoration is not."""
    codes = permuted("win-99")
    [code] = codes.codes_at([5])
    assert code.startswith("win-")
    assert codes.place(code.replace("-", "").upper()) == 5
    assert codes.place(code.replace("win", "WON")) is None


def test_equal_sets_have_equal_codes() -> None:
    """Decoration and the name of a charset do not matter, so that such patterns share a counter."""
    plain, grouped = permuted("99999999"), permuted("9999-9999")
    assert plain.codes(0, 100) == [code.replace("-", "") for code in grouped.codes(0, 100)]
    named = PermutedCodes(read_pattern("{d}" * 8, {"d": "9876543210"}), SECRET)
    assert named.codes(0, 100) == plain.codes(0, 100)


def test_two_tenants_have_unrelated_codes() -> None:
    """The same place gives another code, and one tenant's code is none of the other's."""
    mine, other = permuted("######****"), permuted("######****", OTHER_SECRET)
    codes = mine.codes(0, 1_000)
    assert not set(codes) & set(other.codes(0, 1_000))
    assert [other.place(code) for code in codes] == [None] * 1_000


@pytest.mark.parametrize("check_symbols", [1, 2])
def test_a_wrong_guess_passes_once_in_32_per_check_symbol(check_symbols: int) -> None:
    """Guesses of the right shape, at random: as many pass as their number says."""
    codes = permuted("######" + "*" * check_symbols)
    dice = np.random.default_rng(11)
    guesses = 20_000
    symbols = dice.choice(list(LOOK_ALIKE_FREE.symbols), (guesses, 6 + check_symbols))
    passed = sum(codes.place("".join(guess)) is not None for guess in symbols)
    chance = 32.0**-check_symbols
    assert abs(passed - guesses * chance) < 5 * math.sqrt(guesses * chance)


def test_every_wrong_check_symbol_is_turned_away() -> None:
    """Of all endings of a code, one is right, wherever its check symbols stand."""
    codes = permuted("*#####*")
    [code] = codes.codes_at([12])
    symbols = LOOK_ALIKE_FREE.symbols
    endings = [first + code[1:-1] + last for first in symbols for last in symbols]
    assert [ending for ending in endings if codes.place(ending) is not None] == [code]


def test_codes_stay_the_same_for_ever() -> None:
    """What was printed on paper must be read by every later release. Never edit these."""
    assert permuted("##########**").codes(0, 3) == ["DKLLR38VJJZN", "JDHVGQGUFEZC", "HEDSA4QA22R9"]
    assert permuted(KOREAN).codes(0, 3) == ["사개4261초하51", "바아1056토해23", "노타5551조노91"]
    assert permuted("9999").codes(0, 3) == ["2036", "5769", "8994"]


def test_random_codes_follow_their_dice() -> None:
    """The same dice give the same codes; they are well formed, checked, and not alike."""
    codes = RandomCodes(read_pattern("####-####-**"), SECRET)
    drawn = codes.draw(10_000, np.random.default_rng(3).bytes)
    assert drawn == codes.draw(10_000, np.random.default_rng(3).bytes)
    assert len(set(drawn)) == 10_000
    assert all(codes.key(code.lower()) == canonical(code) for code in drawn[:100])
    assert codes.key("2222-2222-22") is None
    assert codes.draw(3, os.urandom) != codes.draw(3, os.urandom)


def test_random_codes_are_even() -> None:
    """Chi-square of a position whose alphabet does not divide 2**64."""
    codes = RandomCodes(read_pattern("가가"), SECRET)
    drawn = letters(codes.draw(100_000, np.random.default_rng(3).bytes))
    for column in drawn.T:
        assert 0.001 < chi_square_p(np.unique(column, return_counts=True)[1]) < 0.999


def test_random_dice_are_thrown_again() -> None:
    """A word past the last multiple of the size would make small numbers likelier."""
    thrown = iter([b"\xff" * 16, (1).to_bytes(8, "little") * 2])
    halves = RandomCodes(read_pattern("9"), SECRET)
    sizes: list[int] = []

    def dice(size: int) -> bytes:
        sizes.append(size)
        return bytes(size) if len(sizes) == 1 else next(thrown)

    assert halves.draw(2, dice) == ["1", "1"]
    assert sizes == [16, 16, 16]


def test_random_codes_and_permuted_codes_are_read_alike() -> None:
    """Both spell and check the same way: one tenant's pattern has one set of codes."""
    pattern = read_pattern("######**")
    drawn = RandomCodes(pattern, SECRET).draw(100, np.random.default_rng(3).bytes)
    assert None not in [PermutedCodes(pattern, SECRET).place(code) for code in drawn]


def test_any_thread_may_ask() -> None:
    """The cipher refuses a second thread that enters it: each thread must have its own."""
    codes = permuted("##########**")
    expected = codes.codes(0, 20_000)
    found = list[bool]()

    def ask() -> None:
        found.extend(codes.codes(0, 20_000) == expected for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20
