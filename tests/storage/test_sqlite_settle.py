"""Settling in the file: what only this store does, beyond what every store must."""

from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlite_ledger import Ledger, opened

from largesse.campaigns.model import Campaign, Counters, Status
from largesse.issuance import decide
from largesse.issuance.model import STRANGER, Offer, Place, Settled, Wish
from largesse.kernel.errors import UnavailableError
from largesse.kernel.fact import FactKind
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.lot_rows import MOVED_EVERY
from largesse.storage.sqlite.refuse import Doorkeeper
from largesse.testing.factories import (
    DAY_MS,
    NOW_MS,
    a_campaign,
    a_definition,
    a_reward,
    a_wish,
    crowd,
    keep_campaign,
    open_campaign,
    revoke,
    serials,
    settle,
)

QUOTAS = st.none() | st.integers(1, 12)
COUNTS = st.integers(0, 12)
SOLD_OUT = Settled(Outcome.SOLD_OUT)


@given(
    total=QUOTAS,
    daily=QUOTAS,
    issued=COUNTS,
    today=COUNTS,
    same_day=st.booleans(),
    offset_ms=st.integers(-2, 2),
    status=st.sampled_from(Status),
)
def test_room_is_the_rule_for_many(**given_: object) -> None:
    """`decide.room` says exactly how often `decide.claim` in a row would say ISSUED."""
    total, daily, issued, today, same_day, offset_ms, status = given_.values()
    definition = a_definition(
        a_reward(quota_total=total, quota_daily=daily),
        starts_at_ms=NOW_MS - 1,
        ends_at_ms=NOW_MS + 1,
    )
    campaign = replace(a_campaign(definition), number=1, status=status)
    now_ms = NOW_MS + offset_ms  # type: ignore[operator]  # Hypothesis gives what was asked for
    counters = Counters(issued, 0, issued, 7 if same_day else 6, today)  # type: ignore[arg-type]  # as above
    offer = Offer(campaign, replace(campaign.rewards[0], number=1), 7)
    wish = Wish(1, 1, 1, "ann", "k", now_ms=now_ms)

    room = decide.room(offer, counters, now_ms)

    for _ in range(min(room, 30)):
        assert decide.claim(wish, offer, STRANGER, counters) is Outcome.ISSUED
        counters = decide.issue(counters, 7)
    if room < 30:
        assert decide.claim(wish, offer, STRANGER, counters) is not Outcome.ISSUED


@given(COUNTS, COUNTS, st.integers(6, 7), st.integers(1, 9))
def test_issuing_many_is_issuing_one_many_times(
    issued: int, today: int, day: int, count: int
) -> None:
    """`decide.issue` with a count."""
    at_once = one_by_one = Counters(issued, 0, issued, day, today)
    for _ in range(count):
        one_by_one = decide.issue(one_by_one, 7)

    assert decide.issue(at_once, 7, count) == one_by_one


async def rows(ledger: Ledger, statement: str) -> list[tuple[object, ...]]:
    """What a query finds."""
    return await ledger.readers.read(lambda db: db.execute(statement).fetchall())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "ledger.db"


# --- what is written --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 700])
async def test_batches_of_any_size(path: Path, size: int) -> None:
    """Rows are written in statements of 256, 128 … 1, and each is where its serial says."""
    with opened(path) as ledger:
        campaign = await open_campaign(ledger.world, a_reward(quota_total=9_999))
        settled = await settle(ledger.world, *crowd(campaign, size))
        assert serials(settled) == list(range(1, size + 1))

        entries = await ledger.store.entries([campaign.rewards[0].number], None, 1_000)
        assert [one.issued for one in entries] == [one.issued for one in settled]
        place = Place(campaign.rewards[0].number, size)
        last = await ledger.store.entry(place)
        assert last is not None
        assert last.issued == settled[-1].issued


async def test_extents_grow_only_where_rewards_take_turns(path: Path) -> None:
    """A sale of one reward is one extent, however many batches it takes."""
    with opened(path) as ledger:
        campaign = await open_campaign(ledger.world, a_reward("A"), a_reward("B"))
        first, second = (reward.number for reward in campaign.rewards)
        for batch in range(5):
            await settle(ledger.world, *(a_wish(campaign, f"{batch}-{n}") for n in range(10)))
        assert await rows(ledger, "SELECT reward, serial FROM extent") == [(first, 1)]

        await settle(ledger.world, *(a_wish(campaign, f"b{n}", reward=n % 2) for n in range(10)))
        await settle(ledger.world, *(a_wish(campaign, f"c{n}", reward=n % 2) for n in range(10)))

        extents = await rows(ledger, "SELECT reward, count(*) FROM extent GROUP BY reward")
        assert extents == [(first, 2), (second, 2)]
        listed = await ledger.store.entries([first, second], None, 1_000)
        assert [(one.issued.reward, one.issued.serial) for one in listed] == [
            *((first, n) for n in range(1, 61)),
            *((second, n) for n in range(1, 11)),
        ]


async def test_extents_are_moved_from_time_to_time(path: Path) -> None:
    """Before and after it every incentive is where its serial says; also after a restart."""
    with opened(path) as ledger:
        campaign = await open_campaign(ledger.world, a_reward("A"), a_reward("B"))
        numbers = [reward.number for reward in campaign.rewards]
        moved = []
        for batch in range(2 * MOVED_EVERY // 1_000):
            wishes = (a_wish(campaign, f"{batch}-{n}", reward=n % 2) for n in range(1_000))
            await settle(ledger.world, *wishes)
            moved += await rows(ledger, "SELECT count(*) FROM extent_moved")
        assert moved == [(0,), (0,), (0,), (0,), (10,), (10,), (10,), (10,)]
        assert await rows(ledger, "SELECT count(*) FROM extent_added") == [(6,)]

    with opened(path) as ledger:
        await settle(ledger.world, *(a_wish(campaign, f"z{n}", reward=n % 2) for n in range(10)))
        listed = await ledger.store.entries(numbers, None, 10_000)
        assert [(one.issued.reward, one.issued.serial) for one in listed] == [
            (number, serial) for number in numbers for serial in range(1, 4_006)
        ]
        for serial in (1, 500, 501, 2_500, 2_501, 4_005):
            entry = await ledger.store.entry(Place(numbers[1], serial))
            assert entry is not None
            assert entry.issued.serial == serial
        assert not (await ledger.store.prove(whole=True)).violations


@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_a_list_in_pages(path: Path, limit: int) -> None:
    """Each incentive once, over extents and rewards, whatever the size of the page."""
    with opened(path) as ledger:
        campaign = await open_campaign(ledger.world, a_reward("A"), a_reward("B"))
        numbers = [reward.number for reward in campaign.rewards]
        for batch in range(4):
            wishes = (a_wish(campaign, f"{batch}-{n}", reward=n % 2) for n in range(5))
            await settle(ledger.world, *wishes)

        seen = []
        after: Place | None = None
        while page := await ledger.store.entries(numbers, after, limit):
            seen += [Place(one.issued.reward, one.issued.serial) for one in page]
            after = seen[-1]

        assert seen == [
            *(Place(numbers[0], n) for n in range(1, 13)),
            *(Place(numbers[1], n) for n in range(1, 9)),
        ]


async def test_each_sell_out_is_told(path: Path) -> None:
    """Whenever nothing is left; again after a revoke gave one back."""
    with opened(path) as ledger:
        campaign = await open_campaign(ledger.world, a_reward(quota_total=2))
        first, _ = await settle(ledger.world, *crowd(campaign, 2))
        await revoke(ledger.world, first)
        await settle(ledger.world, a_wish(campaign, "late"), a_wish(campaign, "later"))

        kinds = await rows(ledger, "SELECT kind FROM journal ORDER BY seq")

    issued, exhausted = FactKind.INCENTIVE_ISSUED, FactKind.STOCK_EXHAUSTED
    assert [kind for (kind,) in kinds] == [
        *(issued, issued, exhausted),
        *(FactKind.INCENTIVE_REVOKED, issued, exhausted),
    ]


@pytest.mark.parametrize("size", [1, 15, 16, 17, 64, 100])
async def test_a_batch_of_many_rewards(path: Path, size: int) -> None:
    """What lots have in common one statement writes; each lot's rows stand side by side."""
    with opened(path) as ledger:
        rewards = (a_reward(f"R{number}", quota_total=3) for number in range(size))
        campaign = await open_campaign(ledger.world, *rewards)
        numbers = [reward.number for reward in campaign.rewards]
        wishes = [
            a_wish(campaign, f"{turn}-{at}", reward=at) for turn in range(4) for at in range(size)
        ]
        settled = await settle(ledger.world, *wishes[:size])
        settled += await settle(ledger.world, *wishes[size:])

        assert serials(settled) == [*[1] * size, *[2] * size, *[3] * size]
        assert [one.outcome for one in settled[3 * size :]] == [Outcome.SOLD_OUT] * size
        listed = await ledger.store.entries(numbers, None, 1_000)
        assert {one.issued for one in listed} == {one.issued for one in settled if one.issued}
        assert not (await ledger.store.prove(whole=True)).violations
        exhausted = await rows(ledger, "SELECT reward, serial FROM journal WHERE kind = 6")
        assert exhausted == [(number, 3) for number in numbers]


def misled(ledger: Ledger, campaign: Campaign, which: int, **believed: int) -> None:
    """Make memory believe in a stock of a reward that the file does not have."""
    reward = campaign.rewards[which]
    wrong = replace(reward, definition=replace(reward.definition, **believed))
    rewards = tuple(wrong if one is reward else one for one in campaign.rewards)
    for one in campaign.rewards:
        offer = ledger.store.memory.offers[one.number]
        believing = offer._replace(campaign=replace(campaign, rewards=rewards))
        ledger.store.memory.offers[one.number] = believing


@pytest.mark.parametrize("quota", ["quota_total", "quota_daily"])
@pytest.mark.parametrize("neighbours", [0, 1, 40])
async def test_the_write_itself_holds_the_quota(path: Path, quota: str, neighbours: int) -> None:
    """Were the decision wrong, the statement would not write: here it is told of room there is not.

    That the statement holds by itself shows in its message: the CHECK beneath it has another one,
    and knows no days. Of all the rewards in the batch it names the one that is short.
    """
    with opened(path) as ledger:
        others = [a_reward(f"R{number}") for number in range(neighbours)]
        short = replace(a_reward(), **{quota: 2})
        campaign = await open_campaign(ledger.world, *others, short)
        number = campaign.rewards[-1].number
        misled(ledger, campaign, neighbours, **{quota: 9})
        wishes = [a_wish(campaign, f"{one}", reward=one) for one in range(neighbours)]
        wishes += [a_wish(campaign, who, reward=neighbours) for who in ("ann", "bob", "cid")]

        with pytest.raises(UnavailableError, match=f"of reward {number} does not bear what was"):
            await settle(ledger.world, *wishes)

        every = [reward.number for reward in campaign.rewards]
        assert await ledger.store.entries(every, None, 100) == []
        assert await rows(ledger, "SELECT 1 FROM reward WHERE issued OR serials") == []
        assert serials(await settle(ledger.world, *wishes[:-1])) == [*[1] * neighbours, 1, 2]


async def test_the_checks_stand_beneath(path: Path) -> None:
    """Not even a statement without the condition can issue more than the quota."""
    with opened(path) as ledger:
        await open_campaign(ledger.world, a_reward(quota_total=2))
        with pytest.raises(UnavailableError) as refused:
            await ledger.writer.write(
                lambda transaction: transaction.db.execute(
                    "UPDATE reward SET issued = 3, serials = 3"
                )
            )
        assert isinstance(refused.value.__cause__, apsw.ConstraintError)


# --- refusing without the ledger -----------------------------------------------------------------


async def sold_out(ledger: Ledger) -> tuple[Campaign, list[Wish]]:
    """A campaign after its last unit, and the wishes of its winners."""
    campaign = await open_campaign(ledger.world, a_reward(quota_total=3, per_customer_max=1))
    wishes = crowd(campaign, 4)
    await settle(ledger.world, *wishes)
    return campaign, wishes[:3]


async def test_strangers_are_refused_from_memory(path: Path) -> None:
    """The answer to a winner's new call is in the ledger, and whoever might get a unit asks it."""
    with opened(path) as ledger:
        campaign, winners = await sold_out(ledger)
        stranger = a_wish(campaign, "stranger")
        other_key = replace(winners[0], key="another")

        assert ledger.store.at_once([stranger, other_key]) == [SOLD_OUT, None]
        await revoke(ledger.world, (await settle(ledger.world, winners[0]))[0])
        assert ledger.store.at_once([stranger]) == [None]


async def test_winners_are_answered_again_from_memory(path: Path) -> None:
    """As the ledger would; and by it, where it was opened anew and nobody has asked it yet."""
    with opened(path) as ledger:
        campaign, winners = await sold_out(ledger)
        again = ledger.store.at_once([a_wish(campaign, "stranger"), *winners])

        assert again == [SOLD_OUT, *await settle(ledger.world, *winners)]
        assert all(one.replayed for one in again[1:] if one is not None)
    with opened(path) as ledger:
        await settle(ledger.world, a_wish(campaign, "stranger"))
        assert ledger.store.at_once(winners) == [None] * len(winners)


async def test_another_wish_is_no_retry(path: Path) -> None:
    """Another reward by the same key, another customer's key, a dry run: the ledger is asked."""
    with opened(path) as ledger:
        rewards = [a_reward(key, quota_total=1) for key in "AB"]
        campaign = await open_campaign(ledger.world, *rewards)
        ann, bob = a_wish(campaign), a_wish(campaign, "bob", reward=1)
        await settle(ledger.world, ann, bob)
        others = [
            replace(ann, reward=bob.reward),
            replace(ann, key=bob.key),
            replace(ann, key="", dry_run=True),
        ]

        assert [one and one.replayed for one in ledger.store.at_once([ann, bob])] == [True, True]
        assert not any(one and one.replayed for one in ledger.store.at_once(others))


async def test_whoever_shares_a_hash_is_not_taken_for_a_winner(path: Path) -> None:
    """The row is compared, for a hash only says where to look."""
    with opened(path) as ledger:
        _, [ann, *_] = await sold_out(ledger)
        bob = replace(ann, customer="bob")
        [row] = [one.issued for one in await settle(ledger.world, ann)]
        assert row is not None
        memory = ledger.store.memory
        found_by = memory.prints.ways(memory.offers[ann.reward]).main(bob.customer, bob.key)
        memory.holders.add([found_by], [1], 1)
        memory.issued_lately.add([(found_by, row)])

        assert ledger.store.at_once([bob]) == [None]


async def test_a_word_of_the_ledger_is_good_for_a_second(path: Path) -> None:
    """Then the ledger is asked again, and its answer counts for another second."""
    with opened(path) as ledger:
        campaign, _ = await sold_out(ledger)
        stranger = a_wish(campaign, "stranger")

        ledger.seconds.now_s += 1.0
        assert ledger.store.at_once([stranger]) == [SOLD_OUT]
        ledger.seconds.now_s += 0.001
        assert ledger.store.at_once([stranger]) == [None]

        await settle(ledger.world, stranger)
        assert ledger.store.at_once([stranger]) == [SOLD_OUT]


async def test_nothing_is_refused_before_the_first_word(path: Path) -> None:
    """After a restart too."""
    with opened(path) as ledger:
        campaign, _ = await sold_out(ledger)
    with opened(path) as ledger:
        assert ledger.store.at_once([a_wish(campaign, "stranger")]) == [None]


async def test_the_snapshot_follows_the_campaign(path: Path) -> None:
    """What a transaction changed is known as soon as its caller is answered."""
    with opened(path) as ledger:
        campaign, _ = await sold_out(ledger)
        stranger = a_wish(campaign, "stranger")
        paused = await keep_campaign(ledger.world, replace(campaign, status=Status.PAUSED))
        assert ledger.store.at_once([stranger]) == [Settled(Outcome.NOT_ACTIVE)]

        await keep_campaign(ledger.world, replace(paused, status=Status.ENDED))
        assert ledger.store.at_once([stranger]) == [Settled(Outcome.CLOSED)]
        assert ledger.store.at_once([replace(stranger, campaign=99)]) == [None]
        assert ledger.store.at_once([replace(stranger, reward=99)]) == [None]


async def test_the_snapshot_s_day_is_the_wish_s(path: Path) -> None:
    """Sold out today is not sold out tomorrow."""
    with opened(path) as ledger:
        campaign = await open_campaign(ledger.world, a_reward(quota_daily=1))
        await settle(ledger.world, a_wish(campaign, "ann"))
        wish = a_wish(campaign, "bob")
        tomorrow = replace(wish, now_ms=NOW_MS + DAY_MS)

        assert ledger.store.at_once([wish, tomorrow]) == [Settled(Outcome.SOLD_OUT_TODAY), None]


async def test_a_verdict_holds_no_longer_than_it_is_true(path: Path) -> None:
    """Whatever was asked before: each moment is told what it would be told alone."""
    with opened(path) as ledger:
        ends_ms = NOW_MS + DAY_MS // 2
        reward = a_reward(quota_daily=1)
        campaign = await open_campaign(
            ledger.world, reward, starts_at_ms=NOW_MS - DAY_MS, ends_at_ms=ends_ms + DAY_MS
        )
        await settle(ledger.world, a_wish(campaign, "ann"))
        edges_ms = (NOW_MS - DAY_MS, NOW_MS, ends_ms, ends_ms + DAY_MS)
        moments_ms = [edge_ms + offset_ms for edge_ms in edges_ms for offset_ms in (-1, 0, 1)]
        wishes = [a_wish(campaign, "bob", now_ms=moment_ms) for moment_ms in moments_ms]

        alone = [Doorkeeper(ledger.store.memory).answer([wish])[0] for wish in wishes]

        told = {one and one.outcome for one in alone}
        assert told == {Outcome.NOT_OPEN_YET, Outcome.SOLD_OUT_TODAY, Outcome.CLOSED, None}
        one = Doorkeeper(ledger.store.memory)
        assert one.answer(wishes) == alone
        assert one.answer(wishes[::-1]) == alone[::-1]
