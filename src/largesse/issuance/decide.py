"""The rules of issuance: plain functions of their arguments, and what every store must do."""

from collections.abc import Sequence

from largesse.campaigns.model import (
    QUOTA_MAX,
    Campaign,
    CampaignDefinition,
    Counters,
    Customers,
    OnRepeat,
    Requirement,
    Reward,
    RewardDefinition,
    Status,
)
from largesse.customers.model import Standing
from largesse.issuance.model import (
    STRANGER,
    IncentiveStatus,
    Issued,
    LedgerEntry,
    Offer,
    Prior,
    Settled,
    Wish,
)
from largesse.kernel.calendar import local_day
from largesse.kernel.outcome import Outcome

DEFAULT_REWARD = "NONE"
"""The key of the reward that a claim without one means, where there are several."""

_CLOSED_BY_STATUS = {
    Status.DRAFT: Outcome.NOT_ACTIVE,
    Status.PAUSED: Outcome.NOT_ACTIVE,
    Status.ENDED: Outcome.CLOSED,
}
_HOLDING = frozenset({Outcome.ALREADY_HELD, Outcome.CUSTOMER_LIMIT_REACHED})


def claim(wish: Wish, offer: Offer, prior: Prior, counters: Counters) -> Outcome:
    """Decide on one more unit: the first rule that applies is the answer.

    A store that cannot find a code for an ISSUED unit answers POOL_EXHAUSTED in its place.
    """
    if prior.bound is not None:
        return Outcome.ISSUED if same_wish(wish, prior.bound) else Outcome.IDEMPOTENCY_KEY_REUSED
    campaign, reward, day = offer
    return (
        window(campaign, wish.now_ms)
        or eligibility(campaign.definition, prior.standing)
        or cap(campaign.definition, reward.definition, prior)
        or stock(reward.definition, counters, day)
        or Outcome.ISSUED
    )


def without_issue(wish: Wish, offer: Offer, prior: Prior, counters: Counters) -> Settled | None:
    """What a wish comes to that is given nothing new; None where one more unit is to be issued.

    Whoever repeats himself gets his own incentive again, whoever holds all he may his earliest.
    """
    outcome = claim(wish, offer, prior, counters)
    if prior.bound is not None:
        replayed = outcome is Outcome.ISSUED
        return Settled(outcome, prior.bound if replayed else None, replayed)
    if outcome is Outcome.ISSUED:
        return None
    return Settled(outcome, prior.earliest if outcome in _HOLDING else None)


def stranger_refused(wish: Wish, offer: Offer) -> Outcome | None:
    """What anybody would be told who holds nothing and whose key is new, or None if not all alike.

    Where the campaign asks who a customer is, the answer depends on him.
    """
    campaign, reward, _ = offer
    if asks_who(campaign.definition):
        return window(campaign, wish.now_ms)
    outcome = claim(wish, offer, STRANGER, reward.counters)
    return None if outcome.success else outcome


def prior(
    wish: Wish,
    entries: Sequence[LedgerEntry],
    campaign: CampaignDefinition,
    standing: Standing = STRANGER.standing,
) -> Prior:
    """What the incentives that a customer was given in a campaign mean for his next wish.

    `entries` are in the order in which they were given. Without a cap of the campaign, those of
    the same key or the same reward are enough.
    """
    bound = (entry.issued for entry in entries if entry.issued.key == wish.key)
    counting = [
        entry.issued
        for entry in entries
        if entry.revoked_at_ms is None or campaign.revoke_keeps_cap
    ]
    of_reward = [issued for issued in counting if issued.reward == wish.reward]
    full = _reached(campaign.per_customer_max, len(counting))
    return Prior(
        bound=next(bound, None),
        held=len(counting),
        held_of_reward=len(of_reward),
        earliest=next(iter(counting if full else of_reward), None),
        standing=standing,
    )


def same_wish(wish: Wish, bound: Issued) -> bool:
    """Whether a key was bound to this very wish: its content is customer, campaign and reward."""
    return bound.reward == wish.reward and bound.customer == wish.customer


def window(campaign: Campaign, now_ms: int) -> Outcome | None:
    """Why the campaign gives nothing at this moment, or None while it is open."""
    closed = _CLOSED_BY_STATUS.get(campaign.status)
    if closed is not None:
        return closed
    definition = campaign.definition
    if now_ms < definition.starts_at_ms:
        return Outcome.NOT_OPEN_YET
    if definition.ends_at_ms is not None and now_ms >= definition.ends_at_ms:
        return Outcome.CLOSED
    return None


def asks_who(campaign: CampaignDefinition) -> bool:
    """Whether it matters to a campaign who a customer is."""
    return campaign.customers is Customers.REGISTERED or bool(campaign.requires)


def eligibility(campaign: CampaignDefinition, standing: Standing) -> Outcome | None:
    """Why a campaign has nothing for such a customer, or None if it has."""
    if campaign.customers is Customers.REGISTERED and not standing.registered:
        return Outcome.UNKNOWN_CUSTOMER
    if Requirement.PHONE in campaign.requires and not standing.phone:
        return Outcome.PHONE_REQUIRED
    if Requirement.VERIFIED in campaign.requires and not standing.verified:
        return Outcome.NOT_ELIGIBLE
    return None


def cap(campaign: CampaignDefinition, reward: RewardDefinition, prior: Prior) -> Outcome | None:
    """What a customer who holds all he may is told, or None while he may have more."""
    full = _reached(campaign.per_customer_max, prior.held)
    if not full and not _reached(reward.per_customer_max, prior.held_of_reward):
        return None
    if campaign.on_repeat is OnRepeat.RETURN:
        return Outcome.ALREADY_HELD
    return Outcome.CUSTOMER_LIMIT_REACHED


def stock(reward: RewardDefinition, counters: Counters, day: int) -> Outcome | None:
    """Why the reward has nothing to give on a local day, or None while it has."""
    if _reached(reward.quota_daily, counters.issued_day if counters.day == day else 0):
        return Outcome.SOLD_OUT_TODAY
    if _reached(reward.quota_total, counters.issued + counters.reserved):
        return Outcome.SOLD_OUT
    return None


def room(offer: Offer, counters: Counters, now_ms: int) -> int:
    """How many strangers in a row would be given a unit at one moment: `claim`, for many at once.

    With 0 it is for `claim` to say why, or to ask who it is.
    """
    campaign, reward, day = offer
    definition = reward.definition
    if asks_who(campaign.definition) or window(campaign, now_ms):
        return 0
    if cap(campaign.definition, definition, STRANGER):
        return 0
    today = counters.issued_day if counters.day == day else 0
    left = (
        _left(definition.quota_daily, today),
        _left(definition.quota_total, counters.issued + counters.reserved),
    )
    return max(min(left), 0)


def issue(counters: Counters, day: int, count: int = 1) -> Counters:
    """The counters after so many more units on a local day."""
    return Counters(
        issued=counters.issued + count,
        reserved=counters.reserved,
        serials=counters.serials + count,
        day=day,
        issued_day=counters.issued_day + count if counters.day == day else count,
    )


def give_back(counters: Counters, zone: str, issued_at_ms: int) -> Counters:
    """The counters after a revoke: one back to the total, and to the day while it is still on."""
    same_day = counters.day == local_day(zone, issued_at_ms)
    return Counters(
        issued=counters.issued - 1,
        reserved=counters.reserved,
        serials=counters.serials,
        day=counters.day,
        issued_day=counters.issued_day - same_day,
    )


def definition_of(campaign: Campaign, reward: int) -> RewardDefinition:
    """What a version of a campaign says of a reward, by the reward's number."""
    return next(known.definition for known in campaign.rewards if known.number == reward)


def expires_at_ms(reward: RewardDefinition, issued_at_ms: int) -> int | None:
    """When an incentive expires, by the definition in the version that it was issued under."""
    if reward.expires_at_ms is not None:
        return reward.expires_at_ms
    if reward.expires_after_s is not None:
        return issued_at_ms + 1000 * reward.expires_after_s
    return None


def reward_meant(campaign: Campaign, key: str | None) -> Reward | None:
    """The reward that a wish means: by its key, or the only one, or the one keyed NONE.

    None where that does not tell which.
    """
    if key is None and len(campaign.rewards) == 1:
        return campaign.rewards[0]
    wanted = DEFAULT_REWARD if key is None else key
    return next((one for one in campaign.rewards if one.definition.key == wanted), None)


def status(entry: LedgerEntry, expires_at_ms: int | None, now_ms: int) -> IncentiveStatus:
    """Where an incentive stands: revoked or used for good, expired once its time has come."""
    if entry.revoked_at_ms is not None:
        return IncentiveStatus.REVOKED
    if entry.redeemed_at_ms is not None:
        return IncentiveStatus.REDEEMED
    expired = expires_at_ms is not None and now_ms >= expires_at_ms
    if expired or entry.expired_at_ms is not None:
        return IncentiveStatus.EXPIRED
    return IncentiveStatus.ISSUED


def _reached(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit


def _left(limit: int | None, count: int) -> int:
    return QUOTA_MAX if limit is None else limit - count
