"""How an `IncentiveStore` refuses without waiting, where it knows in memory who holds what.

A store that many processes share knows that of none but its own winners: it refuses nobody, and
does not run this.
"""

from msgspec.structs import replace

from largesse.campaigns.model import Status
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import (
    NOW_MS,
    World,
    a_reward,
    a_wish,
    edited,
    keep_campaign,
    open_campaign,
    revoke,
    settle,
    settle_one,
)


class RefusalsContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_strangers_may_be_refused_at_once(self, world: World) -> None:
        """What a refusal says is what the ledger would say; a possible winner is never refused."""
        reward = a_reward(quota_total=2, per_customer_max=1)
        window = {"starts_at_ms": NOW_MS, "ends_at_ms": NOW_MS + 9}
        campaign = await open_campaign(world, reward, **window)
        early, stranger = (a_wish(campaign, "eve", now_ms=NOW_MS + at) for at in (-1, 0))
        late = replace(stranger, now_ms=NOW_MS + 9)
        winner = a_wish(campaign)
        await settle(world, early)  # so that the ledger has been heard of

        before = world.incentives.refusals([early, stranger, late])
        await settle(world, winner, a_wish(campaign, "bob"))
        after = world.incentives.refusals([stranger, winner, replace(winner, key="other"), late])

        assert before == [Outcome.NOT_OPEN_YET, None, Outcome.CLOSED]
        assert after == [Outcome.SOLD_OUT, None, None, Outcome.CLOSED]

    async def test_a_refusal_ends_with_its_reason(self, world: World) -> None:
        """Once stock came back or the campaign changed, strangers are no longer turned away."""
        campaign = await open_campaign(world, a_reward(quota_total=1))
        stranger = a_wish(campaign, "eve")
        winner = a_wish(campaign)
        first = await settle_one(world, winner)
        assert world.incentives.refusals([stranger, winner]) == [Outcome.SOLD_OUT, None]

        await revoke(world, first)
        assert world.incentives.refusals([stranger]) == [None]

        await keep_campaign(world, replace(campaign, status=Status.PAUSED))
        assert world.incentives.refusals([stranger]) == [Outcome.NOT_ACTIVE]

        await keep_campaign(world, edited(campaign, name="Open again"))
        assert world.incentives.refusals([stranger]) == [None]
