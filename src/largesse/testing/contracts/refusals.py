"""How an `IncentiveStore` answers without waiting, where it knows in memory who holds what.

A store that many processes share knows that of none but its own winners: it answers nobody so, and
does not run this.
"""

from msgspec.structs import replace

from largesse.campaigns.model import Status
from largesse.issuance.model import Settled
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

SOLD_OUT = Settled(Outcome.SOLD_OUT)


class RefusalsContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_strangers_may_be_refused_at_once(self, world: World) -> None:
        """What is said is what the ledger would say; a possible winner is never refused."""
        reward = a_reward(quota_total=2, per_customer_max=1)
        window = {"starts_at_ms": NOW_MS, "ends_at_ms": NOW_MS + 9}
        campaign = await open_campaign(world, reward, **window)
        early, stranger = (a_wish(campaign, "eve", now_ms=NOW_MS + at) for at in (-1, 0))
        late = replace(stranger, now_ms=NOW_MS + 9)
        winner = a_wish(campaign)
        await settle(world, early)  # so that the ledger has been heard of

        before = world.incentives.at_once([early, stranger, late])
        [first, _] = await settle(world, winner, a_wish(campaign, "bob"))
        after = world.incentives.at_once([stranger, replace(winner, key="other"), late])
        [again] = world.incentives.at_once([winner])

        assert before == [Settled(Outcome.NOT_OPEN_YET), None, Settled(Outcome.CLOSED)]
        assert after == [SOLD_OUT, None, Settled(Outcome.CLOSED)]
        assert again in (None, replace(first, replayed=True))

    async def test_a_refusal_ends_with_its_reason(self, world: World) -> None:
        """Once stock came back or the campaign changed, strangers are no longer turned away."""
        campaign = await open_campaign(world, a_reward(quota_total=1))
        stranger = a_wish(campaign, "eve")
        first = await settle_one(world, a_wish(campaign))
        assert world.incentives.at_once([stranger]) == [SOLD_OUT]

        await revoke(world, first)
        assert world.incentives.at_once([stranger]) == [None]

        await keep_campaign(world, replace(campaign, status=Status.PAUSED))
        assert world.incentives.at_once([stranger]) == [Settled(Outcome.NOT_ACTIVE)]

        await keep_campaign(world, edited(campaign, name="Open again"))
        assert world.incentives.at_once([stranger]) == [None]
