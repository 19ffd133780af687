"""Incentive ids: each place has one of its own, and no other text leads to a place."""

from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from largesse.issuance.identity import FEW, PREFIX, IncentiveIds
from largesse.issuance.model import Place
from largesse.kernel import ids

KEY = bytes(range(32))
IDS = IncentiveIds(KEY)

NUMBER_MAX = 2**63 - 1
"""What databases keep in 64 bits with a sign."""

REWARDS_ISSUED, SERIALS_ISSUED = 10_000, 10**12
"""No installation comes near these: a place beyond them was never given out."""

NUMBERS = st.integers(0, NUMBER_MAX) | st.sampled_from([0, 1, 2**32 - 1, 2**32, NUMBER_MAX])
HALVES = NUMBERS | st.integers(0, 2**64 - 1)
PLACES = st.builds(Place, NUMBERS, NUMBERS)

EXAMPLE = Place(reward=7, serial=123_456)


def deciphered(text: str) -> tuple[int, int]:
    """What an id says, in the words of its description: one AES block, two numbers in it."""
    value = ids.decode("inc", text)
    assert value is not None
    block = Cipher(algorithms.AES(KEY), modes.ECB()).decryptor()  # noqa: S305 - as the ids have it
    plain = block.update(value.to_bytes(16, "big"))
    return int.from_bytes(plain[:8], "big"), int.from_bytes(plain[8:], "big")


@given(st.lists(PLACES, max_size=50))
def test_every_place_comes_back(places: list[Place]) -> None:
    """Many at once or one alone, up to the largest numbers, in their order."""
    texts = IDS.texts(places)

    assert [IDS.place(text) for text in texts] == places
    assert texts == [IDS.text(place) for place in places]
    assert len({*texts}) == len({*places})


@given(PLACES)
def test_an_id_is_the_wire_form_of_one_enciphered_block(place: Place) -> None:
    """The fast way of writing it has the very characters of `kernel.ids.encode`."""
    plain = place.reward.to_bytes(8, "big") + place.serial.to_bytes(8, "big")
    block = Cipher(algorithms.AES(KEY), modes.ECB()).encryptor()  # noqa: S305 - as the ids have it

    text = IDS.text(place)

    assert text == ids.encode("inc", int.from_bytes(block.update(plain), "big"))
    assert deciphered(text) == place


def test_an_id_never_changes() -> None:
    """People have kept it: what is changed in the machinery must leave it as it is."""
    assert IDS.text(EXAMPLE) == "inc_4evvdjtfks2s08cja7mbn8c027"
    assert PREFIX == "inc"


def test_no_places_have_no_ids() -> None:
    """An empty batch is one, too."""
    assert IDS.texts([]) == []


@pytest.mark.parametrize("at", range(len(PREFIX) + 1, len(PREFIX) + 1 + ids.LENGTH))
def test_a_changed_character_leads_nowhere(at: int) -> None:
    """Whichever it is and whatever it becomes: there is no such id, or nothing at its place."""
    text = IDS.text(EXAMPLE)
    for character in ids.ALPHABET.replace(text[at], ""):
        place = IDS.place(text[:at] + character + text[at + 1 :])
        assert place is None or (place.reward > REWARDS_ISSUED and place.serial > SERIALS_ISSUED), (
            character
        )


def test_numbers_that_no_database_keeps_are_no_place() -> None:
    """A block whose halves do not fit into 63 bits was not given out."""
    for reward, serial in ((2**63, 1), (1, 2**63), (2**64 - 1, 2**64 - 1)):
        plain = reward.to_bytes(8, "big") + serial.to_bytes(8, "big")
        block = Cipher(algorithms.AES(KEY), modes.ECB()).encryptor()  # noqa: S305 - as above
        forged = ids.encode("inc", int.from_bytes(block.update(plain), "big"))
        assert deciphered(forged) == (reward, serial)
        assert IDS.place(forged) is None


def test_other_texts_are_no_ids() -> None:
    """One spelling each: no other prefix, length or case."""
    text = IDS.text(EXAMPLE)
    body = text.removeprefix("inc_")
    others = [
        "",
        body,
        f"camp_{body}",
        f"inc-{body}",
        f"inc_inc_{body}",
        text.upper(),
        f"INC_{body}",
        f"inc_{body.upper()}",
        text[:-1],
        f"{text}0",
        f" {text}",
        f"{text}\n",
    ]

    assert IDS.place(text) == EXAMPLE
    assert [IDS.place(other) for other in others] == [None] * len(others)


@given(st.lists(st.tuples(HALVES, HALVES) | st.text(), min_size=FEW), st.data())
def test_many_are_read_as_one_by_one(
    said: list[tuple[int, int] | str], data: st.DataObject
) -> None:
    """Ids, ids with a mistake in them, and whatever else people send."""
    texts = [one if isinstance(one, str) else IDS.text(Place(*one)) for one in said]
    at = data.draw(st.integers(0, len(texts) - 1))
    slip = data.draw(st.sampled_from([*ids.ALPHABET, "_", "U", "é", "\0"]))
    texts += [slip + texts[at][1:], texts[at][:-1] + slip, f"inc_{slip}{texts[at][5:]}"]
    assert IDS.places(texts) == [IDS.place(text) for text in texts]


def test_under_another_key_ids_are_unrelated() -> None:
    """Two installations have no id in common, and read nothing in each other's."""
    other = IncentiveIds(bytes(32))
    places = [Place(1, serial) for serial in range(1, 1_001)]

    mine, theirs = IDS.texts(places), other.texts(places)

    assert not {*mine} & {*theirs}
    assert not {other.place(text) for text in mine} & {*places}


def test_ids_tell_nothing_of_their_order() -> None:
    """Of neighbours neither follows the other more often than chance has it."""
    texts = IDS.texts([Place(1, serial) for serial in range(1, 1_001)])

    ascents = sum(one < other for one, other in pairwise(texts))
    assert 400 < ascents < 600
    assert len({text[: len("inc_") + 6] for text in texts}) == len(texts)
