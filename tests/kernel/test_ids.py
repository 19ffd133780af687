"""Ids on the wire: what is written is read, what was never written is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.kernel.clock import FakeClock
from largesse.kernel.ids import Ids, decode, encode


@given(st.integers(0, (1 << 128) - 1))
def test_every_value_comes_back(value: int) -> None:
    """In the same 26 characters each time, behind the prefix."""
    text = encode("camp", value)

    assert len(text) == len("camp_") + 26
    assert decode("camp", text) == value


@given(st.integers(0, (1 << 128) - 2))
def test_ids_sort_as_their_values(value: int) -> None:
    """Text compares like the numbers behind it."""
    assert encode("camp", value) < encode("camp", value + 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "camp",
        "camp_",
        "camp_0000000000000000000000000",
        "camp_000000000000000000000000000",
        "ten_00000000000000000000000000",
        "camp_0000000000000000000000000i",
        "camp_0000000000000000000000000A",
        "camp_80000000000000000000000000",
        "camp_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "CAMP_00000000000000000000000000",
        "camp_camp_00000000000000000000000000",
        "camp_0000000000000000000000000\ud800",
    ],
)
def test_other_texts_are_no_ids(text: str) -> None:
    """One spelling for each value: no other prefix, case, length or letter, and no 129th bit."""
    assert decode("camp", text) is None


def test_ids_ascend_within_one_millisecond() -> None:
    """Also when more are made in it than the counter can count, and when the clock stands."""
    clock = FakeClock(1_000)
    ids = Ids(clock, lambda count: b"\xff" * count)

    made = [ids.new("camp") for _ in range(5_000)]
    clock.advance(1)
    made.append(ids.new("camp"))

    assert made == sorted(made)
    assert len({*made}) == len(made)


def test_ids_are_uuids_of_version_7() -> None:
    """The millisecond first, then version and variant where RFC 9562 has them."""
    ids = Ids(FakeClock(0x0123456789AB), lambda count: b"\x00" * count)

    value = decode("camp", ids.new("camp"))

    assert value is not None
    assert value >> 80 == 0x0123456789AB
    assert value >> 76 & 0xF == 7
    assert value >> 62 & 0b11 == 0b10
