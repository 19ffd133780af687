"""The rules of issuance: plain functions of their arguments, and what every store must do."""

from largesse.campaigns.model import (
    Campaign,
    CampaignDefinition,
    Counters,
    OnRepeat,
    RewardDefinition,
    Status,
)
from largesse.issuance.model import IncentiveStatus, Issued, LedgerEntry, Offer, Prior, Wish
from largesse.kernel.calendar import local_day
from largesse.kernel.outcome import Outcome

_CLOSED_BY_STATUS = {
    Status.DRAFT: Outcome.NOT_ACTIVE,
    Status.PAUSED: Outcome.NOT_ACTIVE,
    Status.ENDED: Outcome.CLOSED,
}


def claim(wish: Wish, offer: Offer, prior: Prior, counters: Counters) -> Outcome:
    """Decide on one more unit: the first rule that applies is the answer.

    A store that cannot find a code for an ISSUED unit answers POOL_EXHAUSTED in its place.
    """
    if prior.bound is not None:
        return Outcome.ISSUED if same_wish(wish, prior.bound) else Outcome.IDEMPOTENCY_KEY_REUSED
    campaign, reward, day = offer
    return (
        window(campaign, wish.now_ms)
        or cap(campaign.definition, reward.definition, prior)
        or stock(reward.definition, counters, day)
        or Outcome.ISSUED
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


def issue(counters: Counters, day: int) -> Counters:
    """The counters after one more unit on a local day."""
    return Counters(
        issued=counters.issued + 1,
        reserved=counters.reserved,
        serials=counters.serials + 1,
        day=day,
        issued_day=counters.issued_day + 1 if counters.day == day else 1,
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


def expires_at_ms(reward: RewardDefinition, issued_at_ms: int) -> int | None:
    """When an incentive expires, by the definition in the version that it was issued under."""
    if reward.expires_at_ms is not None:
        return reward.expires_at_ms
    if reward.expires_after_s is not None:
        return issued_at_ms + 1000 * reward.expires_after_s
    return None


def status(entry: LedgerEntry, expires_at_ms: int | None, now_ms: int) -> IncentiveStatus:
    """Where an incentive stands: revoked for good, expired as soon as its time has come."""
    if entry.revoked_at_ms is not None:
        return IncentiveStatus.REVOKED
    expired = expires_at_ms is not None and now_ms >= expires_at_ms
    if expired or entry.expired_at_ms is not None:
        return IncentiveStatus.EXPIRED
    return IncentiveStatus.ISSUED


def _reached(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit
