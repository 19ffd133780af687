"""The behaviour that every `OutboxStore` shares."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, Status
from largesse.campaigns.ports import CampaignRecords
from largesse.issuance.model import Told, Wanted
from largesse.issuance.ports import OutboxStore
from largesse.kernel.fact import START, FactKind, Position
from largesse.kernel.lease import LeaseLostError
from largesse.testing.factories import (
    NOW_MS,
    PERMUTED,
    RANDOM,
    World,
    a_campaign,
    a_command,
    a_definition,
    a_reward,
    a_tenant,
    a_wish,
    crowd,
    keep_campaign,
    keep_tenant,
    open_campaign,
    revoke,
    settle,
)

NAME = "a subscriber"
LEASE_MS = 10_000
EVERY = frozenset(FactKind)


class OutboxStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_facts_come_in_their_order(self, world: World) -> None:
        """Those of one incentive, and those of a reward, with all that they are about."""
        campaign = await open_campaign(world, a_reward(quota_total=2, expires_at_ms=NOW_MS + 5))
        one, two = await settle(world, *crowd(campaign, 2))
        await revoke(world, one, NOW_MS + 1)
        world.clock.advance(6)
        assert await world.incentives.expire(lambda _: NOW_MS + 6) == 1

        told = await told_of(world, campaign)

        assert [(row.kind, row.serial, row.sequence) for row in told] == [
            (FactKind.INCENTIVE_ISSUED, 1, 1),
            (FactKind.INCENTIVE_ISSUED, 2, 1),
            (FactKind.STOCK_EXHAUSTED, 2, 0),
            (FactKind.INCENTIVE_REVOKED, 1, 2),
            (FactKind.INCENTIVE_EXPIRED, 2, 2),
        ]
        assert [row.at_ms - NOW_MS for row in told] == [0, 0, 0, 1, 6]
        assert [row.issued for row in told] == [
            one.issued,
            two.issued,
            None,
            one.issued,
            two.issued,
        ]
        about = {(row.tenant, row.campaign, row.campaign_id, row.version) for row in told}
        assert about == {(campaign.tenant, campaign.number, campaign.id, campaign.version)}

    async def test_codes_come_along(self, world: World) -> None:
        """A permuted code by its place, and one made at random by its text."""
        rewards = (a_reward("ONE", code=PERMUTED), a_reward("TWO", code=RANDOM))
        campaign = await open_campaign(world, *rewards)
        wishes = [a_wish(campaign, "ann", 0), a_wish(campaign, "bob", 1)]
        settled = await settle(world, *wishes)

        told = await told_of(world, campaign)

        assert [row.issued for row in told] == [one.issued for one in settled]
        one, two = (row.issued for row in told)
        assert one is not None
        assert one.place is not None
        assert two is not None
        assert two.code is not None

    async def test_changes_of_campaigns_say_what_became_of_them(self, world: World) -> None:
        """The version and the status at that time, whatever came later."""
        campaign = await open_campaign(world)
        for status in (Status.PAUSED, Status.ACTIVE):
            campaign = await keep_campaign(world, replace(campaign, status=status))
            await tell(world, campaign, NOW_MS)

        told = await told_of(world, campaign)

        assert [row.kind for row in told] == [FactKind.CAMPAIGN_CHANGED] * 2
        assert [row.status for row in told] == ["PAUSED", "ACTIVE"]
        assert {(row.version, row.sequence, row.issued) for row in told} == {(1, 0, None)}

    async def test_a_campaign_that_is_gone_is_told_of_no_more(self, world: World) -> None:
        """A draft that was deleted before anybody heard of it."""
        tenant = await keep_tenant(world)
        draft = a_campaign(a_definition(), tenant.number, status=Status.DRAFT)
        draft = await keep_campaign(world, draft)
        await tell(world, draft, NOW_MS)
        [row] = await told_of(world, draft)
        await world.campaigns.write(
            a_command(tenant.number), lambda records: records.remove_campaign(draft), type(None)
        )

        assert await told_of(world, draft) == []
        assert await outbox_of(world).at([row.position]) == []

    async def test_only_what_is_wanted(self, world: World) -> None:
        """By tenant, by kind, and beyond a position."""
        mine = await open_campaign(world, a_reward(quota_total=1))
        rival = await keep_tenant(world, a_tenant("rival"))
        theirs = await keep_campaign(
            world, a_campaign(a_definition(), rival.number, id="camp_rival")
        )
        await settle(world, *crowd(mine, 1), *crowd(theirs, 1))
        both = frozenset({mine.tenant, theirs.tenant})

        every = await all_told(outbox_of(world), Wanted(both, EVERY, START))
        kinds = frozenset({FactKind.STOCK_EXHAUSTED})
        exhausted = await all_told(outbox_of(world), Wanted(both, kinds, START))
        of_rival = await told_of(world, theirs)
        first = min(row.position for row in every)
        later = await all_told(outbox_of(world), Wanted(both, EVERY, first))

        assert len(every) == 3
        assert [row.kind for row in exhausted] == [FactKind.STOCK_EXHAUSTED]
        assert [row.campaign for row in of_rival] == [theirs.number]
        assert sorted(row.position for row in later) == sorted(row.position for row in every)[1:]

    async def test_pieces_miss_nothing(self, world: World) -> None:
        """However small they are, and though most of what is there is not wanted."""
        campaign = await open_campaign(world, a_reward(quota_total=20))
        await settle(world, *crowd(campaign, 20))
        wanted = Wanted(frozenset({campaign.tenant}), EVERY, START)
        one_kind = wanted._replace(kinds=frozenset({FactKind.STOCK_EXHAUSTED}))

        whole = await all_told(outbox_of(world), wanted, limit=1_000)
        for limit in (1, 3, 7):
            assert await all_told(outbox_of(world), wanted, limit) == whole
            [last] = await all_told(outbox_of(world), one_kind, limit)
            assert last.kind is FactKind.STOCK_EXHAUSTED
        assert len(whole) == 21

    async def test_what_is_about_one_thing_is_in_one_part(self, world: World) -> None:
        """Else nobody could keep its order."""
        for name in ("one", "two", "three", "four"):
            tenant = await keep_tenant(world, a_tenant(name))
            definition = a_definition(a_reward(quota_total=2))
            kept = await keep_campaign(
                world, a_campaign(definition, tenant.number, id=f"camp_{name}")
            )
            settled = await settle(world, *crowd(kept, 2))
            await revoke(world, settled[0], tenant=tenant.number)
        outbox = outbox_of(world)
        wanted = Wanted(frozenset(range(10)), EVERY, START)
        parts = [
            (await outbox.read(part, START, wanted, 1_000)).rows for part in range(outbox.parts)
        ]

        homes: dict[tuple[int | None, int | None], set[int]] = {}
        for part, rows in enumerate(parts):
            assert [row.position for row in rows] == sorted(row.position for row in rows)
            for row in rows:
                homes.setdefault((row.reward, row.serial), set()).add(part)
        assert all(len(home) == 1 for home in homes.values())
        assert sum(len(rows) for rows in parts) == 4 * 4

    async def test_facts_are_found_again_by_their_positions(self, world: World) -> None:
        """The same as they were read, in ascending order; unknown positions are left out."""
        campaign = await open_campaign(world)
        await settle(world, *crowd(campaign, 3))
        told = await told_of(world, campaign)
        positions = [row.position for row in told]

        assert await outbox_of(world).at([positions[2], positions[0]]) == [told[0], told[2]]
        assert await outbox_of(world).at([]) == []

    async def test_a_part_has_one_holder(self, world: World) -> None:
        """Until his lease has run out, or he lets it go; he may prolong it meanwhile."""
        outbox = outbox_of(world)
        mine = await outbox.lease(NAME, 0, "me", LEASE_MS)
        assert mine is not None
        assert mine.position == START
        world.clock.advance(LEASE_MS - 1)
        assert await outbox.lease(NAME, 0, "you", LEASE_MS) is None
        assert await outbox.lease(NAME, 0, "me", LEASE_MS) == mine
        world.clock.advance(LEASE_MS - 1)
        assert await outbox.lease(NAME, 0, "you", LEASE_MS) is None
        await outbox.release(mine)
        yours = await outbox.lease(NAME, 0, "you", LEASE_MS)
        assert yours is not None
        assert yours.token > mine.token
        assert await outbox.lease("other work", 0, "me", LEASE_MS) is not None

    async def test_who_lost_his_lease_changes_nothing(self, world: World) -> None:
        """He may have been asleep while another one went on."""
        await hold_against_a_latecomer(world, outbox_of(world))

    async def test_a_position_is_kept(self, world: World) -> None:
        """The next holder goes on there."""
        campaign = await open_campaign(world)
        await settle(world, *crowd(campaign, 3))
        told = await told_of(world, campaign)
        outbox = outbox_of(world)
        lease = await outbox.lease(NAME, 0, "me", LEASE_MS)
        assert lease is not None

        await outbox.keep(lease, told[1].position)
        await outbox.release(lease)

        again = await outbox.lease(NAME, 0, "you", LEASE_MS)
        assert again is not None
        assert again.position == told[1].position


async def hold_against_a_latecomer(world: World, outbox: OutboxStore) -> None:
    """Let one holder's lease run out, and have him try to keep a position after the next one."""
    mine = await outbox.lease(NAME, 0, "me", LEASE_MS)
    assert mine is not None
    world.clock.advance(LEASE_MS)
    yours = await outbox.lease(NAME, 0, "you", LEASE_MS)
    assert yours is not None
    await outbox.keep(yours, Position(0, 5))
    with pytest.raises(LeaseLostError):
        await outbox.keep(mine, Position(0, 3))
    await outbox.release(mine)
    assert await outbox.lease(NAME, 0, "me", LEASE_MS) is None
    again = await outbox.lease(NAME, 0, "you", LEASE_MS)
    assert again is not None
    assert again.position == Position(0, 5)


def outbox_of(world: World) -> OutboxStore:
    """The outbox of a world that has one."""
    assert world.outbox is not None
    return world.outbox


async def told_of(world: World, campaign: Campaign) -> list[Told]:
    """All that is told of a campaign's tenant."""
    return await all_told(outbox_of(world), Wanted(frozenset({campaign.tenant}), EVERY, START))


async def all_told(outbox: OutboxStore, wanted: Wanted, limit: int = 1_000) -> list[Told]:
    """Everything that is wanted, part by part, in pieces of so many rows."""
    return [row for part in range(outbox.parts) for row in await _part(outbox, part, wanted, limit)]


async def _part(outbox: OutboxStore, part: int, wanted: Wanted, limit: int) -> Iterable[Told]:
    told: list[Told] = []
    after, more = START, True
    while more:
        piece = await outbox.read(part, after, wanted, limit)
        assert piece.after == after
        told += piece.rows
        after, more = piece.upto, piece.more
    return told


async def tell(world: World, campaign: Campaign, at_ms: int) -> None:
    """Write the fact that a campaign has changed."""

    def work(records: CampaignRecords) -> None:
        records.tell(FactKind.CAMPAIGN_CHANGED, campaign, at_ms)

    await world.campaigns.write(a_command(campaign.tenant), work, type(None))
