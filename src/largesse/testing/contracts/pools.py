"""The behaviour that every `PoolStore` shares."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest
from msgspec import Struct
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, CodeSource, Counters
from largesse.kernel.errors import UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.pools.model import Pool, PoolStatus
from largesse.pools.ports import Drawn, PoolRecords
from largesse.testing.factories import (
    PERMUTED,
    RANDOM,
    BulkWorld,
    a_command,
    a_pool,
    a_reward,
    a_wish,
    crowd,
    open_campaign,
    settle,
    settle_one,
)

T = TypeVar("T")


class _Answer(Struct):
    value: int


class PoolStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_a_pool_takes_units_and_places(self, world: BulkWorld) -> None:
        """Its units are reserved; its places follow those that the counter gave before."""
        campaign = await open_campaign(world, a_reward(quota_total=10, code=PERMUTED))
        one, two = [await add(world, a_pool(campaign, 3, name)) for name in ("pool_1", "pool_2")]

        assert (one.place, two.place) == (0, 3)
        assert one.number < two.number
        assert (await counters(world, campaign)).reserved == 6
        assert await look(world, lambda records: records.pool(1, "pool_1")) == one
        assert await look(world, lambda records: records.pool(2, "pool_1")) is None
        assert await look(world, lambda records: records.pools(1, None, 9)) == [two, one]
        assert await look(world, lambda records: records.pools(1, two.number, 9)) == [one]
        assert not (await world.incentives.prove(whole=True)).violations

    async def test_claims_never_get_what_a_pool_has(self, world: BulkWorld) -> None:
        """Neither its units nor its codes, whichever came first."""
        campaign = await open_campaign(world, a_reward(quota_total=5, code=PERMUTED))
        before = await settle_one(world, a_wish(campaign, "early"))
        pool = await add(world, a_pool(campaign, 2))

        after = await settle(world, *crowd(campaign, 4))

        outcomes = [one.outcome for one in (before, *after)]
        assert outcomes == [*[Outcome.ISSUED] * 3, *[Outcome.SOLD_OUT] * 2]
        places = {one.issued.place for one in (before, *after) if one.issued}
        assert pool.place is not None
        assert places.isdisjoint(range(pool.place, pool.place + pool.count))
        for place in range(pool.place, pool.place + pool.count):
            assert await world.incentives.place_of_counter(1, "A99", place) is None
            assert await look(world, partial(pool_of_place, place)) == pool
        assert not (await world.incentives.prove(whole=True)).violations

    async def test_the_quota_stands_in_the_write(self, world: BulkWorld) -> None:
        """Whatever was decided before it: nothing of the pool is kept."""
        campaign = await open_campaign(world, a_reward(quota_total=3, code=PERMUTED))
        await settle(world, *crowd(campaign, 1))
        kept = await add(world, a_pool(campaign, 1))

        with pytest.raises(UnavailableError, match="does not bear what was decided"):
            await add(world, a_pool(campaign, 2, "pool_2"))

        assert await look(world, lambda records: records.pools(1, None, 9)) == [kept]
        assert (await counters(world, campaign)).reserved == 1

    async def test_units_are_given_back(self, world: BulkWorld) -> None:
        """And claims may have them; the places are used up."""
        campaign = await open_campaign(world, a_reward(quota_total=2, code=PERMUTED))
        pool = await add(world, a_pool(campaign, 2))
        assert (await settle_one(world, a_wish(campaign))).outcome is Outcome.SOLD_OUT
        deleted = replace(pool, status=PoolStatus.DELETED)

        await change(world, partial(take_back, deleted))

        settled = await settle(world, *crowd(campaign, 3))
        assert [one.outcome for one in settled][1:] == [Outcome.ISSUED, Outcome.SOLD_OUT]
        assert {one.issued.place for one in settled if one.issued}.isdisjoint({0, 1})
        assert await look(world, lambda records: records.pool(1, pool.id)) == deleted
        assert not (await world.incentives.prove(whole=True)).violations

    async def test_random_codes_are_kept_once(self, world: BulkWorld) -> None:
        """One that the tenant has is not kept, in a pool or issued; another tenant may have it."""
        campaign = await open_campaign(world, a_reward(code=RANDOM))
        pool = await add(world, a_pool(campaign, 5))
        assert pool.place is None
        await settle_one(world, a_wish(campaign))  # it is given R0

        kept = [
            await keep(world, pool, "R1", "R2", "R0", first=1),
            await keep(world, pool, "R2", "R3", first=4),
        ]

        assert kept == [2, 1]
        found = await look(world, lambda records: records.codes(pool, 0, 9))
        assert found == [Drawn(1, "R1"), Drawn(2, "R2"), Drawn(5, "R3")]
        assert await look(world, lambda records: records.codes(pool, 1, 1)) == [Drawn(2, "R2")]
        assert await look(world, lambda records: records.pool_of_code(1, "R3")) == pool
        assert await look(world, lambda records: records.pool_of_code(2, "R3")) is None
        assert await look(world, lambda records: records.pool_of_code(1, "R0")) is None
        assert await world.incentives.place_of_code(1, "R3") is None

    async def test_claims_never_get_a_pool_s_random_code(self, world: BulkWorld) -> None:
        """They are given one that nobody has."""
        campaign = await open_campaign(world, a_reward(code=RANDOM))
        pool = await add(world, a_pool(campaign, 3))
        await keep(world, pool, "R0", "R1", "R2", first=1)

        settled = await settle(world, *crowd(campaign, 2))

        codes = [one.issued.code for one in settled if one.issued]
        assert codes == ["r-3", "r-4"]
        ready = replace(pool, status=PoolStatus.READY)
        await change(world, partial(save, ready))
        assert not (await world.incentives.prove(whole=True)).violations

    async def test_issued_codes_are_found(self, world: BulkWorld) -> None:
        """By place or by text, with the incentive that has them."""
        rewards = a_reward("A", code=PERMUTED), a_reward("B", code=RANDOM)
        campaign = await open_campaign(world, *rewards)
        first = await settle_one(world, a_wish(campaign))
        other = await settle_one(world, a_wish(campaign, "bob", reward=1))

        place = await look(world, lambda records: records.entry_of_place(1, "A99", 0))
        text = await look(world, lambda records: records.entry_of_code(1, "R0"))

        assert place is not None
        assert place.issued == first.issued
        assert text is not None
        assert text.issued == other.issued
        assert await look(world, lambda records: records.entry_of_place(1, "A99", 1)) is None
        assert await look(world, lambda records: records.entry_of_place(2, "A99", 0)) is None
        assert await look(world, lambda records: records.entry_of_code(2, "R0")) is None

    async def test_a_proof_finds_units_that_no_pool_has(self, world: BulkWorld) -> None:
        """A counter that lies about what is reserved."""
        campaign = await open_campaign(world, a_reward(quota_total=9, code=PERMUTED))
        await add(world, a_pool(campaign, 2))

        await world.corrupt(campaign.rewards[0].number, Counters(reserved=3))

        proof = await world.incentives.prove(whole=True)
        assert [violation.rule for violation in proof.violations] == ["reserved"]

    async def test_a_pattern_tells_what_is_taken(self, world: BulkWorld) -> None:
        """By rewards and by pools; random ones only by pools."""
        rewards = a_reward("A", code=PERMUTED), a_reward("B", code=RANDOM)
        campaign = await open_campaign(world, *rewards)
        await add(world, a_pool(campaign, 4))

        known = await look(world, lambda records: records.patterns(1))

        taken = {(state.pattern, state.source): state.taken for state in known}
        assert taken["A99", CodeSource.PERMUTED] == 4
        assert await look(world, lambda records: records.patterns(2)) == []


async def add(world: BulkWorld, pool: Pool) -> Pool:
    """Keep a new pool."""
    done = await world.pools.write(
        a_command(pool.tenant), lambda records: records.add_pool(pool), Pool
    )
    return done.answer


def pool_of_place(place: int, records: PoolRecords) -> Pool | None:
    """The pool that has a place of the first tenant's counter."""
    return records.pool_of_place(1, "A99", place)


def save(pool: Pool, records: PoolRecords) -> None:
    """Keep what has changed of a pool."""
    records.save_pool(pool)


def take_back(pool: Pool, records: PoolRecords) -> None:
    """Keep that a pool is taken back, and return its units."""
    records.save_pool(pool)
    records.give_back(pool)


async def keep(world: BulkWorld, pool: Pool, *codes: str, first: int) -> int:
    """Keep random codes of a pool, the first of them at a position; how many were new."""
    drawn = [Drawn(first + index, code) for index, code in enumerate(codes)]
    answer = await change(world, lambda records: _Answer(records.keep_codes(pool, drawn)))
    return int(answer.value)


async def counters(world: BulkWorld, campaign: Campaign) -> Counters:
    """The counters of a campaign's first reward."""
    [found] = await world.incentives.counters([campaign.rewards[0].number])
    return found


async def look(world: BulkWorld, work: Callable[[PoolRecords], T]) -> T:
    """Read."""
    return await world.pools.read(work)


async def change(world: BulkWorld, work: Callable[[PoolRecords], Any]) -> Any:  # noqa: ANN401 — whatever the work returns
    """Change."""
    return (await world.pools.write(a_command(), work, _Answer)).answer
