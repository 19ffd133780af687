"""The behaviour that every `RedemptionStore` shares."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Issued, LedgerEntry, Typed, Wish
from largesse.kernel.errors import BusyError, UnavailableError
from largesse.kernel.fact import FactKind
from largesse.kernel.outcome import Outcome
from largesse.redemption.model import RedemptionSettled, RedemptionWish
from largesse.redemption.ports import RedemptionStore
from largesse.testing.contracts.ledger import counters, expire, issued_in, place_of
from largesse.testing.contracts.outbox import told_of
from largesse.testing.factories import (
    DAY_MS,
    NOW_MS,
    PERMUTED,
    RANDOM,
    World,
    a_campaign,
    a_definition,
    a_reward,
    a_tenant,
    a_wish,
    crowd,
    edited,
    keep_campaign,
    keep_tenant,
    open_campaign,
    revoke,
    settle,
    settle_one,
)

TILLS = 200
"""They all scan one coupon at once."""

COUPON = a_reward(quota_total=9, code=PERMUTED)


class RedemptionStoreContract:
    """Mix into a test class that has a `world` fixture."""

    # --- uses -----------------------------------------------------------------------------------

    async def test_a_use_is_kept(self, world: World) -> None:
        """With its time; the unit stays issued, and all adds up."""
        campaign = await open_campaign(world, a_reward(quota_total=2, code=PERMUTED))
        issued = issued_in(await settle_one(world, a_wish(campaign)))

        settled = await use(world, a_use(issued, now_ms=NOW_MS + 7))

        assert settled == RedemptionSettled(Outcome.REDEEMED, issued, NOW_MS + 7)
        used = LedgerEntry(issued, redeemed_at_ms=NOW_MS + 7)
        assert await world.incentives.entry(place_of(issued)) == used
        assert await world.incentives.entries([issued.reward], None, 9) == [used]
        assert await counters(world, campaign) == (1, 1)
        assert (await world.incentives.prove(whole=True)).violations == ()

    async def test_a_batch_of_uses(self, world: World) -> None:
        """Each is answered in its place, whatever becomes of its neighbours."""
        campaign = await open_campaign(world, replace(COUPON, key="A"), COUPON)
        wishes = [a_wish(campaign, f"{n}", reward=n % 2) for n in range(6)]
        rows = [issued_in(one) for one in await settle(world, *wishes)]
        asked = [a_use(row) for row in reversed(rows)]
        asked[1] = replace(asked[1], customer="thief")
        asked[4] = replace(asked[4], sought=None)

        settled = await world.redemptions.settle(asked)

        expected = [RedemptionSettled(Outcome.REDEEMED, row, NOW_MS) for row in reversed(rows)]
        expected[1] = expected[4] = RedemptionSettled(Outcome.UNKNOWN_CODE)
        assert settled == expected
        assert await world.redemptions.settle([]) == []

    async def test_a_coupon_is_used_once(self, world: World) -> None:
        """A second use, by another key, changes nothing."""
        issued = await a_coupon(world)
        await use(world, a_use(issued))

        again = await use(world, a_use(issued, key="another", now_ms=NOW_MS + 1))

        assert again == RedemptionSettled(Outcome.EXHAUSTED)
        entry = await world.incentives.entry(place_of(issued))
        assert entry == LedgerEntry(issued, redeemed_at_ms=NOW_MS)

    async def test_the_first_of_a_batch_uses_it(self, world: World) -> None:
        """Those behind him are told so, also in the very batch."""
        issued = await a_coupon(world)
        asked = [a_use(issued, key=f"{n}") for n in range(3)]

        settled = await world.redemptions.settle(asked)

        expected = [Outcome.REDEEMED, Outcome.EXHAUSTED, Outcome.EXHAUSTED]
        assert [one.outcome for one in settled] == expected

    async def test_a_coupon_ends_once(self, world: World) -> None:
        """What was used is neither revoked nor expires; what ended so is not used."""
        reward = a_reward(quota_total=3, expires_after_s=1, code=PERMUTED)
        campaign = await open_campaign(world, reward)
        used, revoked, expired = await settle(world, *crowd(campaign, 3))
        await use(world, a_use(issued_in(used)))
        await revoke(world, revoked)

        assert await expire(world, NOW_MS + DAY_MS) == 1
        with pytest.raises(Exception):  # noqa: B017, PT011 - each store fails in its own way
            await revoke(world, used)
        late = [a_use(issued_in(one), key=one.outcome + "!") for one in (revoked, expired)]
        settled = [await use(world, one) for one in late]

        assert [one.outcome for one in settled] == [Outcome.REVOKED, Outcome.EXPIRED]
        assert await counters(world, campaign) == (2, 3)
        assert (await world.incentives.prove(whole=True)).violations == ()

    async def test_it_expires_as_it_was_promised(self, world: World) -> None:
        """By the version that it was issued under, whatever the campaign has become since."""
        brief = a_reward(code=PERMUTED, expires_after_s=1)
        campaign = await open_campaign(world, brief)
        [first] = await settle(world, a_wish(campaign, "ann"))
        longer = replace(brief, expires_after_s=60)
        campaign = await keep_campaign(world, edited(campaign, rewards=(longer,)))
        [second] = await settle(world, a_wish(campaign, "bob"))
        later_ms = NOW_MS + 1_000

        settled = await world.redemptions.settle(
            [a_use(issued_in(one), now_ms=later_ms) for one in (first, second)]
        )

        assert [one.outcome for one in settled] == [Outcome.EXPIRED, Outcome.REDEEMED]

    async def test_a_used_coupon_is_held_all_the_same(self, world: World) -> None:
        """It counts towards its customer's cap: using one does not earn another."""
        campaign = await open_campaign(world, a_reward(per_customer_max=1, code=PERMUTED))
        issued = issued_in(await settle_one(world, a_wish(campaign, key="1")))
        await use(world, a_use(issued))

        again = await settle_one(world, a_wish(campaign, key="2"))

        assert (again.outcome, again.issued) == (Outcome.CUSTOMER_LIMIT_REACHED, issued)

    async def test_only_coupons_are_used(self, world: World) -> None:
        """What has no code is told apart, to its customer only."""
        campaign = await open_campaign(world)
        issued = issued_in(await settle_one(world, a_wish(campaign)))

        own = await use(world, a_use(issued))
        others = await use(world, a_use(issued, customer="thief"))

        assert (own.outcome, own.is_coupon) == (Outcome.UNKNOWN_CODE, False)
        assert (others.outcome, others.is_coupon) == (Outcome.UNKNOWN_CODE, True)
        assert await world.incentives.entry(place_of(issued)) == LedgerEntry(issued)

    async def test_uses_are_told(self, world: World) -> None:
        """In the order of the wishes, each as the second fact about its coupon."""
        campaign = await open_campaign(world, COUPON)
        rows = [issued_in(one) for one in await settle(world, *crowd(campaign, 3))]
        await world.redemptions.settle(
            [a_use(row, now_ms=NOW_MS + 3) for row in (rows[2], rows[0], rows[1])]
        )

        told = (await told_of(world, campaign))[-3:]

        assert [one.issued for one in told] == [rows[2], rows[0], rows[1]]
        about = {(one.kind, one.sequence, one.at_ms) for one in told}
        assert about == {(FactKind.INCENTIVE_REDEEMED, 2, NOW_MS + 3)}

    # --- codes ----------------------------------------------------------------------------------

    async def test_permuted_codes_lead_to_their_coupons(self, world: World) -> None:
        """By pattern and place in its counter; beyond what was given there is nothing."""
        rewards = [a_reward(key, quota_total=3, code=PERMUTED) for key in "AB"]
        campaign = await open_campaign(world, *rewards)
        wishes = [a_wish(campaign, f"{n}", reward=n % 2) for n in range(6)]
        rows = [issued_in(one) for one in await settle(world, *wishes)]
        beyond = a_use(rows[0], sought=Typed((("A99", 6), ("B99", 0)), None), key="beyond")

        settled = await world.redemptions.settle([*map(by_counter, rows), beyond])

        assert [one.used for one in settled] == [*rows, None]

    async def test_random_codes_lead_to_their_coupons(self, world: World) -> None:
        """By their canonical form."""
        campaign = await open_campaign(world, a_reward(code=RANDOM))
        rows = [issued_in(one) for one in await settle(world, *crowd(campaign, 3))]
        asked = [a_use(row, sought=Typed((), _canonical(row))) for row in rows]
        never = a_use(rows[0], sought=Typed((), "R99"), key="never")

        settled = await world.redemptions.settle([*asked, never])

        assert [one.used for one in settled] == [*rows, None]

    async def test_another_tenants_codes_lead_nowhere(self, world: World) -> None:
        """Whichever way they were made."""
        rewards = [COUPON, a_reward("B", code=RANDOM)]
        campaign = await open_campaign(world, *rewards)
        wishes = [a_wish(campaign, f"{n}", reward=n) for n in range(2)]
        permuted, random = [issued_in(one) for one in await settle(world, *wishes)]
        asked = [by_counter(permuted), a_use(random, sought=Typed((), _canonical(random)))]

        settled = await world.redemptions.settle([replace(one, tenant=2) for one in asked])

        assert [one.outcome for one in settled] == [Outcome.UNKNOWN_CODE] * 2

    # --- keys -----------------------------------------------------------------------------------

    async def test_a_key_brings_its_use_again(self, world: World) -> None:
        """As it was, also within the batch that made it."""
        issued = await a_coupon(world)
        wish = a_use(issued)
        later = replace(wish, now_ms=NOW_MS + DAY_MS)

        first, same = await world.redemptions.settle([wish, wish])
        again = await use(world, later)

        assert (first.replayed, same.replayed, again.replayed) == (False, True, True)
        assert replace(first, replayed=True) == same == again

    async def test_a_key_is_one_wish_s(self, world: World) -> None:
        """For another coupon or customer it is refused, whatever becomes of those otherwise."""
        campaign = await open_campaign(world, COUPON)
        first, second = [issued_in(one) for one in await settle(world, *crowd(campaign, 2))]
        asked = [a_use(first, key="k"), a_use(second, key="k")]

        settled = await world.redemptions.settle(asked)
        thief = await use(world, a_use(first, key="k", customer="thief"))

        outcomes = [one.outcome for one in (*settled, thief)]
        assert outcomes == [Outcome.REDEEMED, *[Outcome.IDEMPOTENCY_KEY_REUSED] * 2]
        assert await world.incentives.entry(place_of(second)) == LedgerEntry(second)

    async def test_each_tenant_has_his_keys(self, world: World) -> None:
        """One batch of two tenants' wishes, with one key."""
        rows = [await a_coupon(world)]
        other = await keep_tenant(world, a_tenant("rival"))
        definition = a_definition(COUPON)
        campaign = a_campaign(definition, other.number, id="camp_of_rival")
        wish = a_wish(await keep_campaign(world, campaign))
        rows.append(issued_in(await settle_one(world, wish)))

        asked = [a_use(row, key="k", tenant=1 + at) for at, row in enumerate(rows)]
        settled = await world.redemptions.settle(asked)
        again = await world.redemptions.settle(asked[::-1])

        assert [one.used for one in settled] == rows
        assert [(one.used, one.replayed) for one in again] == [(row, True) for row in rows[::-1]]

    async def test_a_refusal_binds_no_key(self, world: World) -> None:
        """The same key is decided afresh."""
        wish = a_use(await a_coupon(world), key="k")

        refused = await use(world, replace(wish, customer="thief"))
        settled = await use(world, wish)

        assert (refused.outcome, settled.outcome) == (Outcome.UNKNOWN_CODE, Outcome.REDEEMED)
        assert not settled.replayed

    async def test_a_dry_run_leaves_nothing(self, world: World) -> None:
        """No use, no key, no fact; in a batch those behind it know nothing of it."""
        campaign = await open_campaign(world, COUPON)
        issued = issued_in(await settle_one(world, a_wish(campaign)))
        dry = a_use(issued, key="", dry_run=True)

        tried = await world.redemptions.settle([dry, dry])

        assert [one.outcome for one in tried] == [Outcome.REDEEMED] * 2
        assert not any(one.replayed for one in tried)
        assert await world.incentives.entry(place_of(issued)) == LedgerEntry(issued)
        assert len(await told_of(world, campaign)) == 1

    # --- races ----------------------------------------------------------------------------------

    async def test_two_hundred_tills_and_one_coupon(self, world: World) -> None:
        """Exactly one of them redeems it."""
        issued = await a_coupon(world)

        settled = await race(world.redemptions, [a_use(issued, key=f"{n}") for n in range(TILLS)])

        outcomes = [one.outcome for one in settled]
        assert outcomes.count(Outcome.REDEEMED) == 1
        assert outcomes.count(Outcome.EXHAUSTED) == TILLS - 1

    async def test_two_hundred_calls_with_one_key(self, world: World) -> None:
        """One of them redeems it, and all are told the same."""
        issued = await a_coupon(world)

        settled = await race(world.redemptions, [a_use(issued, key="k") for _ in range(TILLS)])

        assert {one.used for one in settled if one.outcome is Outcome.REDEEMED} == {issued}
        assert sum(not one.replayed for one in settled) == 1

    async def test_two_coupons_and_one_key(self, world: World) -> None:
        """Whoever comes first has the key, though nothing else is the same for both."""
        rows = [await a_coupon(world)]
        another = a_campaign(a_definition(replace(COUPON, key="B")), id="camp_another")
        given = await settle_one(world, a_wish(await keep_campaign(world, another)))
        rows.append(issued_in(given))

        asked = [a_use(rows[n % 2], key="k") for n in range(TILLS)]
        settled = await race(world.redemptions, asked)

        assert sum(one.outcome is Outcome.REDEEMED and not one.replayed for one in settled) == 1
        assert len({one.used for one in settled if one.used is not None}) == 1


def a_use(issued: Issued, **changes: object) -> RedemptionWish:
    """A wish of acme's that a coupon be used, by its place in the ledger, at noon."""
    wish = RedemptionWish(
        tenant=1,
        customer=issued.customer,
        key=f"use {issued.reward} {issued.serial}",
        sought=place_of(issued),
        now_ms=NOW_MS,
    )
    return replace(wish, **changes)


def by_counter(issued: Issued) -> RedemptionWish:
    """The same by the place of its code."""
    assert issued.place is not None
    return a_use(issued, sought=Typed((("A99", issued.place),), None))


def _canonical(issued: Issued) -> str:
    assert issued.code is not None
    return issued.code.upper().replace("-", "")


async def a_coupon(world: World) -> Issued:
    """A coupon of acme's only campaign, which ann holds."""
    campaign: Campaign = await open_campaign(world, COUPON)
    wish: Wish = a_wish(campaign)
    return issued_in(await settle_one(world, wish))


async def use(world: World, wish: RedemptionWish) -> RedemptionSettled:
    """Settle a wish by itself."""
    [settled] = await world.redemptions.settle([wish])
    return settled


async def race(store: RedemptionStore, wishes: Sequence[RedemptionWish]) -> list[RedemptionSettled]:
    """Settle many wishes at the same time, each in a batch of its own.

    Who finds the store busy asks again with his key, as the API tells him to.
    """

    async def settled(wish: RedemptionWish) -> RedemptionSettled:
        while True:
            try:
                [one] = await store.settle([wish])
            except (BusyError, UnavailableError):
                continue
            return one

    return list(await asyncio.gather(*map(settled, wishes)))
