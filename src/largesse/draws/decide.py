"""The rules of draws: plain functions of their arguments, the dice among them."""

from collections import Counter
from collections.abc import Callable, Sequence

from largesse.campaigns.model import (
    PPM,
    Campaign,
    CampaignDefinition,
    DrawPeriod,
    OnExhausted,
)
from largesse.customers.model import Standing
from largesse.draws.model import Drawn, DrawPrior, DrawWish, Roll
from largesse.issuance import decide as issuing
from largesse.issuance.model import LedgerEntry
from largesse.kernel.outcome import Outcome


def draw(wish: DrawWish, campaign: Campaign, prior: DrawPrior) -> Outcome:
    """Decide whether a customer may draw: the first rule that applies is the answer.

    No number is taken before this says DRAWN, so a refusal uses up nothing.
    """
    if prior.bound is not None:
        return Outcome.DRAWN if same_wish(wish, prior.bound) else Outcome.IDEMPOTENCY_KEY_REUSED
    definition = campaign.definition
    return (
        issuing.window(campaign, wish.now_ms)
        or issuing.eligibility(definition, prior.standing)
        or _used_up(definition, prior)
        or _capped(definition, prior)
        or Outcome.DRAWN
    )


def same_wish(wish: DrawWish, bound: Drawn) -> bool:
    """Whether a key was bound to this very wish: its content is customer, campaign and seed."""
    return bound.customer == wish.customer and bound.seed == wish.seed


def period(definition: CampaignDefinition, day: int) -> int:
    """What a customer's draws are counted by: the local day, or 0 for all of the campaign."""
    return day if definition.draws_per.period is DrawPeriod.DAY else 0


def prior(
    bound: Drawn | None,
    of_period: Sequence[Drawn],
    entries: Sequence[LedgerEntry],
    definition: CampaignDefinition,
    standing: Standing,
) -> DrawPrior:
    """What a customer's draws of a period and what he was given mean for his next wish.

    Both are in the order in which they came. Without any cap, no entries are needed.
    """
    counting = [
        entry.issued
        for entry in entries
        if entry.revoked_at_ms is None or definition.revoke_keeps_cap
    ]
    return DrawPrior(
        bound=bound,
        drawn=len(of_period),
        earliest=next(iter(of_period), None),
        held=len(counting),
        held_of=Counter(issued.reward for issued in counting),
        first_held=next(iter(counting), None),
        standing=standing,
    )


def pick(
    definition: CampaignDefinition, available: Callable[[int], bool], roll: Roll
) -> int | None:
    """Which reward a draw wins, by its place in the definition; None for no win.

    `available` tells of a reward whether it has something for this customer: stock today and in
    all, a code, and room below his cap. The share of no win never changes.
    """
    weights = [reward.weight_ppm or 0 for reward in definition.rewards]
    landed = _landed(weights, roll(PPM))
    if landed is None or available(landed):
        return landed
    if definition.on_exhausted is OnExhausted.REDISTRIBUTE:
        left = [weight if available(at) else 0 for at, weight in enumerate(weights)]
        return _landed(left, roll(sum(left))) if any(left) else None
    if definition.on_exhausted is OnExhausted.FALLBACK:
        keys = [reward.key for reward in definition.rewards]
        assert definition.fallback_reward is not None
        fallback = keys.index(definition.fallback_reward)
        return fallback if available(fallback) else None
    return None


def _landed(weights: Sequence[int], number: int) -> int | None:
    """The reward into whose share a number falls; shares stand side by side from 0 on."""
    end = 0
    for at, weight in enumerate(weights):
        end += weight
        if number < end:
            return at
    return None


def _used_up(definition: CampaignDefinition, prior: DrawPrior) -> Outcome | None:
    return Outcome.ALREADY_DRAWN if prior.drawn >= definition.draws_per.n else None


def _capped(definition: CampaignDefinition, prior: DrawPrior) -> Outcome | None:
    cap = definition.per_customer_max
    return Outcome.CUSTOMER_LIMIT_REACHED if cap is not None and prior.held >= cap else None
