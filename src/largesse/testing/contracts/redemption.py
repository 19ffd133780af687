"""The behaviour that every `RedemptionStore` shares."""

import asyncio
from collections.abc import Callable

import pytest

from largesse.issuance.decide import definition_of
from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.kernel.errors import BusyError, KeyReusedError, UnavailableError
from largesse.kernel.fact import FactKind
from largesse.kernel.outcome import Outcome
from largesse.redemption import decide
from largesse.redemption.model import Redeemed, RedemptionWish
from largesse.redemption.ports import RedemptionRecords, RedemptionStore
from largesse.testing.contracts.ledger import counters, expire, issued_in, place_of
from largesse.testing.contracts.outbox import told_of
from largesse.testing.factories import (
    DAY_MS,
    NOW_MS,
    World,
    a_command,
    a_reward,
    a_wish,
    crowd,
    open_campaign,
    revoke,
    settle,
    settle_one,
)

TILLS = 200
"""They all scan one coupon at once."""


class RedemptionStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_a_use_is_kept(self, world: World) -> None:
        """With its time; the unit stays issued, and all adds up."""
        campaign = await open_campaign(world, a_reward(quota_total=2))
        issued = issued_in(await settle_one(world, a_wish(campaign)))

        await redeem(world, issued, NOW_MS + 7)

        used = LedgerEntry(issued, redeemed_at_ms=NOW_MS + 7)
        assert await world.incentives.entry(place_of(issued)) == used
        assert await world.incentives.entries([issued.reward], None, 9) == [used]
        assert await world.redemptions.read(lambda records: records.entry(place_of(issued))) == used
        assert await counters(world, campaign) == (1, 1)
        assert (await world.incentives.prove(whole=True)).violations == ()

    async def test_a_coupon_is_used_once(self, world: World) -> None:
        """A second use fails and changes nothing, whoever forgot to look."""
        campaign = await open_campaign(world)
        issued = issued_in(await settle_one(world, a_wish(campaign)))
        await redeem(world, issued)

        def twice(records: RedemptionRecords) -> None:
            records.redeem(issued, NOW_MS + 1)

        with pytest.raises(Exception):  # noqa: B017, PT011 - each store fails in its own way
            await world.redemptions.write(a_command(), twice, type(None))

        entry = await world.incentives.entry(place_of(issued))
        assert entry == LedgerEntry(issued, redeemed_at_ms=NOW_MS)

    async def test_a_coupon_ends_once(self, world: World) -> None:
        """What was used is neither revoked nor expires; what ended so is not used."""
        campaign = await open_campaign(world, a_reward(quota_total=3, expires_after_s=1))
        used, revoked, expired = await settle(world, *crowd(campaign, 3))
        await redeem(world, issued_in(used))
        await revoke(world, revoked)

        assert await expire(world, NOW_MS + DAY_MS) == 1
        with pytest.raises(Exception):  # noqa: B017, PT011 - each store fails in its own way
            await revoke(world, used)
        for other in (revoked, expired):
            with pytest.raises(Exception):  # noqa: B017, PT011 - each store fails in its own way
                await redeem(world, issued_in(other))

        assert await counters(world, campaign) == (2, 3)
        assert (await world.incentives.prove(whole=True)).violations == ()

    async def test_a_used_coupon_is_held_all_the_same(self, world: World) -> None:
        """It counts towards its customer's cap: using one does not earn another."""
        campaign = await open_campaign(world, a_reward(per_customer_max=1))
        issued = issued_in(await settle_one(world, a_wish(campaign, key="1")))
        await redeem(world, issued)

        again = await settle_one(world, a_wish(campaign, key="2"))

        assert (again.outcome, again.issued) == (Outcome.CUSTOMER_LIMIT_REACHED, issued)

    async def test_a_key_brings_its_use_again(self, world: World) -> None:
        """Whatever has become of the coupon; other content is refused, a dry run keeps nothing."""
        campaign = await open_campaign(world)
        issued = issued_in(await settle_one(world, a_wish(campaign)))
        work = use_of(place_of(issued), issued.customer)
        command = a_command(key="k", content=b"this")

        await world.redemptions.write(a_command(key="k", dry_run=True), work, Redeemed)
        first = await world.redemptions.write(command, work, Redeemed)
        again = await world.redemptions.write(command, work, Redeemed)

        assert (first.replayed, again.replayed) == (False, True)
        assert again.answer == first.answer == Redeemed(issued, NOW_MS)
        with pytest.raises(KeyReusedError):
            await world.redemptions.write(a_command(key="k", content=b"that"), work, Redeemed)

    async def test_a_refusal_binds_no_key(self, world: World) -> None:
        """The same key is decided afresh."""
        campaign = await open_campaign(world)
        issued = issued_in(await settle_one(world, a_wish(campaign)))
        command = a_command(key="k")

        with pytest.raises(Refused):
            await world.redemptions.write(command, use_of(place_of(issued), "thief"), Redeemed)
        done = await world.redemptions.write(
            command, use_of(place_of(issued), issued.customer), Redeemed
        )

        assert not done.replayed

    async def test_a_use_is_told(self, world: World) -> None:
        """As the second fact about its coupon."""
        campaign = await open_campaign(world)
        issued = issued_in(await settle_one(world, a_wish(campaign)))
        await redeem(world, issued, NOW_MS + 3)

        told = (await told_of(world, campaign))[-1]

        assert (told.kind, told.sequence, told.at_ms) == (
            FactKind.INCENTIVE_REDEEMED,
            2,
            NOW_MS + 3,
        )
        assert told.issued == issued

    async def test_two_hundred_tills_and_one_coupon(self, world: World) -> None:
        """Exactly one of them redeems it."""
        campaign = await open_campaign(world)
        issued = issued_in(await settle_one(world, a_wish(campaign)))

        assert await tills_that_win(world.redemptions, issued) == 1


class Refused(Exception):  # noqa: N818 — as the service's own, which says why
    """The rules said no."""


def use_of(place: Place, customer: str) -> Callable[[RedemptionRecords], Redeemed]:
    """What a use case does within its transaction."""

    def work(records: RedemptionRecords) -> Redeemed:
        entry = records.entry(place)
        wish = RedemptionWish(tenant=1, customer=customer)
        if decide.redeem(wish, entry, None, NOW_MS) is not Outcome.REDEEMED:
            raise Refused
        assert entry is not None
        campaign = records.campaign_at(entry.issued.campaign, entry.issued.version)
        assert definition_of(campaign, place.reward) is not None
        records.redeem(entry.issued, NOW_MS)
        return Redeemed(entry.issued, NOW_MS)

    return work


async def redeem(world: World, issued: Issued, at_ms: int = NOW_MS) -> None:
    """Use a coupon."""

    def work(records: RedemptionRecords) -> None:
        records.redeem(issued, at_ms)

    await world.redemptions.write(a_command(), work, type(None))


async def tills_that_win(store: RedemptionStore, issued: Issued) -> int:
    """How many of many who use one coupon at once are told that they have.

    Who finds the store busy asks again with his key, as the API tells him to.
    """
    work = use_of(place_of(issued), issued.customer)

    async def uses(till: int) -> bool:
        while True:
            try:
                await store.write(a_command(key=f"till {till}"), work, Redeemed)
            except Refused:
                return False
            except (BusyError, UnavailableError):
                continue
            return True

    return sum(await asyncio.gather(*map(uses, range(TILLS))))
