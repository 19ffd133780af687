"""Code formats beside each other, and places that are taken in time."""

import pytest
from msgspec.structs import replace

from largesse.campaigns.codes import CodeKeeper
from largesse.campaigns.model import (
    Campaign,
    CodeBlock,
    CodeFormat,
    CodeSource,
    Counters,
    RewardDefinition,
)
from largesse.campaigns.ports import PatternState
from largesse.issuance.spaces import Spaces
from largesse.kernel.errors import InvalidInputError
from largesse.storage.memory.campaigns import MemoryCampaignRecords
from largesse.storage.memory.state import MemoryState
from largesse.testing.factories import a_campaign, a_definition, a_reward

ACME, OTHER = 1, 2
TEN = CodeFormat(pattern="9")
"""A pattern of ten codes."""

RANDOM_TEN = CodeFormat(pattern="9", source=CodeSource.RANDOM)
THOUSAND = CodeFormat(pattern="999")
ANY_TEN = CodeFormat(pattern="[0A]")
"""Shares a code with `TEN`."""

RANDOM_ANY = CodeFormat(pattern="[0A]", source=CodeSource.RANDOM)
SAFE = CodeFormat(pattern="##########**")


class Shelf:
    """A keeper over records in this process."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self.records = MemoryCampaignRecords(self.state)
        self.keeper = CodeKeeper(Spaces())

    def check(
        self, *rewards: RewardDefinition, tenant: int = ACME, present: Campaign | None = None
    ) -> tuple[str, ...]:
        """Warnings about a campaign with these rewards."""
        return self.keeper.check(self.records, tenant, a_definition(*rewards), present)

    def activate(self, *rewards: RewardDefinition, tenant: int = ACME) -> Campaign:
        """Keep a campaign with these rewards and take its places."""
        campaign = self.records.add_campaign(a_campaign(a_definition(*rewards), tenant))
        self.keeper.cover(self.records, campaign)
        return campaign

    def blocks(self, campaign: Campaign, reward: int = 0) -> list[CodeBlock]:
        """The places of a reward."""
        return self.records.blocks(campaign.rewards[reward].number)


def refusal(shelf: Shelf, *rewards: RewardDefinition) -> tuple[str, str]:
    """Where and why a definition is refused."""
    with pytest.raises(InvalidInputError) as refused:
        shelf.check(*rewards)
    return refused.value.pointer, refused.value.code


def of(code: CodeFormat | None, quota: int | None = None, key: str = "A") -> RewardDefinition:
    """A reward with a code format and a quota."""
    return a_reward(key, code=code, quota_total=quota)


# --- formats ----------------------------------------------------------------------------------


def test_rewards_without_codes_need_nothing() -> None:
    """No warning, no pattern, no place."""
    shelf = Shelf()

    assert shelf.check(of(None, 10**9)) == ()
    shelf.activate(of(None, 10**9))
    assert shelf.records.patterns(ACME) == []


def test_warnings_say_which_reward() -> None:
    """One that can be guessed beside one that cannot."""
    warnings = Shelf().check(of(SAFE), of(THOUSAND, key="B"))

    [warning] = warnings
    assert warning.startswith("/rewards/1/code: this pattern has no check symbols")


@pytest.mark.parametrize(
    ("code", "pointer"),
    [
        (CodeFormat(pattern="[9"), "/rewards/1/code/pattern"),
        (CodeFormat(charset="AB"), "/rewards/1/code"),
    ],
)
def test_an_error_points_into_the_body(code: CodeFormat, pointer: str) -> None:
    """At the reward whose format cannot be read."""
    assert refusal(Shelf(), of(SAFE), of(code, key="B"))[0] == pointer


@pytest.mark.parametrize(
    ("mine", "theirs", "allowed"),
    [
        (TEN, TEN, True),
        (TEN, CodeFormat(pattern="9-"), True),
        (TEN, THOUSAND, True),
        (TEN, ANY_TEN, False),
        (TEN, RANDOM_TEN, False),
        (RANDOM_TEN, TEN, False),
        (TEN, RANDOM_ANY, False),
        (RANDOM_TEN, ANY_TEN, False),
        (RANDOM_TEN, RANDOM_TEN, True),
        (RANDOM_TEN, RANDOM_ANY, True),
    ],
)
def test_patterns_are_equal_or_disjoint(
    mine: CodeFormat, theirs: CodeFormat, *, allowed: bool
) -> None:
    """Within a campaign and beside what the tenant has; codes at random have a table of their own.

    A pattern has one source only.
    """
    shelf = Shelf()
    shelf.activate(of(theirs))

    if allowed:
        shelf.check(of(mine))
        Shelf().check(of(theirs), of(mine, key="B"))
    else:
        assert refusal(shelf, of(mine)) == ("/rewards/0/code", "PATTERN_OVERLAPS")
        of_one = refusal(Shelf(), of(theirs), of(mine, key="B"))
        assert of_one == ("/rewards/1/code", "PATTERN_OVERLAPS")


def test_tenants_do_not_stand_in_each_other_s_way() -> None:
    """Their codes are never looked up together."""
    shelf = Shelf()
    shelf.activate(of(TEN, 10), tenant=OTHER)

    assert shelf.check(of(ANY_TEN, 2))
    assert shelf.check(of(TEN, 10))


# --- room -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "most"), [(TEN, 10), (RANDOM_TEN, 5)], ids=["permuted", "at random"]
)
def test_quotas_fit_into_the_space(code: CodeFormat, most: int) -> None:
    """All of it, or half of it where codes are drawn; rewards of one campaign count together."""
    shelf = Shelf()

    assert shelf.check(of(code, most))
    assert shelf.check(of(code, most - 1), of(code, 1, "B"))
    assert refusal(shelf, of(code, most + 1)) == ("/rewards/0/code", "PATTERN_TOO_SMALL")
    both = refusal(shelf, of(code, most), of(code, 1, "B"))
    assert both == ("/rewards/1/code", "PATTERN_TOO_SMALL")
    assert shelf.check(of(code, None))


def test_places_that_are_taken_are_gone() -> None:
    """By whichever campaign of the tenant."""
    shelf = Shelf()
    shelf.activate(of(TEN, 7))

    assert shelf.check(of(TEN, 3))
    assert refusal(shelf, of(TEN, 4)) == ("/rewards/0/code", "PATTERN_TOO_SMALL")


def test_an_edit_needs_only_what_it_adds() -> None:
    """The campaign's own places are there already; a new reward needs all of its own."""
    shelf = Shelf()
    present = shelf.activate(of(TEN, 7))

    assert shelf.check(of(TEN, 7), present=present)
    assert shelf.check(of(TEN, 10), present=present)
    assert shelf.check(of(TEN, 2), present=present)
    assert shelf.check(of(TEN, 7), of(TEN, 3, "B"), present=present)
    for rewards in ([of(TEN, 11)], [of(TEN, 7), of(TEN, 4, "B")]):
        with pytest.raises(InvalidInputError) as refused:
            shelf.check(*rewards, present=present)
        assert refused.value.code == "PATTERN_TOO_SMALL"


def test_serials_that_came_back_need_places_again() -> None:
    """A revoked unit returns to the stock, but its code was given out."""
    shelf = Shelf()
    campaign = shelf.activate(of(TEN, 7))
    [reward] = campaign.rewards
    revoked = replace(reward, counters=Counters(issued=3, serials=6))
    present = replace(campaign, rewards=(revoked,))

    assert shelf.check(of(TEN, 7), present=present)
    with pytest.raises(InvalidInputError):
        shelf.check(of(TEN, 8), present=present)


# --- places -----------------------------------------------------------------------------------


def test_places_follow_each_other() -> None:
    """Each reward of a pattern has a block of its own, as long as its quota."""
    shelf = Shelf()
    one = shelf.activate(of(TEN, 4), of(TEN, 1, "B"), of(THOUSAND, 7, "C"))
    other = shelf.activate(of(TEN, 5))

    assert [shelf.blocks(one, index) for index in range(3)] == [
        [CodeBlock(serial=1, place=0, count=4)],
        [CodeBlock(serial=1, place=4, count=1)],
        [CodeBlock(serial=1, place=0, count=7)],
    ]
    assert shelf.blocks(other) == [CodeBlock(serial=1, place=5, count=5)]
    assert shelf.records.patterns(ACME) == [
        PatternState(1, "9", "permuted", taken=10),
        PatternState(2, "999", "permuted", taken=7),
    ]


def test_covering_again_takes_nothing() -> None:
    """Only a quota that grew needs more, after the serials that it has."""
    shelf = Shelf()
    campaign = shelf.activate(of(TEN, 4))
    shelf.keeper.cover(shelf.records, campaign)
    assert shelf.blocks(campaign) == [CodeBlock(1, 0, 4)]

    [reward] = campaign.rewards
    grown = replace(campaign, rewards=(replace(reward, definition=of(TEN, 6)),))
    shelf.keeper.cover(shelf.records, grown)
    shelf.keeper.cover(shelf.records, grown)

    assert shelf.blocks(campaign) == [CodeBlock(1, 0, 4), CodeBlock(serial=5, place=4, count=2)]


def test_tenants_have_counters_of_their_own() -> None:
    """The same pattern begins at its first place for each."""
    shelf = Shelf()

    blocks = [shelf.blocks(shelf.activate(of(TEN, 4), tenant=one)) for one in (ACME, OTHER)]

    assert blocks == [[CodeBlock(1, 0, 4)]] * 2


@pytest.mark.parametrize("reward", [of(TEN), of(RANDOM_TEN, 4)], ids=["no quota", "at random"])
def test_a_pattern_is_known_also_where_no_place_is_taken(reward: RewardDefinition) -> None:
    """Without a quota places are taken as they are needed, at random none: the pattern counts."""
    shelf = Shelf()
    campaign = shelf.activate(reward)

    assert shelf.blocks(campaign) == []
    [state] = shelf.records.patterns(ACME)
    assert (state.pattern, state.taken) == ("9", 0)
    assert refusal(shelf, of(ANY_TEN)) == ("/rewards/0/code", "PATTERN_OVERLAPS")
