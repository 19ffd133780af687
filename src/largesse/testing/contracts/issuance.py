"""The behaviour that every `IncentiveStore` shares: how wishes end."""

import asyncio
from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, CodeFormat, OnRepeat, Status
from largesse.issuance.model import Issued, Settled
from largesse.issuance.ports import IncentiveStore
from largesse.kernel.outcome import Outcome
from largesse.testing.contracts.precedence import SITUATIONS, put_in_the_way
from largesse.testing.factories import (
    DAY_MS,
    HOUR_MS,
    NOW_MS,
    PERMUTED,
    RANDOM,
    World,
    a_campaign,
    a_reward,
    a_tenant,
    a_wish,
    crowd,
    edited,
    keep_campaign,
    keep_tenant,
    open_campaign,
    revoke,
    serials,
    settle,
    settle_one,
)

CONTENDERS = 64
UNITS = 5
"""What a race is about: more than one unit, so that taking the same one twice shows."""


class IncentiveStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_an_incentive_is_issued(self, world: World) -> None:
        """The answer is the ledger's row: who got which serial, when, under which version."""
        campaign = await open_campaign(world)

        settled = await settle_one(world, a_wish(campaign, key="k"))

        reward = campaign.rewards[0].number
        issued = Issued(campaign.number, reward, 1, "ann", "k", NOW_MS, version=1)
        assert settled == Settled(Outcome.ISSUED, issued)
        [counters] = await world.incentives.counters([reward])
        assert (counters.issued, counters.serials, counters.issued_day) == (1, 1, 1)

    @pytest.mark.parametrize(
        ("offset_ms", "outcome"),
        [
            (-1, Outcome.NOT_OPEN_YET),
            (0, Outcome.ISSUED),
            (999, Outcome.ISSUED),
            (1000, Outcome.CLOSED),
        ],
    )
    async def test_window(self, world: World, offset_ms: int, outcome: Outcome) -> None:
        """A campaign opens with its first millisecond and closes before its last."""
        campaign = await open_campaign(world, starts_at_ms=NOW_MS, ends_at_ms=NOW_MS + 1000)

        settled = await settle_one(world, a_wish(campaign, now_ms=NOW_MS + offset_ms))

        assert settled.outcome is outcome
        assert (settled.issued is not None) is outcome.success

    async def test_each_wish_of_a_batch_has_its_own_moment(self, world: World) -> None:
        """By it a wish is decided, and by it what it is given is written down."""
        campaign = await open_campaign(world, ends_at_ms=NOW_MS + 2)
        moments = [NOW_MS + at for at in range(3)]

        wishes = [a_wish(campaign, f"{one}", now_ms=one) for one in moments]
        settled = await settle(world, *wishes)

        entries = await world.incentives.entries([campaign.rewards[0].number], None, 9)
        assert [one.outcome for one in settled] == [*[Outcome.ISSUED] * 2, Outcome.CLOSED]
        assert [entry.issued.at_ms for entry in entries] == moments[:2]

    async def test_a_campaign_that_is_gone_is_closed(self, world: World) -> None:
        """Whatever a wish names that is not there, or is another tenant's: alone or with others."""
        campaign = await open_campaign(world)
        other = await keep_tenant(world, a_tenant("beta"))
        wish = a_wish(campaign)
        astray = [
            replace(wish, campaign=999),
            replace(wish, reward=999),
            replace(wish, tenant=other.number),
        ]

        alone = [await settle_one(world, one) for one in astray]
        together = await settle(world, *astray)

        assert alone == together == [Settled(Outcome.CLOSED)] * 3

    async def test_an_empty_batch(self, world: World) -> None:
        """Nobody asks, nobody is answered."""
        assert await settle(world) == []

    async def test_answers_come_in_the_order_of_the_wishes(self, world: World) -> None:
        """Wishes for several campaigns and rewards, good and bad, keep their places in a batch."""
        campaign = await open_campaign(world, a_reward("A", quota_total=1), a_reward("B"))
        paused = await keep_campaign(
            world, a_campaign(campaign.definition, id="camp_paused", status=Status.PAUSED)
        )
        wishes = [
            a_wish(campaign, "ann", reward=1),
            a_wish(paused, "ann"),
            a_wish(campaign, "ann", reward=0, key="a"),
            a_wish(campaign, "bob", reward=0),
            a_wish(campaign, "bob", reward=1),
        ]

        settled = await settle(world, *wishes)

        assert [(one.outcome, one.issued and one.issued.serial) for one in settled] == [
            (Outcome.ISSUED, 1),
            (Outcome.NOT_ACTIVE, None),
            (Outcome.ISSUED, 1),
            (Outcome.SOLD_OUT, None),
            (Outcome.ISSUED, 2),
        ]

    # --- the order of precedence ---------------------------------------------------------------

    @pytest.mark.parametrize("obstacles", SITUATIONS, ids="+".join)
    async def test_precedence(self, world: World, obstacles: tuple[Outcome, ...]) -> None:
        """Of all that stands in the way the first, in the order of outcomes, is the answer."""
        wish = await put_in_the_way(world, frozenset(obstacles))

        settled = await settle_one(world, wish)

        assert settled.outcome is min([*obstacles, Outcome.ISSUED], key=list(Outcome).index)

    # --- caps -----------------------------------------------------------------------------------

    async def test_the_reward_s_cap(self, world: World) -> None:
        """So many of one reward; those of another do not count. The refusal names the earliest."""
        rewards = a_reward("A", per_customer_max=2), a_reward("B")
        campaign = await open_campaign(world, *rewards)

        outcomes = await ask(world, campaign, "ann", [1, 0, 0, 0, 1])

        assert outcomes == [*[Outcome.ISSUED] * 3, Outcome.CUSTOMER_LIMIT_REACHED, Outcome.ISSUED]
        refused = await settle_one(world, a_wish(campaign, key="new"))
        assert refused.issued is not None
        assert (refused.issued.reward, refused.issued.serial) == (campaign.rewards[0].number, 1)

    async def test_the_campaign_s_cap(self, world: World) -> None:
        """So many of all rewards together; another campaign's do not count."""
        campaign = await open_campaign(world, a_reward("A"), a_reward("B"), per_customer_max=2)
        other = await keep_campaign(world, a_campaign(campaign.definition, id="camp_2"))
        assert await ask(world, other, "ann", [0, 0]) == [Outcome.ISSUED] * 2

        outcomes = await ask(world, campaign, "ann", [1, 0, 0, 1])

        assert outcomes == [*[Outcome.ISSUED] * 2, *[Outcome.CUSTOMER_LIMIT_REACHED] * 2]
        refused = await settle_one(world, a_wish(campaign, key="new"))
        assert refused.issued is not None
        assert refused.issued.reward == campaign.rewards[1].number
        assert (await settle_one(world, a_wish(campaign, "bob"))).outcome is Outcome.ISSUED

    async def test_both_caps(self, world: World) -> None:
        """Whichever is reached first; where only the reward's is, its own earliest is named."""
        rewards = a_reward("A", per_customer_max=1), a_reward("B", per_customer_max=5)
        campaign = await open_campaign(world, *rewards, per_customer_max=3)

        outcomes = await ask(world, campaign, "ann", [1, 0, 0])
        refused = await settle_one(world, a_wish(campaign, key="again"))
        rest = await ask(world, campaign, "ann", [1, 1], prefix="later")

        assert outcomes == [Outcome.ISSUED, Outcome.ISSUED, Outcome.CUSTOMER_LIMIT_REACHED]
        assert refused.issued is not None
        assert refused.issued.reward == campaign.rewards[0].number
        assert rest == [Outcome.ISSUED, Outcome.CUSTOMER_LIMIT_REACHED]

    async def test_a_repeat_may_return_what_is_held(self, world: World) -> None:
        """With RETURN a customer who holds all he may gets the earliest, though it is no replay."""
        reward = a_reward(per_customer_max=1)
        campaign = await open_campaign(world, reward, on_repeat=OnRepeat.RETURN)

        first = await settle_one(world, a_wish(campaign, key="one"))
        again = await settle_one(world, a_wish(campaign, key="two"))

        assert again == Settled(Outcome.ALREADY_HELD, first.issued)

    # --- quotas ---------------------------------------------------------------------------------

    async def test_the_total_quota(self, world: World) -> None:
        """Exactly as many as the quota, with serials from one on."""
        campaign = await open_campaign(world, a_reward(quota_total=3))

        settled = await settle(world, *crowd(campaign, 5))

        assert serials(settled) == [1, 2, 3]
        assert [one.outcome for one in settled[3:]] == [Outcome.SOLD_OUT] * 2

    async def test_the_daily_quota_begins_anew_with_the_local_day(self, world: World) -> None:
        """In Seoul the day changes at 15:00 UTC, three hours after noon."""
        reward = a_reward(quota_daily=2, quota_total=5)
        campaign = await open_campaign(world, reward, time_zone="Asia/Seoul")
        midnight_ms = NOW_MS + 3 * HOUR_MS
        moments = [NOW_MS, midnight_ms - 1, midnight_ms, midnight_ms + DAY_MS]

        ends = [
            [one.outcome for one in await settle(world, *crowd(campaign, 3, now_ms))]
            for now_ms in moments
        ]

        issued, today = Outcome.ISSUED, Outcome.SOLD_OUT_TODAY
        assert ends == [
            [issued, issued, today],
            [today] * 3,
            [issued, issued, today],
            [issued, Outcome.SOLD_OUT, Outcome.SOLD_OUT],
        ]

    async def test_one_batch_over_midnight(self, world: World) -> None:
        """Wishes of two local days in one batch count for the day of each."""
        campaign = await open_campaign(world, a_reward(quota_daily=1))
        tomorrow_ms = NOW_MS + DAY_MS

        settled = await settle(world, *crowd(campaign, 2), *crowd(campaign, 2, tomorrow_ms))

        issued, today = Outcome.ISSUED, Outcome.SOLD_OUT_TODAY
        assert [one.outcome for one in settled] == [issued, today, issued, today]
        [counters] = await world.incentives.counters([campaign.rewards[0].number])
        assert (counters.issued, counters.issued_day) == (2, 1)

    async def test_one_batch_over_midnight_of_two_rewards(self, world: World) -> None:
        """What is written together is each reward's own, and its own day's."""
        campaign = await open_campaign(
            world, a_reward("A", quota_daily=2), a_reward("B", quota_daily=2)
        )
        tomorrow_ms = NOW_MS + DAY_MS
        asked = [(0, NOW_MS), (1, NOW_MS), (1, NOW_MS), (1, NOW_MS), (1, tomorrow_ms)]

        settled = await settle(
            world,
            *(
                a_wish(campaign, f"c{n}", reward, now_ms=now_ms)
                for n, (reward, now_ms) in enumerate(asked)
            ),
        )

        issued, today = Outcome.ISSUED, Outcome.SOLD_OUT_TODAY
        assert [one.outcome for one in settled] == [issued, issued, issued, today, issued]
        counters = await world.incentives.counters([one.number for one in campaign.rewards])
        assert [(one.issued, one.issued_day) for one in counters] == [(1, 1), (3, 1)]
        assert (await world.incentives.prove(whole=True)).violations == ()

    # --- keys -----------------------------------------------------------------------------------

    @pytest.mark.parametrize("since", ["sold out", "paused", "ended", "closed", "edited"])
    async def test_a_winner_s_retry(self, world: World, since: str) -> None:
        """The same wish with the same key brings the first answer, whatever happened since."""
        campaign = await open_campaign(world, a_reward(quota_total=1), ends_at_ms=NOW_MS + 9)
        wish = a_wish(campaign)
        first = await settle_one(world, wish)
        if since == "paused":
            await keep_campaign(world, replace(campaign, status=Status.PAUSED))
        if since == "ended":
            await keep_campaign(world, replace(campaign, status=Status.ENDED))
        if since == "edited":
            await keep_campaign(world, edited(campaign, name="Another"))
        later_ms = NOW_MS + (9 if since == "closed" else 5)

        again = await settle_one(world, replace(wish, now_ms=later_ms))

        assert again == Settled(Outcome.ISSUED, first.issued, replayed=True)

    async def test_a_refused_key_is_decided_afresh(self, world: World) -> None:
        """A refusal leaves no trace: once the reason has gone the same key wins."""
        campaign = await open_campaign(world, starts_at_ms=NOW_MS)
        wish = a_wish(campaign)

        early = await settle_one(world, replace(wish, now_ms=NOW_MS - 1))
        late = await settle_one(world, wish)

        assert early == Settled(Outcome.NOT_OPEN_YET)
        assert (late.outcome, late.replayed) == (Outcome.ISSUED, False)

    async def test_a_key_belongs_to_its_customer_and_campaign(self, world: World) -> None:
        """The same key of another customer, or in another campaign, is another wish."""
        campaign = await open_campaign(world)
        other = await keep_campaign(world, a_campaign(campaign.definition, id="camp_2"))
        wishes = [
            a_wish(campaign, "ann", key="k"),
            a_wish(campaign, "bob", key="k"),
            a_wish(other, "ann", key="k"),
        ]

        together = await settle(world, *wishes)

        assert serials(together) == [1, 2, 1]
        assert not any(one.replayed for one in together)
        assert [one.issued for one in await settle(world, *wishes)] == [
            one.issued for one in together
        ]

    async def test_a_key_reused_with_another_reward(self, world: World) -> None:
        """A key stands for one wish; another one under it is refused and given nothing."""
        campaign = await open_campaign(world, a_reward("A"), a_reward("B"))
        await settle_one(world, a_wish(campaign, reward=0))

        settled = await settle_one(world, a_wish(campaign, reward=1))

        assert settled == Settled(Outcome.IDEMPOTENCY_KEY_REUSED)

    async def test_a_customer_may_have_many_keys(self, world: World) -> None:
        """Without a cap each key wins once, and each is answered with its own incentive."""
        campaign = await open_campaign(world)
        wishes = [a_wish(campaign, key=f"k{n}") for n in range(20)]

        first = await settle(world, *wishes)
        again = await settle(world, *reversed(wishes))

        assert serials(first) == list(range(1, 21))
        assert [one.issued for one in again] == [one.issued for one in reversed(first)]
        assert all(one.replayed for one in again)

    async def test_a_key_of_what_was_revoked_stays_bound(self, world: World) -> None:
        """A revoke takes the unit back, not the answer."""
        campaign = await open_campaign(world)
        first = await settle_one(world, a_wish(campaign))
        await revoke(world, first)

        again = await settle_one(world, a_wish(campaign))

        assert again == Settled(Outcome.ISSUED, first.issued, replayed=True)

    # --- batches --------------------------------------------------------------------------------

    @pytest.mark.parametrize("cap", [None, 1])
    async def test_the_same_wish_twice_in_a_batch(self, world: World, cap: int | None) -> None:
        """The second one sees the first: it is its replay."""
        campaign = await open_campaign(world, a_reward(per_customer_max=cap))
        wish = a_wish(campaign)

        first, again = await settle(world, wish, replace(wish))

        assert (first.outcome, first.replayed) == (Outcome.ISSUED, False)
        assert again == Settled(Outcome.ISSUED, first.issued, replayed=True)

    @pytest.mark.parametrize("scope", ["campaign", "reward"])
    async def test_one_customer_twice_in_a_batch(self, world: World, scope: str) -> None:
        """A cap holds within a batch as between batches."""
        of_reward, of_campaign = (1, None) if scope == "reward" else (None, 1)
        reward = a_reward(per_customer_max=of_reward)
        campaign = await open_campaign(world, reward, per_customer_max=of_campaign)

        first, other = await settle(world, a_wish(campaign, key="a"), a_wish(campaign, key="b"))

        assert other == Settled(Outcome.CUSTOMER_LIMIT_REACHED, first.issued)

    async def test_a_key_reused_within_a_batch(self, world: World) -> None:
        """Other content under a key of the same batch is refused like under an older one."""
        campaign = await open_campaign(world, a_reward("A"), a_reward("B"))

        wishes = [a_wish(campaign, reward=index, key="k") for index in (0, 1)]

        assert [one.outcome for one in await settle(world, *wishes)] == [
            Outcome.ISSUED,
            Outcome.IDEMPOTENCY_KEY_REUSED,
        ]

    async def test_all_of_a_batch_or_nothing(self, world: World) -> None:
        """When the batch breaks, nobody got anything; then all goes on as if it had not been."""
        campaign = await open_campaign(world, a_reward("A"), a_reward("B", code=RANDOM))
        wishes = [a_wish(campaign, "ann"), a_wish(campaign, "bob", reward=1)]
        world.codes.broken = True

        with pytest.raises(ZeroDivisionError):
            await settle(world, *wishes)

        numbers = [reward.number for reward in campaign.rewards]
        assert [one.issued for one in await world.incentives.counters(numbers)] == [0, 0]
        assert await world.incentives.entries(numbers, None, 9) == []
        world.codes.broken = False
        assert [(one.outcome, one.replayed) for one in await settle(world, *wishes)] == [
            (Outcome.ISSUED, False)
        ] * 2
        assert (await world.incentives.prove(whole=True)).violations == ()

    @pytest.mark.parametrize("code", [None, PERMUTED, RANDOM], ids=["none", "permuted", "random"])
    async def test_a_dry_run_leaves_nothing(self, world: World, code: CodeFormat | None) -> None:
        """It is told how it would end, without serial or code; then all is as it was."""
        campaign = await open_campaign(world, a_reward(quota_total=1, code=code))
        dry = a_wish(campaign, key="", dry_run=True)

        assert await settle(world, dry) == [Settled(Outcome.ISSUED)]
        assert await settle(world, dry, dry) == [Settled(Outcome.ISSUED)] * 2
        real = await settle_one(world, a_wish(campaign))
        assert serials([real]) == [1]
        assert (await settle_one(world, replace(dry, customer="bob"))).outcome is Outcome.SOLD_OUT

    # --- races --------------------------------------------------------------------------

    async def test_a_race_for_the_last_units(self, world: World) -> None:
        """However many ask at once, each serial is given once and the quota is used up."""
        campaign = await open_campaign(world, a_reward(quota_total=UNITS))

        won = await serials_won_in_a_race(world.incentives, campaign)

        assert sorted(won) == list(range(1, UNITS + 1))
        assert (await world.incentives.prove(whole=True)).violations == ()

    async def test_a_race_with_one_key(self, world: World) -> None:
        """However often a wish is sent at once, it brings one incentive."""
        campaign = await open_campaign(world)
        wish = a_wish(campaign)

        batches = [settle_one(world, replace(wish)) for _ in range(CONTENDERS)]
        settled = await asyncio.gather(*batches)

        assert serials(settled) == [1] * CONTENDERS
        assert sum(not one.replayed for one in settled) == 1


async def ask(
    world: World, campaign: Campaign, customer: str, rewards: Iterable[int], prefix: str = "key"
) -> list[Outcome]:
    """One customer asks for one reward after the other, each time with a new key."""
    wishes = [
        a_wish(campaign, customer, reward=index, key=f"{prefix} {number}")
        for number, index in enumerate(rewards)
    ]
    return [(await settle_one(world, wish)).outcome for wish in wishes]


async def serials_won_in_a_race(store: IncentiveStore, campaign: Campaign) -> list[int]:
    """Let many customers ask at the same time, each in a batch of his own; what they won."""
    races = [store.settle([wish]) for wish in crowd(campaign, CONTENDERS)]
    return serials(one for [one] in await asyncio.gather(*races))
