"""The rules of draws: plain functions of their arguments, the dice among them."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from largesse.campaigns.model import (
    PPM,
    Campaign,
    CampaignDefinition,
    CampaignType,
    Counters,
    DrawPeriod,
    OnExhausted,
    RewardDefinition,
)
from largesse.customers.model import Standing
from largesse.draws.model import STRANGER, Drawn, DrawPrior, DrawSettled, DrawWish, Roll
from largesse.issuance import decide as issuing
from largesse.issuance.model import Issued, LedgerEntry
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
        or _unbound(definition)
        or issuing.eligibility(definition, prior.standing)
        or _used_up(definition, prior)
        or _capped(definition, prior)
        or Outcome.DRAWN
    )


def without_draw(
    wish: DrawWish,
    campaign: Campaign,
    prior: DrawPrior,
    issued: Callable[[Drawn], Issued | None],
) -> DrawSettled | None:
    """What a wish comes to that draws nothing new; None where a draw is to be made.

    Whoever repeats himself gets his own draw again, with what `issued` says that it won; whoever
    has used up his chances the earliest one, or the first that he was given.
    """
    outcome = draw(wish, campaign, prior)
    if prior.bound is not None:
        if outcome is not Outcome.DRAWN:
            return DrawSettled(outcome)
        return DrawSettled(outcome, prior.bound, issued(prior.bound), replayed=True)
    if outcome is Outcome.ALREADY_DRAWN:
        return DrawSettled(outcome, prior.earliest)
    if outcome is Outcome.CUSTOMER_LIMIT_REACHED:
        return DrawSettled(outcome, issued=prior.first_held)
    return DrawSettled(outcome) if outcome is not Outcome.DRAWN or wish.dry_run else None


def open_to_strangers(campaign: Campaign, now_ms: int) -> bool:
    """Whether anybody who never drew and holds nothing may draw: `draw`, for many at once.

    Where the campaign asks who a customer is, it is for `draw` to say.
    """
    definition = campaign.definition
    return not issuing.asks_who(definition) and not (
        issuing.window(campaign, now_ms)
        or _unbound(definition)
        or _used_up(definition, STRANGER)
        or _capped(definition, STRANGER)
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


def available(reward: RewardDefinition, counters: Counters, day: int, held: int) -> bool:
    """Whether a reward has something, on a local day, for a customer who holds so much of it."""
    cap = reward.per_customer_max
    return issuing.stock(reward, counters, day) is None and (cap is None or held < cap)


class Wheel(NamedTuple):
    """What a version of a campaign has to win, by the places of its rewards in the definition.

    `ends` are where the shares end, which stand side by side from 0 on and make `whole` together.
    `fallback` is None unless it is what a reward without stock leads to.
    """

    weights: tuple[int, ...]
    ends: tuple[int, ...]
    whole: int
    redistributes: bool
    fallback: int | None


def wheel(definition: CampaignDefinition) -> Wheel:
    """The wheel of a campaign: made once for many draws."""
    weights = tuple(reward.weight_ppm or 0 for reward in definition.rewards)
    fallback = None
    if definition.on_exhausted is OnExhausted.FALLBACK:
        keys = [reward.key for reward in definition.rewards]
        assert definition.fallback_reward is not None
        fallback = keys.index(definition.fallback_reward)
    redistributes = definition.on_exhausted is OnExhausted.REDISTRIBUTE
    ends = tuple(accumulate(weights))
    return Wheel(weights, ends, sum(weights), redistributes, fallback)


def pick(wheel: Wheel, available: Callable[[int], bool], roll: Roll) -> int | None:
    """Which reward a draw wins, by its place in the definition; None for no win.

    `available` tells of a reward whether it has something for this customer: stock today and in
    all, a code, and room below his cap. The share of no win never changes.
    """
    if not wheel.whole:
        return None  # as in a raffle, whose winners are picked later
    landed = _landed(wheel.ends, roll(PPM))
    if landed is None or available(landed):
        return landed
    if wheel.redistributes:
        left = [weight if available(at) else 0 for at, weight in enumerate(wheel.weights)]
        return _landed(tuple(accumulate(left)), roll(sum(left))) if any(left) else None
    if wheel.fallback is not None:
        return wheel.fallback if available(wheel.fallback) else None
    return None


def _landed(ends: Sequence[int], number: int) -> int | None:
    """The reward into whose share a number falls: the first one whose share ends beyond it."""
    at = bisect_right(ends, number)
    return at if at < len(ends) else None


def _unbound(definition: CampaignDefinition) -> Outcome | None:
    """A draw that waits for a round of public randomness opens with its value."""
    beacon = definition.beacon
    waits = definition.type is CampaignType.DRAW and beacon is not None and beacon.value is None
    return Outcome.NOT_OPEN_YET if waits else None


def _used_up(definition: CampaignDefinition, prior: DrawPrior) -> Outcome | None:
    return Outcome.ALREADY_DRAWN if prior.drawn >= definition.draws_per.n else None


def _capped(definition: CampaignDefinition, prior: DrawPrior) -> Outcome | None:
    cap = definition.per_customer_max
    return Outcome.CUSTOMER_LIMIT_REACHED if cap is not None and prior.held >= cap else None
