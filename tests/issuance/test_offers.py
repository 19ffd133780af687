"""What can be claimed, in memory: the last that was published, and every version met."""

import pytest

from largesse.campaigns.model import Campaign, Reward, Status
from largesse.issuance.offers import Offers
from largesse.testing.factories import a_campaign, a_definition, a_reward, edited


def a_kept_campaign(number: int, tenant: int = 1, status: Status = Status.ACTIVE) -> Campaign:
    """A campaign with a reward that has the same number."""
    definition = a_definition(a_reward(f"R{number}"))
    return a_campaign(
        definition,
        tenant,
        number=number,
        id=f"camp_{number}",
        status=status,
        rewards=(Reward(number, definition.rewards[0]),),
    )


@pytest.mark.parametrize("status", list(Status))
def test_drafts_give_nothing(status: Status) -> None:
    """Every other campaign may be named by a wish: it is the rule that says why it gives none."""
    offers, heard = Offers(), list[Campaign]()
    offers.listen(heard.append)
    campaign = a_kept_campaign(1, status=status)

    offers.publish(campaign)

    known = None if status is Status.DRAFT else campaign
    assert offers.campaign("camp_1") == known
    assert offers.numbered(1) == known
    assert offers.campaign_of_reward(1) == known
    assert offers.version(1, 1) == known
    assert offers.count(1) == len(heard) == (known is not None)


def test_campaigns_are_found_by_their_names() -> None:
    """By id, by the number of a reward; counted by tenant."""
    offers = Offers()
    campaigns = [a_kept_campaign(1), a_kept_campaign(2), a_kept_campaign(3, tenant=2)]
    for campaign in campaigns:
        offers.publish(campaign)

    assert [offers.campaign(f"camp_{number}") for number in (1, 2, 3)] == campaigns
    assert [offers.campaign_of_reward(number) for number in (1, 2, 3)] == campaigns
    assert [offers.count(tenant) for tenant in (1, 2, 3)] == [2, 1, 0]
    assert offers.campaign("camp_4") is None
    assert offers.campaign_of_reward(4) is None


def test_the_last_commit_counts_and_versions_stay() -> None:
    """An edit takes the campaign's place; what was issued before it still finds its version."""
    offers = Offers()
    first = a_kept_campaign(1)
    second = edited(first, name="Encore")
    offers.publish(first)
    offers.publish(second)

    assert offers.campaign("camp_1") == second
    assert offers.campaign_of_reward(1) == second
    assert offers.count(1) == 1
    assert [offers.version(1, version) for version in (1, 2, 3)] == [first, second, None]


def test_a_version_learned_late_is_not_the_present_one() -> None:
    """A process that has just started meets old versions after the new one."""
    offers = Offers()
    first = a_kept_campaign(1)
    second = edited(first, name="Encore")
    offers.publish(second)

    offers.keep_version(first)

    assert offers.version(1, 1) == first
    assert offers.campaign("camp_1") == second
    assert offers.campaign_of_reward(1) == second


def test_listeners_hear_of_all_campaigns() -> None:
    """Of those known already, once each, and of every one that is published later."""
    offers, early, late = Offers(), list[Campaign](), list[Campaign]()
    one, two = a_kept_campaign(1), a_kept_campaign(2)
    offers.listen(early.append)
    offers.publish(one)
    offers.listen(late.append)
    offers.publish(two)
    offers.publish(edited(one))

    assert early == late == [one, two, edited(one)]
