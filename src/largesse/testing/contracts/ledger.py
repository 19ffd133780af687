"""The behaviour that every `LedgerStore` shares, and what is read of incentives beside it."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from msgspec import Struct
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, OnRepeat
from largesse.issuance.model import Issued, LedgerEntry, Place, Settled
from largesse.issuance.ports import LedgerRecords
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import (
    DAY_MS,
    NOW_MS,
    World,
    a_campaign,
    a_command,
    a_definition,
    a_reward,
    a_tenant,
    a_wish,
    an_audit_entry,
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

Found = TypeVar("Found")


class LedgerStoreContract:
    """Mix into a test class that has a `world` fixture."""

    # --- reading --------------------------------------------------------------------------------

    async def test_an_entry_is_the_row_as_it_was_answered(self, world: World) -> None:
        """By reward and serial, for those who look from outside and within a transaction."""
        campaign = await open_campaign(world)
        issued = issued_in(await settle_one(world, a_wish(campaign)))
        place = Place(issued.reward, issued.serial)

        assert await world.incentives.entry(place) == LedgerEntry(issued)
        assert await read(world, lambda records: records.entry(place)) == LedgerEntry(issued)

    @pytest.mark.parametrize("serial", [-1, 0, 2, 2**62])
    async def test_a_serial_never_given_has_no_entry(self, world: World, serial: int) -> None:
        """Neither beside those given, nor of a reward that is not there."""
        campaign = await open_campaign(world)
        await settle(world, a_wish(campaign))

        places = Place(campaign.rewards[0].number, serial), Place(999, 1)

        assert [await world.incentives.entry(place) for place in places] == [None, None]

    async def test_entries_go_by_reward_and_serial(self, world: World) -> None:
        """On where the list was left, over several rewards, and of no others."""
        campaign = await open_campaign(world, a_reward("A"), a_reward("B"), a_reward("C"))
        for name in ("ann", "bob"):
            await settle(
                world, *(a_wish(campaign, name, index, key=f"{index}") for index in range(3))
            )
        first, second, _ = (reward.number for reward in campaign.rewards)

        async def page(after: Place | None, limit: int) -> list[tuple[int, int]]:
            found = await world.incentives.entries([first, second], after, limit)
            return [(one.issued.reward, one.issued.serial) for one in found]

        everything = [(first, 1), (first, 2), (second, 1), (second, 2)]
        assert await page(None, 9) == everything
        assert await page(None, 3) == everything[:3]
        assert await page(Place(first, 1), 2) == everything[1:3]
        assert await page(Place(first, 2), 9) == everything[2:]
        assert await page(Place(second, 2), 9) == []
        assert await world.incentives.entries([], None, 9) == []

    async def test_a_walk_sees_each_entry_once_while_more_are_issued(self, world: World) -> None:
        """What is there at the start appears once and in order; new ones come at the end."""
        campaign = await open_campaign(world, a_reward("A"), a_reward("B"))
        numbers = [reward.number for reward in campaign.rewards]
        await settle(world, *crowd(campaign, 5))
        seen: list[LedgerEntry] = []
        after = None

        for step in range(9):
            page = await world.incentives.entries(numbers, after, 2)
            seen += page
            after = place_of(seen[-1].issued)
            if step < 3:
                await settle(world, a_wish(campaign, f"late {step}"))
                await settle(world, a_wish(campaign, f"late {step}", reward=1, key="other"))

        assert [(one.issued.reward, one.issued.serial) for one in seen] == [
            *((numbers[0], serial) for serial in range(1, 9)),
            *((numbers[1], serial) for serial in range(1, 4)),
        ]

    async def test_counters_come_in_the_order_they_were_asked_for(self, world: World) -> None:
        """One for each reward."""
        campaign = await open_campaign(world, a_reward("A"), a_reward("B"))
        first, second = (reward.number for reward in campaign.rewards)
        await settle(world, a_wish(campaign, reward=1))

        found = await world.incentives.counters([second, first])

        assert [one.issued for one in found] == [1, 0]

    async def test_a_campaign_is_read_as_it_was(self, world: World) -> None:
        """Within a transaction too: an old version with the counters of now."""
        campaign = await open_campaign(world)
        await keep_campaign(world, edited(campaign, name="Another"))
        await settle(world, a_wish(campaign))

        old = await read(world, lambda records: records.campaign_at(campaign.number, 1))

        assert old.definition == campaign.definition
        assert old.rewards[0].counters.issued == 1

    async def test_audit_entries_are_the_tenant_s(self, world: World) -> None:
        """What is written of who did what is read where all such entries are."""
        await keep_tenant(world)
        entry = an_audit_entry("inc_1")

        await world.ledger.write(a_command(), lambda records: records.audit(entry), type(None))

        found = await world.tenants.read(lambda records: records.audit_entries(1, None, 9))
        assert [one for _, one in found] == [entry]

    # --- revoking -------------------------------------------------------------------------------

    async def test_a_revoke_gives_stock_back_and_never_a_serial(self, world: World) -> None:
        """One to the total and one to the day of issue; the next unit has the next serial."""
        campaign = await open_campaign(world, a_reward(quota_total=2, quota_daily=2))
        first, _ = await settle(world, *crowd(campaign, 2))

        await revoke(world, first, at_ms=NOW_MS + 7)

        issued = issued_in(first)
        entry = await world.incentives.entry(place_of(issued))
        assert entry == LedgerEntry(issued, revoked_at_ms=NOW_MS + 7)
        next_ones = await settle(world, a_wish(campaign, "cat"), a_wish(campaign, "dan"))
        assert serials(next_ones) == [3]
        assert next_ones[1].outcome is Outcome.SOLD_OUT_TODAY
        assert (await world.incentives.prove(whole=True)).violations == ()

    async def test_a_revoke_gives_back_once(self, world: World) -> None:
        """A second one fails and changes nothing, whoever forgot to look."""
        campaign = await open_campaign(world, a_reward(quota_total=2))
        first, _ = await settle(world, *crowd(campaign, 2))
        await revoke(world, first)

        with pytest.raises(Exception):  # noqa: B017, PT011 - each store fails in its own way
            await revoke(world, first)

        assert await counters(world, campaign) == (1, 2)
        ends = [one.outcome for one in await settle(world, *crowd(campaign, 2, NOW_MS + 1))]
        assert ends == [Outcome.ISSUED, Outcome.SOLD_OUT]

    async def test_two_revokes_in_one_transaction_give_back_once(self, world: World) -> None:
        """Nor does a use case that revokes twice."""
        campaign = await open_campaign(world, a_reward(quota_total=2))
        first, _ = await settle(world, *crowd(campaign, 2))
        issued = issued_in(first)

        def twice(records: LedgerRecords) -> None:
            records.revoke(issued, NOW_MS)
            records.revoke(issued, NOW_MS)

        with pytest.raises(Exception):  # noqa: B017, PT011 - each store fails in its own way
            await world.ledger.write(a_command(), twice, type(None))

        assert await counters(world, campaign) == (2, 2)

    async def test_what_was_issued_yesterday_is_not_given_back_to_today(self, world: World) -> None:
        """The daily quota gets a unit back only while its day of issue is the present one."""
        campaign = await open_campaign(world, a_reward(quota_daily=1))
        tomorrow_ms = NOW_MS + DAY_MS
        old = await settle_one(world, a_wish(campaign, "ann"))
        new = await settle_one(world, a_wish(campaign, "bob", now_ms=tomorrow_ms))

        await revoke(world, old, tomorrow_ms)
        [refused] = await settle(world, *crowd(campaign, 1, tomorrow_ms))
        await revoke(world, new, tomorrow_ms)
        [given] = await settle(world, *crowd(campaign, 1, tomorrow_ms))

        assert refused.outcome is Outcome.SOLD_OUT_TODAY
        assert given.outcome is Outcome.ISSUED
        assert (await world.incentives.prove(whole=True)).violations == ()

    @pytest.mark.parametrize("keeps", [False, True])
    @pytest.mark.parametrize("of_campaign", [False, True])
    async def test_a_revoke_and_the_cap(
        self, world: World, *, keeps: bool, of_campaign: bool
    ) -> None:
        """The customer may have another one, unless `revoke_keeps_cap` counts what he had."""
        reward = a_reward(per_customer_max=None if of_campaign else 2)
        campaign = await open_campaign(
            world, reward, per_customer_max=2 if of_campaign else None, revoke_keeps_cap=keeps
        )
        first, second = await settle(world, *(a_wish(campaign, key=f"{n}") for n in range(2)))
        await revoke(world, first)

        third = await settle_one(world, a_wish(campaign, key="3"))
        fourth = await settle_one(world, a_wish(campaign, key="4"))

        refused = Outcome.CUSTOMER_LIMIT_REACHED
        assert third.outcome is (refused if keeps else Outcome.ISSUED)
        assert fourth == Settled(refused, first.issued if keeps else second.issued)

    async def test_what_was_revoked_is_not_returned(self, world: World) -> None:
        """With RETURN too, only what the customer still holds is given again."""
        reward = a_reward(per_customer_max=1)
        campaign = await open_campaign(world, reward, on_repeat=OnRepeat.RETURN)
        first = await settle_one(world, a_wish(campaign, key="1"))
        await revoke(world, first)

        second = await settle_one(world, a_wish(campaign, key="2"))
        third = await settle_one(world, a_wish(campaign, key="3"))

        assert (second.outcome, serials([second])) == (Outcome.ISSUED, [2])
        assert third == Settled(Outcome.ALREADY_HELD, second.issued)

    async def test_a_dry_run_revokes_nothing(self, world: World) -> None:
        """Nor does it bind its key."""
        campaign = await open_campaign(world, a_reward(quota_total=1))
        settled = await settle_one(world, a_wish(campaign))
        work = partial(revoke_and_tell, issued_in(settled))
        command = a_command(key="k", dry_run=True)

        await world.ledger.write(command, work, Told)
        assert await counters(world, campaign) == (1, 1)

        done = await world.ledger.write(replace(command, dry_run=False), work, Told)
        again = await world.ledger.write(replace(command, dry_run=False), work, Told)
        assert (done.replayed, again.replayed) == (False, True)
        assert await counters(world, campaign) == (0, 1)

    # --- expiring -------------------------------------------------------------------------------

    async def test_expiry_is_told_once(self, world: World) -> None:
        """At the moment of expiry, not before; it gives no stock back."""
        campaign = await open_campaign(world, a_reward(quota_total=3, expires_after_s=60))
        settled = await settle(world, *crowd(campaign, 3))
        over_ms = NOW_MS + 60_000

        assert await expire(world, over_ms - 1) == 0
        assert await expire(world, over_ms) == 3
        assert await expire(world, over_ms + 1) == 0

        entry = await world.incentives.entry(place_of(issued_in(settled[0])))
        assert entry == LedgerEntry(issued_in(settled[0]), expired_at_ms=over_ms)
        assert await counters(world, campaign) == (3, 3)
        assert (await world.incentives.prove(whole=True)).violations == ()

    async def test_expiry_follows_the_version_of_issue(self, world: World) -> None:
        """An edit moves the expiry of what is issued after it, and of nothing before."""
        reward = a_reward(expires_at_ms=NOW_MS + 10)
        campaign = await open_campaign(world, reward)
        old = await settle_one(world, a_wish(campaign, "ann"))
        later = replace(reward, expires_at_ms=NOW_MS + 99)
        await keep_campaign(world, edited(campaign, rewards=(later,)))
        new = await settle_one(world, a_wish(campaign, "bob"))

        assert await expire(world, NOW_MS + 10) == 1
        entries = [await world.incentives.entry(place_of(issued_in(one))) for one in (old, new)]
        assert [one and one.expired_at_ms for one in entries] == [NOW_MS + 10, None]
        assert await expire(world, NOW_MS + 99) == 1

    async def test_the_shorter_of_two_expiries_does_not_wait_for_the_longer(
        self, world: World
    ) -> None:
        """Later issues may expire sooner: by an edit, or in another reward."""
        long, short = a_reward("A", expires_after_s=99), a_reward("B", expires_after_s=1)
        campaign = await open_campaign(world, long, short)
        await settle(world, a_wish(campaign), a_wish(campaign, "bob", reward=1))
        shorter = replace(long, expires_after_s=2)
        await keep_campaign(world, edited(campaign, rewards=(shorter, short)))
        await settle(world, a_wish(campaign, "cat"))

        assert [await expire(world, NOW_MS + 1000 * after_s) for after_s in (1, 2, 98, 99)] == [
            *(1, 1),
            *(0, 1),
        ]

    async def test_expiry_goes_by_each_tenant_s_time(self, world: World) -> None:
        """A tenant whose clock stands still loses nothing."""
        moving = await open_campaign(world, a_reward(expires_after_s=1))
        other = await keep_tenant(world, a_tenant("beta"))
        definition = a_definition(a_reward(expires_after_s=1))
        standing = await keep_campaign(world, a_campaign(definition, other.number, id="camp_2"))
        await settle(world, a_wish(moving), a_wish(standing))

        def now_ms(tenant: int) -> int:
            return NOW_MS + (DAY_MS if tenant == moving.tenant else 0)

        assert await world.incentives.expire(now_ms) == 1
        assert await world.incentives.expire(now_ms) == 0

    async def test_what_was_revoked_does_not_expire(self, world: World) -> None:
        """An incentive ends once."""
        campaign = await open_campaign(world, a_reward(expires_after_s=1))
        revoked, other = await settle(world, *crowd(campaign, 2))
        await revoke(world, revoked)

        assert await expire(world, NOW_MS + DAY_MS) == 1

        with pytest.raises(Exception):  # noqa: B017, PT011 - each store fails in its own way
            await revoke(world, other)
        assert await counters(world, campaign) == (1, 2)

    # --- proving --------------------------------------------------------------------------------

    async def test_what_adds_up_is_proved(self, world: World) -> None:
        """A ledger with a past has no violations; the proof says when it was made and of what."""
        campaign = await open_campaign(world, a_reward(quota_total=9, quota_daily=4))
        first, *_ = await settle(world, *crowd(campaign, 5))
        await revoke(world, first)
        await settle(world, *crowd(campaign, 5, NOW_MS + DAY_MS))

        proof = await world.incentives.prove(whole=True)
        await settle(world, a_wish(campaign, now_ms=NOW_MS + 2 * DAY_MS))
        since = await world.incentives.prove(whole=False)

        assert (proof.violations, since.violations) == ((), ())
        assert proof.checked_at_ms == NOW_MS
        assert proof.campaigns == 1
        assert since.rows > proof.rows >= 9

    @pytest.mark.parametrize(
        "drift", [{"issued": 2}, {"issued_day": 2}, {"issued_day": 4}, {"serials": 4}]
    )
    async def test_a_drift_is_found(self, world: World, drift: dict[str, int]) -> None:
        """Each counter is held against the rows."""
        campaign = await open_campaign(world)
        await settle(world, *crowd(campaign, 3))
        reward = campaign.rewards[0].number
        [right] = await world.incentives.counters([reward])

        await world.corrupt(reward, replace(right, **drift))

        found = (await world.incentives.prove(whole=True)).violations
        assert found
        assert {violation.reward for violation in found} == {reward}
        await world.corrupt(reward, right)
        assert (await world.incentives.prove(whole=True)).violations == ()


class Told(Struct, frozen=True):
    """An answer that can be kept beside a key."""

    serial: int


def revoke_and_tell(issued: Issued, records: LedgerRecords) -> Told:
    """Take back an incentive."""
    records.revoke(issued, NOW_MS)
    return Told(issued.serial)


def issued_in(settled: Settled) -> Issued:
    """The row that a wish brought about."""
    assert settled.issued is not None
    return settled.issued


def place_of(issued: Issued) -> Place:
    """Where a row stands."""
    return Place(issued.reward, issued.serial)


async def expire(world: World, now_ms: int) -> int:
    """Let everybody's time come to a moment; how many incentives expired, in however many calls."""
    total = 0
    while count := await world.incentives.expire(lambda _: now_ms):
        total += count
    return total


async def counters(world: World, campaign: Campaign) -> tuple[int, int]:
    """How many units of the first reward are out, and how many serials were given."""
    [found] = await world.incentives.counters([campaign.rewards[0].number])
    return found.issued, found.serials


async def read(world: World, work: Callable[[LedgerRecords], Found]) -> Found:
    """Ask the records."""
    return await world.ledger.read(work)
