"""The behaviour that every `CampaignStore` shares."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from msgspec.structs import replace

from largesse.campaigns.model import (
    Campaign,
    CampaignFilter,
    CampaignType,
    CodeBlock,
    Counters,
    OnRepeat,
    Status,
)
from largesse.campaigns.ports import CampaignRecords, PatternState
from largesse.kernel.errors import InvalidInputError
from largesse.kernel.fact import FactKind
from largesse.testing.factories import (
    NOW_MS,
    PERMUTED,
    World,
    a_campaign,
    a_command,
    a_definition,
    a_reward,
    a_tenant,
    a_wish,
    an_audit_entry,
    edited,
    keep_campaign,
    keep_tenant,
    open_campaign,
    settle,
)

Found = TypeVar("Found")
END_MS = NOW_MS + 1_000


class CampaignStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_a_campaign_comes_back_whole(self, world: World) -> None:
        """Every field of the definition, numbers for it and its rewards, and fresh counters."""
        reward = a_reward(
            quota_total=5,
            quota_daily=2,
            per_customer_max=1,
            code=PERMUTED,
            expires_after_s=60,
            metadata={"colour": "red", "sizes": [1, 2]},
        )
        kept = await open_campaign(
            world,
            reward,
            a_reward("OTHER"),
            ends_at_ms=END_MS,
            per_customer_max=3,
            on_repeat=OnRepeat.RETURN,
            revoke_keeps_cap=True,
            metadata={"이름": "봄"},
        )

        assert await read(world, lambda records: records.campaign(1, kept.id)) == kept
        assert await read(world, lambda records: records.campaign_numbered(1, kept.number)) == kept
        assert kept.definition.rewards[0] == reward
        assert kept.number > 0
        assert len({one.number for one in kept.rewards} - {0}) == 2
        assert all(one.counters == Counters() for one in kept.rewards)

    async def test_another_tenant_does_not_see_it(self, world: World) -> None:
        """Neither by id, nor by number, nor as a version, nor in a list."""
        kept = await open_campaign(world)
        other = await keep_tenant(world, a_tenant("beta"))

        def by_number(records: CampaignRecords) -> Campaign | None:
            return records.campaign_numbered(other.number, kept.number)

        assert await read(world, lambda records: records.campaign(other.number, kept.id)) is None
        assert await read(world, lambda records: records.version(other.number, kept.id, 1)) is None
        assert await read(world, by_number) is None
        assert await listed(world, tenant=other.number) == []

    async def test_a_change_is_published_before_its_writer_goes_on(self, world: World) -> None:
        """Whoever keeps campaigns in memory hears of what is now, once per transaction."""
        kept = await open_campaign(world)
        paused = await keep_campaign(world, replace(kept, status=Status.PAUSED))

        assert world.published == [kept, paused]

    async def test_what_was_undone_is_not_published(self, world: World) -> None:
        """Nobody hears of a dry run."""
        kept = await open_campaign(world)

        await world.campaigns.write(
            a_command(dry_run=True),
            lambda records: records.save_campaign(replace(kept, status=Status.PAUSED)),
            Campaign,
        )

        assert world.published == [kept]

    async def test_versions_never_change(self, world: World) -> None:
        """An edit leaves older versions readable, under today's status and counters."""
        first = await open_campaign(world, a_reward(quota_total=5))
        second = await keep_campaign(world, edited(first, name="Second"))
        await settle(world, a_wish(second))

        old = await read(world, lambda records: records.version(1, first.id, 1))
        new = await read(world, lambda records: records.version(1, first.id, 2))

        assert old is not None
        assert new is not None
        assert (old.version, old.definition) == (1, first.definition)
        assert (new.version, new.definition.name) == (2, "Second")
        assert old.rewards[0].counters == new.rewards[0].counters
        assert old.rewards[0].counters.issued == 1
        assert await read(world, lambda records: records.version(1, first.id, 3)) is None
        assert await world.incentives.version(first.number, 1) == old

    async def test_a_draft_may_change_its_rewards(self, world: World) -> None:
        """New rewards get new numbers; those that stay keep theirs; those taken away go."""
        await keep_tenant(world)
        definition = a_definition(a_reward("A"), a_reward("B"))
        draft = await keep_campaign(world, a_campaign(definition, status=Status.DRAFT))
        keeping, going = draft.rewards

        changed = a_campaign(a_definition(a_reward("C"), a_reward("A")), number=draft.number)
        rewards = (changed.rewards[0], replace(changed.rewards[1], number=keeping.number))
        saved = await keep_campaign(
            world, replace(changed, rewards=rewards, status=Status.DRAFT, version=2)
        )
        before = await read(world, lambda records: records.version(1, draft.id, 1))

        assert [one.definition.key for one in saved.rewards] == ["C", "A"]
        assert saved.rewards[1].number == keeping.number
        assert saved.rewards[0].number > going.number
        assert before is not None
        assert [one.number for one in before.rewards] == [keeping.number, 0]

    async def test_a_removed_draft_is_gone_and_its_number_with_it(self, world: World) -> None:
        """Numbers of campaigns and rewards are never given again."""
        await keep_tenant(world)
        draft = await keep_campaign(world, a_campaign(a_definition(), status=Status.DRAFT))

        await change(world, lambda records: records.remove_campaign(draft))
        next_one = await keep_campaign(world, a_campaign(a_definition()))

        assert await read(world, lambda records: records.version(1, draft.id, 1)) == next_one
        assert next_one.number > draft.number
        assert next_one.rewards[0].number > draft.rewards[0].number
        assert await listed(world) == [next_one.number]

    async def test_a_quota_is_held_against_the_stock(self, world: World) -> None:
        """A quota may go down to what was issued and no further; the refusal tells both numbers."""
        rewards = a_reward("A"), a_reward("B", quota_total=9)
        campaign = await open_campaign(world, *rewards)
        await settle(world, *(a_wish(campaign, name, reward=1) for name in ("ann", "bob", "cat")))

        with pytest.raises(InvalidInputError, match=r"2\b.*\b3\b") as refusal:
            await keep_campaign(world, with_quota(campaign, 2))

        assert refusal.value.pointer == "/rewards/1/quota_total"
        assert refusal.value.code == "QUOTA_BELOW_ISSUED"
        assert await read(world, lambda records: records.version(1, campaign.id, 2)) is None
        saved = await keep_campaign(world, with_quota(campaign, 3))
        assert saved.rewards[1].counters.issued == 3

    async def test_the_list_goes_newest_first_and_on_where_it_was_left(self, world: World) -> None:
        """By descending number below the last one seen, at most as many as asked for."""
        await keep_tenant(world)
        kept = [await keep_named(world, name) for name in ("one", "two", "three")]

        assert await listed(world, limit=2) == [kept[2].number, kept[1].number]
        assert await listed(world, before=kept[1].number) == [kept[0].number]

    @pytest.mark.parametrize(
        ("status", "names"),
        [
            (Status.DRAFT, ["draft"]),
            (Status.ACTIVE, ["endless", "ends later"]),
            (Status.PAUSED, ["paused"]),
            (Status.ENDED, ["over", "ended"]),
        ],
    )
    async def test_the_filter_of_statuses_knows_the_time(
        self, world: World, status: Status, names: list[str]
    ) -> None:
        """An active campaign at or past its end is listed with those that were ended by hand."""
        await keep_tenant(world)
        await keep_named(world, "endless")
        await keep_named(world, "ends later", ends_at_ms=NOW_MS + 1)
        await keep_named(world, "over", ends_at_ms=NOW_MS)
        for other in (Status.DRAFT, Status.PAUSED, Status.ENDED):
            await keep_named(world, other.lower(), other, ends_at_ms=NOW_MS)

        which = CampaignFilter(now_ms=NOW_MS, status=status)
        found = await read(world, lambda records: records.campaigns(1, which, None, 100))

        assert sorted(one.definition.name for one in found) == sorted(names)

    @pytest.mark.parametrize(
        ("typed", "count"),
        [("SPRING", 1), ("é 10", 1), ("100%", 1), ("0_o", 0), ("%", 1), ("", 2), ("\\", 0)],
    )
    async def test_the_filter_of_names(self, world: World, typed: str, count: int) -> None:
        """Any part of the name in any case, and no character with a meaning of its own."""
        await keep_tenant(world)
        await keep_named(world, "Spring É 100% off")
        await keep_named(world, "Winter")

        which = CampaignFilter(now_ms=NOW_MS, name_contains=typed, type=CampaignType.CLAIM)

        assert len(await read(world, lambda found: found.campaigns(1, which, None, 100))) == count

    async def test_a_pattern_is_kept_once_for_each_source(self, world: World) -> None:
        """A pattern that is there already is found, with what was taken of it."""
        await keep_tenant(world)

        def work(records: CampaignRecords) -> None:
            first = records.add_pattern(1, "A99", "permuted")
            records.take_block(first.id, reward=7, count=3)
            again = records.add_pattern(1, "A99", "permuted")
            other = records.add_pattern(1, "###", "random")
            assert again == PatternState(first.id, "A99", "permuted", taken=3)
            assert records.patterns(1) == [again, other]
            assert records.patterns(2) == []

        await change(world, work)

    async def test_blocks_share_the_places_of_a_pattern(self, world: World) -> None:
        """Each takes the next places of the counter; a reward's serials go on from its last."""
        await keep_tenant(world)

        def work(records: CampaignRecords) -> None:
            pattern = records.add_pattern(1, "A99", "permuted").id
            taken = [records.take_block(pattern, reward, 10) for reward in (7, 8, 7)]
            assert taken == [CodeBlock(1, 0, 10), CodeBlock(1, 10, 10), CodeBlock(11, 20, 10)]
            assert records.blocks(7) == [taken[0], taken[2]]
            assert records.blocks(9) == []

        await change(world, work)
        assert await world.incentives.place_of_counter(1, "A99", 9) == (7, 10)
        assert await world.incentives.place_of_counter(1, "A99", 10) == (8, 1)
        assert await world.incentives.place_of_counter(1, "A99", 29) == (7, 20)
        assert await world.incentives.place_of_counter(1, "A99", 30) is None
        assert await world.incentives.place_of_counter(1, "###", 0) is None
        assert await world.incentives.place_of_counter(2, "A99", 0) is None

    async def test_audit_entries_are_the_tenant_s(self, world: World) -> None:
        """What campaigns write of who did what is read where all such entries are."""
        await keep_tenant(world)
        entry = an_audit_entry("camp_1")

        await change(world, lambda records: records.audit(entry))

        found = await world.tenants.read(lambda records: records.audit_entries(1, None, 9))
        assert [one for _, one in found] == [entry]

    async def test_facts_are_told(self, world: World) -> None:
        """A fact about a campaign makes the journal longer by one row."""
        campaign = await open_campaign(world)
        before = (await world.incentives.prove(whole=True)).rows

        await change(
            world, lambda records: records.tell(FactKind.CAMPAIGN_CHANGED, campaign, NOW_MS)
        )

        assert (await world.incentives.prove(whole=True)).rows == before + 1

    async def test_a_process_starts_with_all_but_drafts(self, world: World) -> None:
        """Ended campaigns too: their winners may ask again."""
        await keep_tenant(world)
        kept = [await keep_named(world, status.lower(), status) for status in Status]

        assert await world.incentives.campaigns() == kept[1:]


def with_quota(campaign: Campaign, quota: int) -> Campaign:
    """The next version, in which the second reward has another total quota."""
    first, second = campaign.definition.rewards
    return edited(campaign, rewards=(first, replace(second, quota_total=quota)))


async def keep_named(
    world: World, name: str, status: Status = Status.ACTIVE, **changes: object
) -> Campaign:
    """Keep one more campaign of the first tenant."""
    campaign = a_campaign(a_definition(name=name, **changes), status=status, id=f"camp_{name}")
    return await keep_campaign(world, campaign)


async def listed(
    world: World, tenant: int = 1, before: int | None = None, limit: int = 100
) -> list[int]:
    """The numbers of a page of a tenant's campaigns."""
    which = CampaignFilter(now_ms=NOW_MS)
    page = await read(world, lambda records: records.campaigns(tenant, which, before, limit))
    return [campaign.number for campaign in page]


async def read(world: World, work: Callable[[CampaignRecords], Found]) -> Found:
    """Ask the records."""
    return await world.campaigns.read(work)


async def change(world: World, work: Callable[[CampaignRecords], None]) -> None:
    """Change the records."""
    await world.campaigns.write(a_command(), work, type(None))
