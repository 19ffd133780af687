"""From what a caller says to a wish, and from its answer to what he may know of it."""

from largesse.campaigns.model import Campaign, CampaignType
from largesse.customers.decide import check_id
from largesse.http.errors import Known
from largesse.http.times import rfc3339
from largesse.issuance import decide
from largesse.issuance.model import Answer, Wish
from largesse.kernel.errors import InvalidInputError
from largesse.kernel.outcome import Outcome


def wish_of(
    campaign: Campaign, customer: str, reward_key: str | None, key: str, pointer: str = ""
) -> Wish:
    """A customer's wish; `InvalidInputError` below `pointer` where it makes no sense."""
    check_id(customer, f"{pointer}/customer_id")
    check_type(campaign, CampaignType.CLAIM)
    reward = decide.reward_meant(campaign, reward_key)
    if reward is None:
        names = ", ".join(one.definition.key for one in campaign.rewards)
        code = "INVALID" if reward_key is not None else Outcome.REWARD_REQUIRED
        message = f"name one of this campaign's rewards: {names}"
        raise InvalidInputError(message, f"{pointer}/reward", code)
    return Wish(campaign.tenant, campaign.number, reward.number, customer, key)


_PLACES = {
    CampaignType.CLAIM: "this campaign gives by claims: send the wish to its /claims",
    CampaignType.DRAW: "this campaign gives by draws: send the wish to its /draws",
    CampaignType.RAFFLE: "this campaign is a raffle: send the wish to its /entries",
}


def check_type(campaign: Campaign, wanted: CampaignType) -> None:
    """Raise `InvalidInputError`, which says where to go, for a wish of another kind."""
    if campaign.definition.type is not wanted:
        raise InvalidInputError(_PLACES[campaign.definition.type])


BEACON_POLL_S = 60
"""Whoever waits for public randomness asks again so often: an edit brings it, at any moment."""


def waits_for(campaign: Campaign, now_ms: int) -> str | None:
    """What a draw waits for whose window is open already, in a sentence; None where nothing."""
    definition = campaign.definition
    beacon = definition.beacon
    if beacon is None or beacon.value is not None or now_ms < definition.starts_at_ms:
        return None
    return (
        f"The draw waits for round {beacon.round} of {beacon.source}: it opens once that is out "
        "and has been brought."
    )


def opening_of(campaign: Campaign, now_ms: int) -> Known:
    """When a campaign opens, for whoever has come too early; nobody knows when randomness comes."""
    if waits_for(campaign, now_ms) is not None:
        return Known(retry_after=BEACON_POLL_S)
    starts_at_ms = campaign.definition.starts_at_ms
    wait_s = max(1, -(-(starts_at_ms - now_ms) // 1000))
    return Known(opens_at=rfc3339(starts_at_ms), retry_after=wait_s)


def known_of(answer: Answer, campaign: Campaign) -> Known | None:
    """What a refused caller may know beside the outcome."""
    if answer.outcome is Outcome.NOT_OPEN_YET:
        return opening_of(campaign, answer.now_ms)
    if answer.incentive is not None:
        return Known(incentive_id=answer.incentive.id)
    return None
