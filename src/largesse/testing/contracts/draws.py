"""The behaviour that every `DrawStore` shares.

A draw's seed names the number that it rolls: see `ScriptedDice`.
"""

import asyncio

import pytest
from msgspec.structs import replace

from largesse.campaigns.model import (
    Campaign,
    Customers,
    DrawPeriod,
    DrawsPer,
    OnExhausted,
    Requirement,
    Status,
)
from largesse.draws.model import Drawn, DrawSettled, DrawWish
from largesse.draws.ports import Before
from largesse.issuance.model import Issued, Place, Settled
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import (
    DAY_MS,
    HOUR_MS,
    NOW_MS,
    RANDOM,
    World,
    a_campaign,
    a_chance,
    a_draw,
    a_tenant,
    draw,
    draws_of,
    edited,
    keep_campaign,
    keep_tenant,
    open_draw,
    revoke,
)

CONTENDERS = 200
SURE = 1_000_000
TODAY = 20_788
"""2026-12-01, the day of `NOW_MS`."""


class DrawStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_a_draw_that_wins(self, world: World) -> None:
        """The draw, its number and the incentive are there together."""
        campaign = await open_draw(world, a_chance("A", SURE))
        reward = campaign.rewards[0].number

        [settled] = await draw(world, a_draw(campaign, seed="0"))

        issued = Issued(campaign.number, reward, 1, "ann", "key of ann", NOW_MS, version=1)
        drawn = Drawn(
            campaign.number, 1, TODAY, 1, "ann", "key of ann", "0", NOW_MS, 1, Place(reward, 1)
        )
        assert settled == DrawSettled(Outcome.DRAWN, drawn, issued)
        assert await draws_of(world).draw(campaign.number, 1) == drawn
        entry = await world.incentives.entry(Place(reward, 1))
        assert entry is not None
        assert entry.issued == issued
        assert await left(world, campaign) == [(1, 1)]

    async def test_a_draw_that_loses_is_kept(self, world: World) -> None:
        """It has its number, takes no stock and uses up the day."""
        campaign = await open_draw(world, a_chance("A", 999_999))

        settled = await draw(world, a_draw(campaign, seed="999999"), a_draw(campaign, key="2"))

        [lost, again] = settled
        assert (lost.outcome, lost.issued) == (Outcome.DRAWN, None)
        assert again == DrawSettled(Outcome.ALREADY_DRAWN, lost.drawn)
        assert await left(world, campaign) == [(0, 0)]

    @pytest.mark.parametrize(
        ("number", "won"), [(0, 0), (399_999, 0), (400_000, 2), (699_999, 2), (700_000, None)]
    )
    async def test_shares_stand_side_by_side(
        self, world: World, number: int, won: int | None
    ) -> None:
        """In the order of the rewards; one without weight never wins, the rest is no win."""
        chances = a_chance("A", 400_000), a_chance("B", 0), a_chance("C", 300_000)
        campaign = await open_draw(world, *chances)

        [settled] = await draw(world, a_draw(campaign, seed=str(number)))

        reward = None if won is None else campaign.rewards[won].number
        assert (settled.issued and settled.issued.reward) == reward

    # --- once per period ------------------------------------------------------------------------

    async def test_many_draws_of_one_customer_at_once(self, world: World) -> None:
        """Exactly one is made; the others name it."""
        campaign = await open_draw(world, a_chance("A", SURE))

        wishes = [a_draw(campaign, key=f"k{number}") for number in range(CONTENDERS)]
        answers = await asyncio.gather(*(draw(world, wish) for wish in wishes))

        made = [one for [one] in answers if one.outcome is Outcome.DRAWN]
        refused = [one for [one] in answers if one.outcome is Outcome.ALREADY_DRAWN]
        assert (len(made), len(refused)) == (1, CONTENDERS - 1)
        assert {one.drawn for one in refused} == {made[0].drawn}
        assert await left(world, campaign) == [(1, 1)]

    async def test_the_next_local_day(self, world: World) -> None:
        """In Seoul it begins at 15:00 UTC: a millisecond earlier it is the same day."""
        campaign = await open_draw(world, a_chance("A", SURE), time_zone="Asia/Seoul")
        midnight_ms = NOW_MS + 3 * HOUR_MS
        moments = [NOW_MS, midnight_ms - 1, midnight_ms, midnight_ms + DAY_MS - 1]
        wishes = [a_draw(campaign, key=f"k{moment}", now_ms=moment) for moment in moments]

        settled = await draw(world, *wishes)

        made, used_up = Outcome.DRAWN, Outcome.ALREADY_DRAWN
        assert [one.outcome for one in settled] == [made, used_up, made, used_up]
        assert [one.drawn and one.drawn.period for one in settled] == [
            TODAY,
            TODAY,
            TODAY + 1,
            TODAY + 1,
        ]

    @pytest.mark.parametrize("together", [True, False])
    async def test_n_draws_per_period(self, world: World, together: bool) -> None:  # noqa: FBT001 — a parameter of the test
        """Three a day; per campaign the day does not matter."""
        chance = a_chance("A", 0)
        daily = await open_draw(world, chance, draws_per=DrawsPer(DrawPeriod.DAY, 3))
        definition = replace(daily.definition, draws_per=DrawsPer(DrawPeriod.CAMPAIGN, 2))
        once = await keep_campaign(world, a_campaign(definition, id="camp_2"))
        moments = [NOW_MS, NOW_MS, NOW_MS, NOW_MS, NOW_MS + DAY_MS]
        wishes = [
            a_draw(campaign, key=f"k{at}", now_ms=moment)
            for campaign in (daily, once)
            for at, moment in enumerate(moments)
        ]

        settled = (
            await draw(world, *wishes)
            if together
            else [(await draw(world, wish))[0] for wish in wishes]
        )

        made, used_up = Outcome.DRAWN, Outcome.ALREADY_DRAWN
        outcomes = [one.outcome for one in settled]
        assert outcomes[:5] == [made, made, made, used_up, made]
        assert outcomes[5:] == [made, made, used_up, used_up, used_up]
        assert [one.drawn and one.drawn.ordinal for one in settled[:5]] == [1, 2, 3, 1, 1]
        assert [one.drawn and one.drawn.period for one in settled[5:]] == [0] * 5

    # --- numbers --------------------------------------------------------------------------------

    async def test_numbers_have_no_gaps(self, world: World) -> None:
        """Whatever is refused or tried out between them, and in whichever batches they come."""
        campaign = await open_draw(world, a_chance("A", 500_000, quota_total=7))
        other = await keep_campaign(world, a_campaign(campaign.definition, id="camp_2"))
        seeds = ("0", "999999")
        for batch in range(6):
            wishes = [
                a_draw(one, f"{at} in {batch}", seed=seeds[at % 2])
                for at in range(batch)
                for one in (campaign, other)
            ]
            early = a_draw(campaign, "early", now_ms=0)
            tried = a_draw(campaign, "somebody", key="", dry_run=True)
            await draw(world, early, *wishes, *wishes[:1], tried)
            await draw(world, *wishes)

        for one in (campaign, other):
            kept = await draws_of(world).draws(one.number, 0, 100)
            assert [drawn.number for drawn in kept] == list(range(1, 16))
            assert {drawn.campaign for drawn in kept} == {one.number}
            part = await draws_of(world).draws(one.number, 4, 3)
            assert part == kept[4:7]
            assert await draws_of(world).draw(one.number, 16) is None
            assert await draws_of(world).draw(one.number, 0) is None

    async def test_a_batch_over_two_moments_and_versions(self, world: World) -> None:
        """Each draw has its own moment and the version that it was decided by."""
        campaign = await open_draw(world, a_chance("A", SURE))
        await draw(world, a_draw(campaign), a_draw(campaign, "bob", now_ms=NOW_MS + 1))
        await keep_campaign(world, edited(campaign, name="Another"))
        await draw(world, a_draw(campaign, "cat", now_ms=NOW_MS + 2))

        kept = await draws_of(world).draws(campaign.number, 0, 10)

        assert [(one.at_ms - NOW_MS, one.version) for one in kept] == [(0, 1), (1, 1), (2, 2)]

    # --- keys -----------------------------------------------------------------------------------

    @pytest.mark.parametrize("seed", ["0", "999999"])
    @pytest.mark.parametrize("since", ["the next day", "paused", "closed", "revoked"])
    async def test_a_retry(self, world: World, seed: str, since: str) -> None:
        """The same key brings the first draw again, won or lost, whatever happened since."""
        campaign = await open_draw(world, a_chance("A", 500_000), ends_at_ms=NOW_MS + 2 * DAY_MS)
        wish = a_draw(campaign, seed=seed)
        [first] = await draw(world, wish)
        if since == "paused":
            await keep_campaign(world, replace(campaign, status=Status.PAUSED))
        if since == "revoked" and first.issued is not None:
            await revoke(world, Settled(Outcome.ISSUED, first.issued))
        days = {"the next day": 1, "closed": 3}.get(since, 0)

        [again] = await draw(world, replace(wish, now_ms=NOW_MS + days * DAY_MS))

        assert again == replace(first, replayed=True)

    async def test_a_retry_in_the_same_batch(self, world: World) -> None:
        """Won or lost, it is answered as the first."""
        campaign = await open_draw(world, a_chance("A", 500_000))
        wishes = [a_draw(campaign, "ann", seed="0"), a_draw(campaign, "bob", seed="999999")]

        settled = await draw(world, *wishes, *wishes)

        assert settled[2:] == [replace(one, replayed=True) for one in settled[:2]]

    async def test_a_key_with_another_seed(self, world: World) -> None:
        """The seed is part of the wish: another one under the same key is refused."""
        campaign = await open_draw(world, a_chance("A", SURE))
        [first] = await draw(world, a_draw(campaign, seed="one|with 1 bar"))

        [other] = await draw(world, a_draw(campaign, seed="another"))

        assert other == DrawSettled(Outcome.IDEMPOTENCY_KEY_REUSED)
        assert first.drawn is not None
        assert await draws_of(world).draw(campaign.number, 1) == first.drawn

    async def test_a_refused_key_is_decided_afresh(self, world: World) -> None:
        """A refusal uses up nothing: neither key nor day."""
        campaign = await open_draw(world, a_chance("A", SURE), starts_at_ms=NOW_MS)
        wish = a_draw(campaign)

        [early] = await draw(world, replace(wish, now_ms=NOW_MS - 1))
        [late] = await draw(world, wish)

        assert early == DrawSettled(Outcome.NOT_OPEN_YET)
        assert (late.outcome, late.replayed) == (Outcome.DRAWN, False)

    # --- stock ----------------------------------------------------------------------------------

    async def test_exactly_the_stock_is_won(self, world: World) -> None:
        """Probability one, more customers than units: the rest draws without a win."""
        campaign = await open_draw(world, a_chance("A", SURE, quota_total=5))

        settled = await draw(world, *crowd(campaign, 8))

        assert [one.outcome for one in settled] == [Outcome.DRAWN] * 8
        assert [one.issued is not None for one in settled] == [True] * 5 + [False] * 3
        assert await left(world, campaign) == [(5, 5)]

    async def test_the_daily_stock(self, world: World) -> None:
        """Used up it wins nothing; the next day it wins again."""
        campaign = await open_draw(world, a_chance("A", SURE, quota_daily=1))

        today = await draw(world, *crowd(campaign, 2))
        tomorrow = await draw(world, *crowd(campaign, 2, now_ms=NOW_MS + DAY_MS))

        assert [one.issued is not None for one in today + tomorrow] == [True, False] * 2

    @pytest.mark.parametrize(
        ("on_exhausted", "won"),
        [(OnExhausted.LOSE, None), (OnExhausted.REDISTRIBUTE, 1), (OnExhausted.FALLBACK, 2)],
    )
    @pytest.mark.parametrize("why", ["sold out", "today", "cap", "codes"])
    async def test_what_is_exhausted(
        self, world: World, on_exhausted: OnExhausted, won: int | None, why: str
    ) -> None:
        """No win, one of the others, or the fallback; other numbers win as ever."""
        shortages: dict[str, dict[str, object]] = {
            "sold out": {"quota_total": 1},
            "today": {"quota_daily": 1},
            "cap": {"per_customer_max": 1},
            "codes": {"code": RANDOM},
        }
        chances = a_chance("A", 300_000, **shortages[why]), a_chance("B", 300_000), a_chance("C", 0)
        campaign = await open_draw(
            world,
            *chances,
            on_exhausted=on_exhausted,
            fallback_reward="C" if on_exhausted is OnExhausted.FALLBACK else None,
            draws_per=DrawsPer(DrawPeriod.DAY, 9),
        )
        [first] = await draw(world, a_draw(campaign, key="first", seed="0"))
        if why == "codes":
            world.codes.repeats = 10**6

        wishes = [
            a_draw(campaign, key=f"k{seed}", seed=seed) for seed in ("299999", "300000", "600000")
        ]
        landed = [one.issued and one.issued.reward for one in await draw(world, *wishes)]

        rewards = [reward.number for reward in campaign.rewards]
        assert first.issued is not None
        assert first.issued.reward == rewards[0]
        assert landed == [None if won is None else rewards[won], rewards[1], None]

    async def test_nothing_is_left(self, world: World) -> None:
        """Neither another reward nor the fallback: no win, and the draw counts."""
        chances = a_chance("A", SURE, quota_total=1), a_chance("B", 0, quota_total=1)
        plain = await open_draw(world, *chances, on_exhausted=OnExhausted.REDISTRIBUTE)
        falling = replace(plain.definition, on_exhausted=OnExhausted.FALLBACK, fallback_reward="B")
        other = await keep_campaign(world, a_campaign(falling, id="camp_2"))

        ends = [await draw(world, *crowd(campaign, 4)) for campaign in (plain, other)]

        assert [[one.issued is not None for one in end] for end in ends] == [
            [True, False, False, False],
            [True, True, False, False],
        ]
        assert {one.outcome for end in ends for one in end} == {Outcome.DRAWN}

    # --- what refuses before a number is taken --------------------------------------------------

    async def test_the_campaign_s_cap(self, world: World) -> None:
        """Whoever holds all he may draws no more, and is told what he holds; a revoke counts."""
        campaign = await open_draw(world, a_chance("A", 500_000), per_customer_max=1)
        [lost] = await draw(world, a_draw(campaign, key="0", seed="999999"))
        [won] = await draw(world, a_draw(campaign, key="1", seed="0", now_ms=NOW_MS + DAY_MS))
        later = a_draw(campaign, key="2", seed="0", now_ms=NOW_MS + 2 * DAY_MS)
        [refused] = await draw(world, later)
        assert won.issued is not None
        await revoke(world, Settled(Outcome.ISSUED, won.issued))
        [afresh] = await draw(world, later)

        assert (lost.outcome, lost.issued) == (Outcome.DRAWN, None)
        assert refused == DrawSettled(Outcome.CUSTOMER_LIMIT_REACHED, issued=won.issued)
        assert afresh.issued is not None
        assert (afresh.issued.serial, afresh.drawn and afresh.drawn.number) == (2, 3)

    async def test_a_revoke_does_not_give_the_day_back(self, world: World) -> None:
        """The incentive returns to the stock; the draw was made."""
        campaign = await open_draw(world, a_chance("A", SURE, quota_total=1))
        [won] = await draw(world, a_draw(campaign))
        assert won.issued is not None
        await revoke(world, Settled(Outcome.ISSUED, won.issued))

        [again, bob] = await draw(world, a_draw(campaign, key="2"), a_draw(campaign, "bob"))

        assert again == DrawSettled(Outcome.ALREADY_DRAWN, won.drawn)
        assert bob.issued is not None
        assert bob.issued.serial == 2

    @pytest.mark.parametrize(
        ("asked", "outcome"),
        [
            ({"customers": Customers.REGISTERED}, Outcome.UNKNOWN_CUSTOMER),
            ({"requires": (Requirement.PHONE,)}, Outcome.PHONE_REQUIRED),
            ({"starts_at_ms": NOW_MS + 1}, Outcome.NOT_OPEN_YET),
            ({"ends_at_ms": NOW_MS}, Outcome.CLOSED),
        ],
    )
    async def test_refusals_take_no_number(
        self, world: World, asked: dict[str, object], outcome: Outcome
    ) -> None:
        """In earnest and in a dry run alike."""
        campaign = await open_draw(world, a_chance("A", SURE), **asked)

        settled = await draw(world, a_draw(campaign), a_draw(campaign, dry_run=True))

        assert settled == [DrawSettled(outcome)] * 2
        assert await draws_of(world).draws(campaign.number, 0, 10) == []

    async def test_a_dry_run_tells_no_outcome(self, world: World) -> None:
        """Only whether one may draw: the same for a number that wins and one that does not."""
        campaign = await open_draw(world, a_chance("A", 500_000))

        tried = await draw(
            world, *(a_draw(campaign, key="", seed=seed, dry_run=True) for seed in ("0", "999999"))
        )
        await draw(world, a_draw(campaign))
        [again] = await draw(world, a_draw(campaign, key="", dry_run=True))

        assert tried == [DrawSettled(Outcome.DRAWN)] * 2
        assert again.outcome is Outcome.ALREADY_DRAWN
        assert len(await draws_of(world).draws(campaign.number, 0, 10)) == 1

    async def test_a_campaign_that_is_not_there(self, world: World) -> None:
        """Gone, or another tenant's: CLOSED, as for claims."""
        campaign = await open_draw(world, a_chance("A", SURE))
        other = await keep_tenant(world, a_tenant("beta"))
        wish = a_draw(campaign)

        settled = await draw(world, replace(wish, campaign=999), replace(wish, tenant=other.number))

        assert settled == [DrawSettled(Outcome.CLOSED)] * 2
        assert await draw(world) == []

    # --- refused at once, and read --------------------------------------------------------------

    async def test_refused_at_once(self, world: World) -> None:
        """As the ledger would say it; whoever may get a draw again is not refused."""
        campaign = await open_draw(world, a_chance("A", SURE), ends_at_ms=NOW_MS + DAY_MS)
        wish = a_draw(campaign)
        [first] = await draw(world, wish)
        repeat = a_draw(campaign, key="other")
        late = a_draw(campaign, "cat", now_ms=NOW_MS + DAY_MS)
        wishes = [wish, repeat, a_draw(campaign, "bob"), late, replace(wish, now_ms=late.now_ms)]

        refusals = draws_of(world).at_once(wishes)

        settled = await draw(world, *wishes)
        certain = [DrawSettled(Outcome.ALREADY_DRAWN, first.drawn), DrawSettled(Outcome.CLOSED)]
        assert all(one is None or one in certain for one in refusals)
        assert [one in (None, told) for one, told in zip(refusals, settled, strict=True)] == [
            True
        ] * 5
        assert (refusals[0], refusals[2], refusals[4]) == (None, None, None)

    async def test_a_customer_s_draws(self, world: World) -> None:
        """Newest first, in pieces, without others'."""
        campaign = await open_draw(
            world, a_chance("A", 500_000), draws_per=DrawsPer(DrawPeriod.DAY, 2)
        )
        days = [0, 0, 1, 5, 5, 40]
        wishes = [
            a_draw(campaign, who, key=f"k{at}", now_ms=NOW_MS + day * DAY_MS)
            for at, day in enumerate(days)
            for who in ("ann", "bob")
        ]
        made = [one.drawn for one in await draw(world, *wishes) if one.drawn is not None]
        mine = [one for one in made if one.customer == "ann"][::-1]
        store = draws_of(world)

        first = await store.draws_of(campaign.number, "ann", None, 4)
        place = Before(first[-1].period, first[-1].ordinal)
        rest = await store.draws_of(campaign.number, "ann", place, 4)

        assert first + rest == mine
        assert await store.draws_of(campaign.number, "eve", None, 4) == []
        assert await store.draws_of(999, "ann", None, 4) == []

    async def test_the_ledger_adds_up(self, world: World) -> None:
        """After wins, losses, repeats and a revoke."""
        campaign = await open_draw(
            world,
            a_chance("A", 300_000, quota_total=20),
            a_chance("B", 300_000, per_customer_max=1),
            draws_per=DrawsPer(DrawPeriod.DAY, 3),
        )
        for day in range(3):
            wishes = [
                a_draw(
                    campaign,
                    f"u{at % 7}",
                    key=f"{day} {at}",
                    seed=f"s{at}",
                    now_ms=NOW_MS + day * DAY_MS,
                )
                for at in range(30)
            ]
            await draw(world, *wishes[:11])
            settled = await draw(world, *wishes)
            won = next(one.issued for one in settled if one.issued is not None)
            if day == 1:
                await revoke(world, Settled(Outcome.ISSUED, won), NOW_MS + day * DAY_MS)

        assert (await world.incentives.prove(whole=True)).violations == ()


def crowd(campaign: Campaign, count: int, now_ms: int = NOW_MS) -> list[DrawWish]:
    """So many customers, each with a first wish."""
    return [
        a_draw(campaign, f"{number} at {now_ms}", seed="0", now_ms=now_ms)
        for number in range(count)
    ]


async def left(world: World, campaign: Campaign) -> list[tuple[int, int]]:
    """How many units of each reward are out, in all and today."""
    numbers = [reward.number for reward in campaign.rewards]
    return [(one.issued, one.issued_day) for one in await world.incentives.counters(numbers)]
