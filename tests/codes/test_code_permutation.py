"""The permutation is one: nothing skipped, nothing twice, and each broken one is noticed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.codes.keyed import KeyedFunction, Number, Words, derive_key
from largesse.codes.permutation import (
    ROUNDS,
    TABLE_SPACE_MAX,
    FeistelNetwork,
    Permutation,
    ShuffledTable,
    permutation,
)

KEY = b"sixteen bytes..."
HALF_MAX = 2**60

SIZES = st.integers(2, HALF_MAX)


def assert_bijection(moves: Permutation, sizes: tuple[int, int]) -> None:
    """Every place goes to a place of its own, and comes back from there."""
    left_size, right_size = sizes
    places = np.arange(left_size * right_size, dtype=np.uint64)
    there = moves.forward(places // right_size, places % right_size)
    assert (there[0] < left_size).all(), "a left digit is too large"
    assert (there[1] < right_size).all(), "a right digit is too large"
    assert len(np.unique(there[0] * right_size + there[1])) == len(places), "two share a place"
    back = moves.backward(*there)
    assert (back[0] * right_size + back[1] == places).all(), "one does not come back"


def neighbours_left_apart(moves: Permutation, sizes: tuple[int, int]) -> float:
    """How often the next place's left digit is not this one's or the one after it, 0 … 1."""
    places = np.arange(10_000, dtype=np.uint64)
    left, _ = moves.forward(places // sizes[1], places % sizes[1])
    steps = np.diff(left.astype(np.int64))
    return float(np.mean((steps != 0) & (steps != 1)))


@pytest.mark.parametrize(
    "sizes",
    [(1, 1), (1, 2), (2, 1), (1, 31), (2, 5), (10, 100), (42, 10), (256, 256)],
)
def test_small_spaces(sizes: tuple[int, int]) -> None:
    """The whole of a space that is shuffled in a table, and of the same space in a network."""
    assert isinstance(permutation(KEY, sizes), ShuffledTable)
    assert_bijection(permutation(KEY, sizes), sizes)
    assert_bijection(FeistelNetwork(KeyedFunction(KEY), sizes), sizes)


@pytest.mark.parametrize(
    "sizes",
    [
        (257, 256),
        (2, 50_000),
        (42, 1764),
        pytest.param((1_000, 1_000), marks=pytest.mark.slow),
    ],
)
def test_larger_spaces(sizes: tuple[int, int]) -> None:
    """The whole of a space that is too large for a table."""
    assert sizes[0] * sizes[1] > TABLE_SPACE_MAX
    assert isinstance(permutation(KEY, sizes), FeistelNetwork)
    assert_bijection(permutation(KEY, sizes), sizes)


@given(data=st.data(), sizes=st.tuples(SIZES, SIZES))
def test_there_and_back(data: st.DataObject, sizes: tuple[int, int]) -> None:
    """Up to the largest halves, and one pair alike to the same pair in a row."""
    pair = tuple(data.draw(st.integers(0, size - 1) | st.just(size - 1)) for size in sizes)
    moves = permutation(KEY, sizes)

    there = moves.forward(*pair)
    row = moves.forward(*(np.array([digit], np.uint64) for digit in pair))

    assert there == tuple(int(digits[0]) for digits in row)
    assert moves.backward(*there) == pair
    assert tuple(int(digits[0]) for digits in moves.backward(*row)) == pair


@pytest.mark.parametrize("sizes", [(42, 10), (1_000, 1_000)])
def test_two_keys_are_unrelated(sizes: tuple[int, int]) -> None:
    """Under another key a place goes elsewhere, but for the one in N that chance leaves."""
    space = sizes[0] * sizes[1]
    places = np.arange(space, dtype=np.uint64)
    mine, other = (
        permutation(key, sizes).forward(places // sizes[1], places % sizes[1])
        for key in (KEY, b"another 16 bytes")
    )
    assert int(((mine[0] == other[0]) & (mine[1] == other[1])).sum()) <= 6


def test_neighbours_are_led_apart() -> None:
    """Where the next place goes does not follow from where this one went."""
    sizes = (1_000, 1_000)
    assert neighbours_left_apart(permutation(KEY, sizes), sizes) > 0.99


def test_keys_differ_by_tenant_purpose_and_pattern() -> None:
    """Nothing learned about one tells anything about another."""
    keys = {
        derive_key(secret, purpose, text)
        for secret in (b"s" * 32, b"t" * 32)
        for purpose in ("permutation", "check")
        for text in ("9999", "999A")
    }
    assert len(keys) == 8
    assert {len(key) for key in keys} == {16}


def test_words() -> None:
    """AES-128 by FIPS-197's own example, read as the documentation says."""
    function = KeyedFunction(bytes.fromhex("000102030405060708090a0b0c0d0e0f"))
    first = int.from_bytes(bytes.fromhex("0011223344556677"), "little")
    second = int.from_bytes(bytes.fromhex("8899aabbccddeeff"), "little")
    word = int.from_bytes(bytes.fromhex("69c4e0d86a7b0430"), "little") >> 1

    assert function.word(first, second) == word
    firsts, seconds = np.array([first, 7], np.uint64), np.array([second, 7], np.uint64)
    assert function.word(firsts, seconds).tolist() == [word, function.word(7, 7)]
    assert function.word(firsts, second)[0] == word


class DropsARound(FeistelNetwork):
    """Leaves out the key of its last round on the way there, but not on the way back."""

    def forward(self, left: Number, right: Number) -> tuple[Number, Number]:
        """Make one of the mistakes that the tests must catch."""
        left, right = super().forward(left, right)
        return left, (right + self._right_lift - self._word(left, ROUNDS - 1)) % self._right_size


class Overwrites(FeistelNetwork):
    """Puts a keyed word in the place of a digit, instead of adding it."""

    def forward(self, left: Number, right: Number) -> tuple[Number, Number]:
        """Make one of the mistakes that the tests must catch."""
        return self._word(right, 0) % self._left_size, right


class Overflows(FeistelNetwork):
    """Adds to a digit without coming back below its size."""

    def forward(self, left: Number, right: Number) -> tuple[Number, Number]:
        """Make one of the mistakes that the tests must catch."""
        return left + self._word(right, 0) % self._left_size, right


class ForgetsItsKey(KeyedFunction):
    """Says the same to everybody."""

    def word(self, first: Number, second: Number | int) -> Number:
        """Make one of the mistakes that the tests must catch."""
        return first - first


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (DropsARound, "one does not come back"),
        (Overwrites, "two share a place"),
        (Overflows, "a left digit is too large"),
    ],
)
def test_the_bijection_test_catches(broken: type[FeistelNetwork], complaint: str) -> None:
    """Negative control: a permutation that is none does not pass for one."""
    sizes = (257, 256)
    with pytest.raises(AssertionError, match=complaint):
        assert_bijection(broken(KeyedFunction(KEY), sizes), sizes)


def test_the_neighbour_test_catches_a_constant_word() -> None:
    """Negative control: without its key the network is still a permutation, but a plain one."""
    sizes = (1_000, 1_000)
    plain = FeistelNetwork(ForgetsItsKey(KEY), sizes)
    assert_bijection(plain, sizes)
    assert neighbours_left_apart(plain, sizes) == 0


def test_every_round_counts() -> None:
    """Each round asks for words of its own: as many kinds as there are rounds."""
    asked = list[int]()

    class Listens(KeyedFunction):
        def word(self, first: Number, second: Number | int) -> Number:
            assert isinstance(second, int)
            asked.append(second)
            return super().word(first, second)

    network = FeistelNetwork(Listens(KEY), (1_000, 1_000))
    network.backward(*network.forward(1, 2))
    assert asked == [*range(ROUNDS), *reversed(range(ROUNDS))]


class KnowsThreeWords(KeyedFunction):
    """Says the same to every third."""

    def word(self, first: Number, second: Number | int) -> Number:
        """Make ties."""
        return first % 3


def test_a_table_keeps_the_order_of_equal_words() -> None:
    """A sort that is free to choose would give other codes on another machine."""
    places = np.arange(10_000, dtype=np.uint64)
    table = ShuffledTable(KnowsThreeWords(KEY), (1, 10_000))
    expected = np.concatenate([places[n::3] for n in range(3)])
    assert (table.forward(np.zeros_like(places), places)[1] == expected).all()


def test_a_table_needs_no_more_than_a_megabyte() -> None:
    """The largest space in a table keeps its two rows of 64-bit places."""
    table = ShuffledTable(KeyedFunction(KEY), (1, TABLE_SPACE_MAX))
    rows: list[Words] = [table._forward, table._backward]
    assert sum(row.nbytes for row in rows) == 2**20
