"""How an `IncentiveStore` gives codes to incentives, and finds them by their codes."""

from largesse.campaigns.model import CodeFormat
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import (
    PERMUTED,
    RANDOM,
    World,
    a_reward,
    a_wish,
    crowd,
    open_campaign,
    revoke,
    serials,
    settle,
    settle_one,
)

FOUR_CODES = CodeFormat(charset="AB", length=2)


class IncentiveCodesContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_permuted_codes_stand_in_the_pattern_s_counter(self, world: World) -> None:
        """Rewards with one pattern share its places; none is given twice, and each leads back."""
        rewards = [a_reward(key, quota_total=3, code=PERMUTED) for key in "AB"]
        campaign = await open_campaign(world, *rewards)

        wishes = [a_wish(campaign, f"{n}", reward=n % 2) for n in range(6)]
        settled = await settle(world, *wishes)

        places = [one.issued.place for one in settled if one.issued]
        assert sorted(place for place in places if place is not None) == list(range(6))
        for one in settled:
            assert one.issued is not None
            assert one.issued.place is not None
            found = await world.incentives.place_of_counter(1, "A99", one.issued.place)
            assert found == (one.issued.reward, one.issued.serial)

    async def test_a_reward_takes_places_as_it_needs_them(self, world: World) -> None:
        """Where revokes or a missing quota use up serials, more places are taken, to the last."""
        campaign = await open_campaign(world, a_reward(quota_total=2, code=FOUR_CODES))
        names = [f"{n}" for n in range(6)]

        outcomes = []
        for name in names:
            settled = await settle_one(world, a_wish(campaign, name))
            outcomes.append(settled.outcome)
            if settled.outcome is Outcome.ISSUED:
                await revoke(world, settled)

        assert outcomes == [*[Outcome.ISSUED] * 4, *[Outcome.POOL_EXHAUSTED] * 2]

    async def test_a_reward_without_quota_ends_with_its_codes(self, world: World) -> None:
        """The space of the pattern is what limits it; within one batch too."""
        campaign = await open_campaign(world, a_reward(code=FOUR_CODES))

        settled = await settle(world, *crowd(campaign, 6))

        assert serials(settled) == [1, 2, 3, 4]
        assert [one.outcome for one in settled[4:]] == [Outcome.POOL_EXHAUSTED] * 2

    async def test_random_codes_are_unique(self, world: World) -> None:
        """A code that the tenant has already is made anew; each leads to its incentive."""
        campaign = await open_campaign(world, a_reward(code=RANDOM))
        world.codes.repeats = 3

        settled = await settle(world, *crowd(campaign, 5))

        codes = [one.issued.code for one in settled if one.issued]
        assert len({*codes}) == 5
        for code, serial in zip(codes, serials(settled), strict=True):
            assert code is not None
            found = await world.incentives.place_of_code(1, code.upper().replace("-", ""))
            assert found == (campaign.rewards[0].number, serial)
        assert await world.incentives.place_of_code(2, "R0") is None
        assert await world.incentives.place_of_code(1, "R99") is None

    async def test_no_random_code_left(self, world: World) -> None:
        """After many tries in vain the pool counts as exhausted, and no serial is lost."""
        campaign = await open_campaign(world, a_reward(code=RANDOM))
        world.codes.repeats = 10**6

        settled = await settle(world, *crowd(campaign, 2))

        assert [one.outcome for one in settled] == [Outcome.ISSUED, Outcome.POOL_EXHAUSTED]
        world.codes.repeats = 1
        assert serials([await settle_one(world, a_wish(campaign, "late"))]) == [2]
