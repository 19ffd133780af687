"""Codes of places and places of codes, whatever is written ahead."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.campaigns.model import Campaign, CodeFormat, CodeSource, Reward
from largesse.codes.canonical import canonical
from largesse.codes.coder import PermutedCodes
from largesse.issuance.codebook import AHEAD, SPAN_MAX, Codebook
from largesse.issuance.model import Issued
from largesse.issuance.offers import Offers
from largesse.issuance.spaces import pattern_of
from largesse.testing.factories import NOW_MS, a_campaign, a_definition, a_reward

SECRETS = {1: b"the secret of the first tenant..", 2: b"the secret of the second tenant."}
CODE = CodeFormat(pattern="######-**")
DASHED, PLAIN = CodeFormat(pattern="AA-9999-**"), CodeFormat(pattern="AA9999**")
"""Two ways to show the codes of one pattern."""

RANDOM = CodeFormat(pattern="####-####", source=CodeSource.RANDOM)
LAST = 31**6 - 1
"""The last place of `CODE`, whose alphabet has 31 symbols."""

PLACES = st.integers(0, LAST) | st.integers(0, 3 * AHEAD) | st.integers(LAST - 2 * AHEAD, LAST)


def published(*formats: CodeFormat | None, tenant: int = 1, first: int = 1) -> Campaign:
    """A campaign with a reward for each format, numbered from `first` on."""
    rewards = [a_reward(f"R{index}", code=code) for index, code in enumerate(formats)]
    definition = a_definition(*rewards)
    numbered = tuple(Reward(first + index, reward) for index, reward in enumerate(rewards))
    name = f"camp_{tenant}_{first}"
    return a_campaign(definition, tenant, number=first, id=name, rewards=numbered)


def a_codebook(*campaigns: Campaign) -> Codebook:
    """A codebook that knows some campaigns, with dice that fall the same way each time."""
    offers = Offers()
    for campaign in campaigns:
        offers.publish(campaign)
    return Codebook(offers, SECRETS.__getitem__, random.Random(7).randbytes)


def rows(places: Iterable[int], reward: int = 1) -> list[Issued]:
    """Incentives of a reward whose codes stand at some places."""
    return [
        Issued(1, reward, serial, "ann", f"{serial}", NOW_MS, 1, place=place)
        for serial, place in enumerate(places, 1)
    ]


def alone(places: Iterable[int], code: CodeFormat = CODE, tenant: int = 1) -> list[str]:
    """Each code by itself, with nothing written ahead."""
    coder = PermutedCodes(pattern_of(code), SECRETS[tenant])
    return [coder.codes_at([place])[0] for place in places]


# --- the shelf --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([[0, 1, 2], [3, 4], [5]], id="one after the other"),
        pytest.param([[AHEAD - 1], [AHEAD, AHEAD + 1], [2 * AHEAD + 1]], id="over the end"),
        pytest.param([[0], [AHEAD - 1, AHEAD], [AHEAD]], id="across the end"),
        pytest.param([[500], [499, 500], [0], [501]], id="behind"),
        pytest.param([[0], [10**6], [1], [10**6 + 1]], id="far, and back"),
        pytest.param([[0, SPAN_MAX], [1, SPAN_MAX + 2], [9, 9 + AHEAD]], id="wide"),
        pytest.param([[LAST - 1], [LAST], [LAST - AHEAD]], id="the last"),
        pytest.param([[7, 5, 6, 5], [8, 7]], id="in no order, and twice"),
    ],
)
def test_what_is_written_ahead_changes_nothing(batches: list[list[int]]) -> None:
    """Every place has the code that it has alone, wherever the shelf stood before."""
    book = a_codebook(published(CODE))

    for places in batches:
        assert book.codes(rows(places)) == alone(places)


@given(st.lists(st.lists(PLACES, min_size=1, max_size=4), max_size=6))
def test_any_history_gives_the_same_codes(batches: list[list[int]]) -> None:
    """However batches jump about in the space."""
    book = a_codebook(published(CODE))

    for places in batches:
        assert book.codes(rows(places)) == alone(places)


def test_the_end_of_a_small_space() -> None:
    """A space smaller than a shelf is written as far as it goes, each code once."""
    book = a_codebook(published(CodeFormat(pattern="A9")))

    codes = book.codes(rows(range(260)))

    assert len({*codes}) == 260
    assert book.codes(rows([259])) == [codes[259]]


# --- who has which codes ----------------------------------------------------------------------


def test_codes_come_in_the_order_of_their_rows() -> None:
    """Rewards mixed in one batch, with codes at places, codes at random, or none."""
    book = a_codebook(published(CODE, DASHED, None, RANDOM))
    one, two = rows([10, 11]), rows([20, 21], reward=2)
    none = Issued(1, 3, 1, "ann", "k", NOW_MS, 1)
    drawn = Issued(1, 4, 1, "ann", "k", NOW_MS, 1, code="ABCD-EFGH")

    codes = book.codes([two[0], none, one[0], drawn, two[1], one[1]])

    [first, second], [third, fourth] = alone([20, 21], DASHED), alone([10, 11])
    assert codes == [first, None, third, "ABCD-EFGH", second, fourth]
    assert book.codes([]) == []


def test_patterns_that_are_shown_differently_share_places() -> None:
    """One canonical text, one counter: the same place has the same code, however it looks."""
    book = a_codebook(published(DASHED), published(PLAIN, first=2))

    [dashed], [plain] = book.codes(rows([42])), book.codes(rows([42], reward=2))

    assert dashed != plain
    assert canonical(str(dashed)) == canonical(str(plain)) == plain
    assert book.counters(1, str(dashed)) == book.counters(1, str(plain)) == [("AA9999**", 42)]


def test_a_code_leads_to_its_pattern_and_place() -> None:
    """Among several disjoint patterns; in any spelling; a text that is no code leads nowhere."""
    formats = [CODE, DASHED, CodeFormat(pattern="9999-9999-**")]
    book = a_codebook(published(*formats, None, RANDOM))

    for number, code in enumerate(formats, 1):
        text = alone([77], code)[0]
        expected = [(pattern_of(code).canonical_text, 77)]
        assert book.counters(1, text) == expected, number
        assert book.counters(1, f" {text.lower().replace('-', ' ')} ") == expected, number
    for text in ("", "????", "1234", "A" * 300):
        assert book.counters(1, text) == []


def test_tenants_have_codes_of_their_own() -> None:
    """The same pattern and place, but another secret: another code, which means nothing here."""
    book = a_codebook(published(CODE), published(CODE, tenant=2, first=2))
    places = range(50)

    mine, theirs = book.codes(rows(places)), book.codes(rows(places, reward=2))

    assert (mine, theirs) == (alone(places), alone(places, tenant=2))
    assert not {*mine} & {*theirs}
    for place, code in zip(places, theirs, strict=True):
        assert book.counters(2, str(code)) == [("######**", place)]
        assert book.counters(1, str(code)) != [("######**", place)]
    assert book.counters(3, str(mine[0])) == []


def test_campaigns_published_later_are_learned() -> None:
    """And an edit of a campaign changes none of its codes."""
    book = a_codebook()
    campaign = published(CODE)
    book.offers.publish(campaign)
    before = book.codes(rows([1, 2]))
    book.offers.publish(campaign)

    assert before == book.codes(rows([1, 2])) == alone([1, 2])
    assert book.counters(1, str(before[0])) == [("######**", 1)]


def test_codes_at_random() -> None:
    """As shown and as compared, of the reward's pattern; they stand in no counter."""
    campaign = published(CODE, RANDOM)
    book = a_codebook(campaign)

    drawn = book.random(campaign, reward=2, count=100)

    assert len({text for _, text in drawn}) == 100
    for shown, text in drawn:
        assert canonical(shown) == text == shown.replace("-", "")
        assert (len(shown), shown[4]) == (9, "-")
        assert book.counters(1, shown) == []
