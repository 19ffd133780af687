"""What every `DrawStore` can tell of a campaign afterwards: all that its stock went through."""

from largesse.draws.model import Returned
from largesse.issuance.model import Place, Settled
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import (
    NOW_MS,
    RANDOM,
    World,
    a_campaign,
    a_chance,
    a_draw,
    draw,
    draws_of,
    keep_campaign,
    open_draw,
    revoke,
)

SURE = 1_000_000


class DrawHistoryContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_what_revokes_gave_back(self, world: World) -> None:
        """Each in its place among the draws, with the moment; other campaigns' are not told."""
        campaign = await open_draw(world, a_chance("A", SURE))
        other = await keep_campaign(world, a_campaign(campaign.definition, id="camp_2"))
        for number in range(1, 4):
            for of in (other, campaign):
                await draw(world, a_draw(of, f"u{number}"), a_draw(of, f"v{number}"))
            await take_back(world, campaign.rewards[0].number, 2 * number, NOW_MS + number)
        await take_back(world, other.rewards[0].number, 1, NOW_MS)

        found = await draws_of(world).returns(campaign.number, 0, 9)

        reward = campaign.rewards[0].number
        assert [(one.draws, one.won, one.at_ms) for one in found] == [
            (2, Place(reward, 2), NOW_MS + 1),
            (4, Place(reward, 4), NOW_MS + 2),
            (6, Place(reward, 6), NOW_MS + 3),
        ]
        assert found[0].position < found[1].position < found[2].position

    async def test_returns_come_in_pieces(self, world: World) -> None:
        """From beyond a position on, so many at a time."""
        campaign = await open_draw(world, a_chance("A", SURE))
        await draw(world, *(a_draw(campaign, f"u{number}") for number in range(5)))
        for serial in range(1, 6):
            await take_back(world, campaign.rewards[0].number, serial, NOW_MS)

        found: list[Returned] = []
        while piece := await draws_of(world).returns(
            campaign.number, found[-1].position if found else 0, 2
        ):
            found += piece

        assert [one.won.serial for one in found] == [1, 2, 3, 4, 5]

    async def test_a_reward_without_a_code_is_written_down(self, world: World) -> None:
        """Nobody could check it afterwards. The seed is there as it was said."""
        campaign = await open_draw(world, a_chance("A", SURE, code=RANDOM))
        world.codes.repeats = 10**6
        for customer in ("ann", "bob"):
            await draw(world, a_draw(campaign, customer, seed="my own seed"))

        found = await draws_of(world).draws(campaign.number, 0, 9)

        assert [one.without_code for one in found] == [(), (campaign.rewards[0].number,)]
        assert [(one.won is None, one.seed) for one in found] == [
            (False, "my own seed"),
            (True, "my own seed"),
        ]


async def take_back(world: World, reward: int, serial: int, at_ms: int) -> None:
    """Revoke what a draw won."""
    entry = await world.incentives.entry(Place(reward, serial))
    assert entry is not None
    await revoke(world, Settled(Outcome.ISSUED, entry.issued), at_ms)
