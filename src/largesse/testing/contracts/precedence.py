"""Wishes with obstacles in their way: every pair shows which outcome comes first."""

from itertools import combinations

from msgspec.structs import replace

from largesse.campaigns.model import Status
from largesse.issuance.model import Wish
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import (
    HOUR_MS,
    NOW_MS,
    RANDOM,
    World,
    a_reward,
    a_wish,
    edited,
    keep_campaign,
    open_campaign,
    settle,
)

OBSTACLES = (
    Outcome.IDEMPOTENCY_KEY_REUSED,
    Outcome.NOT_ACTIVE,
    Outcome.NOT_OPEN_YET,
    Outcome.CLOSED,
    Outcome.CUSTOMER_LIMIT_REACHED,
    Outcome.SOLD_OUT_TODAY,
    Outcome.SOLD_OUT,
    Outcome.POOL_EXHAUSTED,
)
"""All that can stand between a wish and an incentive."""

NEVER_TOGETHER = {Outcome.NOT_OPEN_YET, Outcome.CLOSED}

SITUATIONS = [
    obstacles
    for count in (0, 1, 2, len(OBSTACLES) - 1)
    for obstacles in combinations(OBSTACLES, count)
    if not NEVER_TOGETHER.issubset(obstacles)
]
"""Nothing in the way, each obstacle alone, each pair, and all that can be at once."""


async def put_in_the_way(world: World, obstacles: frozenset[Outcome]) -> Wish:
    """A campaign with these obstacles, and the wish of a customer who would win without them."""
    other = a_reward("OTHER")
    wanted = a_reward("WANTED", code=RANDOM, per_customer_max=1)
    window = {"starts_at_ms": NOW_MS, "ends_at_ms": NOW_MS + HOUR_MS}
    campaign = await open_campaign(world, wanted, other, **window)
    await settle(world, a_wish(campaign, "bob"))
    if Outcome.CUSTOMER_LIMIT_REACHED in obstacles:
        await settle(world, a_wish(campaign, "ann", key="an older one"))
    if Outcome.IDEMPOTENCY_KEY_REUSED in obstacles:
        await settle(world, a_wish(campaign, "ann", reward=1, key="k"))
    if Outcome.POOL_EXHAUSTED in obstacles:
        world.codes.repeats = 10**6

    [counters] = await world.incentives.counters([campaign.rewards[0].number])
    changed = replace(
        wanted,
        quota_daily=counters.issued if Outcome.SOLD_OUT_TODAY in obstacles else None,
        quota_total=counters.issued if Outcome.SOLD_OUT in obstacles else None,
    )
    paused = Outcome.NOT_ACTIVE in obstacles
    status = Status.PAUSED if paused else Status.ACTIVE
    await keep_campaign(world, replace(edited(campaign, rewards=(changed, other)), status=status))
    offset_ms = -1 if Outcome.NOT_OPEN_YET in obstacles else 0
    offset_ms = HOUR_MS if Outcome.CLOSED in obstacles else offset_ms
    return a_wish(campaign, "ann", key="k", now_ms=NOW_MS + offset_ms)
