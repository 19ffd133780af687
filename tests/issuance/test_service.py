"""Claim, look up, revoke and list, over a ledger in this process."""

import asyncio
import random
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, CodeFormat, CodeSource, RewardDefinition, Value
from largesse.issuance.batcher import Batch, Limits
from largesse.issuance.codebook import Codebook
from largesse.issuance.identity import IncentiveIds
from largesse.issuance.model import Answer, Incentive, IncentiveStatus, Place, Settled, Wish
from largesse.issuance.offers import Offers
from largesse.issuance.service import Display, Issuance, Ledger
from largesse.issuance.showing import Showing
from largesse.kernel.clock import FakeClock, TenantClocks
from largesse.kernel.command import Command
from largesse.kernel.errors import BusyError, KeyReusedError, NotFoundError
from largesse.kernel.outcome import Outcome
from largesse.storage.memory.campaigns import MemoryCampaignRecords
from largesse.storage.memory.issuance import MemoryIncentiveStore
from largesse.storage.memory.ledger import MemoryLedgerRecords
from largesse.storage.memory.state import MemoryState
from largesse.storage.memory.transactions import MemoryTransactions
from largesse.testing.factories import (
    HOUR_MS,
    NOW_MS,
    a_campaign,
    a_command,
    a_definition,
    a_reward,
    a_wish,
    edited,
)

ACME, OTHER = 1, 2
IDS = IncentiveIds(bytes(32))
CODE = CodeFormat(pattern="######-**")
RANDOM = CodeFormat(pattern="########", source=CodeSource.RANDOM)
DEARER = Value(amount=900, currency="KRW")


class GatedStore(MemoryIncentiveStore):
    """A ledger in this process that commits nothing while its gate is shut."""

    gate: asyncio.Event | None = None

    async def settle(self, wishes: Sequence[Wish]) -> list[Settled]:
        """See `IncentiveStore`."""
        if self.gate is not None:
            await self.gate.wait()
        return await super().settle(wishes)


class Shop:
    """An issuance over a state, as a process that starts has it; the state may be an older one."""

    def __init__(self, state: MemoryState | None = None, limits: Limits | None = None) -> None:
        self.state = MemoryState() if state is None else state
        self.clock = FakeClock(NOW_MS)
        offers = Offers()
        codebook = Codebook(offers, lambda _: bytes(32), random.Random(7).randbytes)
        self.store = GatedStore(self.state, codebook.random, self.clock)
        ledger = MemoryTransactions(self.state, MemoryLedgerRecords, offers.publish)
        self.campaigns = MemoryTransactions(self.state, MemoryCampaignRecords, offers.publish)
        self.issuance = Issuance(
            Ledger(self.store, ledger),
            offers,
            Display(codebook, Showing(offers, codebook, IDS)),
            TenantClocks(self.clock),
            limits or Limits(),
        )

    async def keep(self, campaign: Campaign) -> Campaign:
        """Keep a campaign, new or changed."""
        done = await self.campaigns.write(
            a_command(campaign.tenant),
            lambda records: (
                records.save_campaign(campaign)
                if campaign.number
                else records.add_campaign(campaign)
            ),
            Campaign,
        )
        return done.answer

    async def open(
        self, *rewards: RewardDefinition, tenant: int = ACME, **changes: object
    ) -> Campaign:
        """Keep a campaign with these rewards."""
        definition = a_definition(*rewards, **changes)
        return await self.keep(a_campaign(definition, tenant, id=f"camp_{tenant}"))

    async def claim(self, wish: Wish) -> Answer:
        """Settle one wish."""
        [ending] = await self.issuance.claim([wish])
        assert isinstance(ending, Answer)
        return ending

    async def give(
        self, campaign: Campaign, customer: str = "ann", reward: int = 0, key: str = "k"
    ) -> Incentive:
        """What a customer is given."""
        answer = await self.claim(a_wish(campaign, customer, reward, key=key))
        assert answer.outcome is Outcome.ISSUED
        assert answer.incentive is not None
        return answer.incentive

    def revoking(self, key: str | None = None, **changes: object) -> Command:
        """The envelope of a revoke, now."""
        command = a_command(ACME, operation="revoke", key=key, now_ms=self.clock.now_ms())
        return replace(command, **changes)

    def issued(self, campaign: Campaign, reward: int = 0) -> int:
        """How many units are out."""
        return self.state.counters[campaign.rewards[reward].number].issued


# --- claiming ---------------------------------------------------------------------------------


async def test_a_campaign_of_another_process_is_given_of() -> None:
    """Before its word is here: the answer has the code all the same, and the id is found."""
    shop = Shop()
    campaign = await Shop(shop.state).open(a_reward(code=CODE))
    incentive = await shop.give(campaign)
    assert incentive.code
    assert await shop.issuance.incentive(ACME, incentive.id) == incentive


async def test_a_claim_brings_what_was_given() -> None:
    """The answer's incentive is the one that a look-up finds; its moment is the tenant's."""
    shop = Shop()
    campaign = await shop.open(a_reward(code=CODE))
    shop.clock.advance(5)

    answer = await shop.claim(a_wish(campaign, "ann", now_ms=0))

    assert (answer.outcome, answer.now_ms, answer.replayed) == (Outcome.ISSUED, NOW_MS + 5, False)
    incentive = answer.incentive
    assert incentive is not None
    assert (incentive.customer_id, incentive.issued_at_ms) == ("ann", NOW_MS + 5)
    assert await shop.issuance.incentive(ACME, incentive.id) == incentive
    assert await shop.issuance.incentive_of_code(ACME, str(incentive.code)) == incentive


async def test_answers_stand_in_the_order_of_their_wishes() -> None:
    """Whatever became of each: with and without an incentive, first or replayed."""
    shop = Shop()
    campaign = await shop.open(a_reward(quota_total=2), per_customer_max=1)
    await shop.give(campaign, "ann", key="a")

    wishes = [
        a_wish(campaign, "ann", key="a"),
        a_wish(campaign, "bob", key="b"),
        a_wish(campaign, "eve", key="e"),
        a_wish(campaign, "ann", key="another"),
    ]
    endings = await shop.issuance.claim(wishes)

    answers = [one for one in endings if isinstance(one, Answer)]
    assert [(one.outcome, one.replayed) for one in answers] == [
        (Outcome.ISSUED, True),
        (Outcome.ISSUED, False),
        (Outcome.SOLD_OUT, False),
        (Outcome.CUSTOMER_LIMIT_REACHED, False),
    ]
    shown = [one.incentive.customer_id if one.incentive else None for one in answers]
    assert shown == ["ann", "bob", None, "ann"]


async def test_those_without_room_hear_busy_and_the_others_are_settled() -> None:
    """One call may bring more wishes than may wait."""
    shop = Shop(limits=Limits(waiting_max=2))
    campaign = await shop.open()

    endings = await shop.issuance.claim([a_wish(campaign, name) for name in "abcd"])

    assert [type(one) for one in endings] == [Answer, Answer, BusyError, BusyError]
    assert shop.issued(campaign) == 2
    assert shop.issuance.waiting == 0


async def test_a_caller_who_goes_away_takes_nothing_along() -> None:
    """The wish is settled all the same, neighbours get theirs, and a retry finds the answer."""
    shop = Shop()
    campaign = await shop.open()
    shop.store.gate = asyncio.Event()
    gone = asyncio.create_task(shop.claim(a_wish(campaign, "ann")))
    neighbour = asyncio.create_task(shop.claim(a_wish(campaign, "bob")))
    await asyncio.sleep(0)

    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    shop.store.gate.set()

    assert (await neighbour).outcome is Outcome.ISSUED
    assert shop.issued(campaign) == 2
    retry = await shop.claim(a_wish(campaign, "ann"))
    assert (retry.outcome, retry.replayed) == (Outcome.ISSUED, True)


async def test_closing_settles_what_was_taken() -> None:
    """Whoever was taken before the end hears his answer."""
    shop = Shop()
    campaign = await shop.open()
    claims = [asyncio.create_task(shop.claim(a_wish(campaign, name))) for name in "abc"]
    await asyncio.sleep(0)
    assert shop.issuance.waiting == 3

    await shop.issuance.close()

    assert [(await claim).outcome for claim in claims] == [Outcome.ISSUED] * 3


async def test_somebody_may_hear_of_batches() -> None:
    """For the log and the metrics."""
    shop = Shop()
    campaign = await shop.open()
    heard: list[Batch] = []
    shop.issuance.report_to(heard.append)

    await shop.give(campaign)

    assert [one.endings for one in heard] == [{"ISSUED": 1}]


# --- versions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_replay_shows_the_value_that_was_given(*, restarted: bool) -> None:
    """Also where the process has only ever met the newer version."""
    shop = Shop()
    campaign = await shop.open(expires := a_reward(expires_after_s=60))
    given = await shop.give(campaign)
    dearer = replace(expires, value=DEARER, expires_after_s=3600)
    campaign = await shop.keep(edited(campaign, rewards=(dearer,)))
    if restarted:
        shop = Shop(shop.state)
        await shop.issuance.open()

    replayed = await shop.claim(a_wish(campaign, key="k"))
    later = await shop.give(campaign, "bob")

    assert replayed.replayed
    assert replayed.incentive == given
    assert (given.value["amount"], given.expires_at_ms) == (500, NOW_MS + 60_000)
    assert (later.value["amount"], later.expires_at_ms) == (900, NOW_MS + HOUR_MS)
    assert await shop.issuance.incentive(ACME, given.id) == given
    assert await shop.issuance.incentives(campaign, None, 9) == ([given, later], None)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_revoke_goes_by_the_version_that_was_given(*, restarted: bool) -> None:
    """What has expired by its own version stays, whatever a later one says."""
    shop = Shop()
    campaign = await shop.open(short := a_reward(expires_after_s=60))
    given = await shop.give(campaign)
    longer = replace(short, expires_after_s=3600)
    await shop.keep(edited(campaign, rewards=(longer,)))
    if restarted:
        shop = Shop(shop.state)
        await shop.issuance.open()
    shop.clock.advance(60_000)

    done = await shop.issuance.revoke(shop.revoking(), given.id)

    assert done.answer == replace(given, status=IncentiveStatus.EXPIRED)


# --- looking up -------------------------------------------------------------------------------


async def test_an_incentive_expires_without_anybody_telling() -> None:
    """From its first millisecond on, by id and by code; the sweep tells it once."""
    shop = Shop()
    campaign = await shop.open(a_reward(code=CODE, expires_after_s=60))
    given = await shop.give(campaign)
    shop.clock.advance(59_999)
    before = await shop.issuance.incentive(ACME, given.id)
    shop.clock.advance(1)

    after = await shop.issuance.incentive(ACME, given.id)

    assert before == given
    assert after == replace(given, status=IncentiveStatus.EXPIRED)
    assert await shop.issuance.incentive_of_code(ACME, str(given.code)) == after
    assert [await shop.issuance.expire(), await shop.issuance.expire()] == [1, 0]
    assert await shop.issuance.incentive(ACME, given.id) == after


@pytest.mark.parametrize("code", [CODE, RANDOM])
async def test_a_code_is_found_by_its_own_tenant_only(code: CodeFormat) -> None:
    """However it is typed; another text or another tenant finds nothing."""
    shop = Shop()
    campaign = await shop.open(a_reward(code=code))
    await shop.open(a_reward(code=code), tenant=OTHER)
    given = await shop.give(campaign)
    text = str(given.code)

    assert await shop.issuance.incentive_of_code(ACME, f" {text.lower()}\n") == given
    assert await shop.issuance.incentive_of_code(OTHER, text) is None
    for other in ("", text[1:], f"{text}2", "?" * 300):
        assert await shop.issuance.incentive_of_code(ACME, other) is None


async def test_a_code_that_was_not_given_yet_is_none() -> None:
    """Its place is taken for the reward, but nobody holds it."""
    shop = Shop()
    campaign = await shop.open(a_reward(code=CODE, quota_total=2))
    first = await shop.give(campaign)
    await shop.give(campaign, "bob")
    second = (await shop.issuance.incentives(campaign, None, 9))[0][1]
    del shop.state.entries[Place(campaign.rewards[0].number, 2)]

    assert await shop.issuance.incentive_of_code(ACME, str(first.code)) == first
    assert await shop.issuance.incentive_of_code(ACME, str(second.code)) is None


async def test_unknown_ids_are_not_found() -> None:
    """Another tenant's, one of a serial or reward that does not exist, and any other text."""
    shop = Shop()
    campaign = await shop.open()
    given = await shop.give(campaign)
    number = campaign.rewards[0].number
    strange = [IDS.text(Place(number, 2)), IDS.text(Place(99, 1)), "inc_", "camp_1", ""]

    for tenant, text in [(OTHER, given.id), *((ACME, text) for text in strange)]:
        with pytest.raises(NotFoundError):
            await shop.issuance.incentive(tenant, text)
        with pytest.raises(NotFoundError):
            await shop.issuance.revoke(shop.revoking(tenant=tenant), text)

    assert await shop.issuance.incentive(ACME, given.id) == given
    assert not shop.state.audit


# --- revoking ---------------------------------------------------------------------------------


async def test_a_revoke_gives_the_unit_back_once() -> None:
    """Again, without a key or under another: the same answer, and nothing changes."""
    shop = Shop()
    campaign = await shop.open(a_reward(quota_total=1))
    given = await shop.give(campaign)
    shop.clock.advance(7)

    done = [
        await shop.issuance.revoke(shop.revoking(key), given.id)
        for key in ("one", "one", "other", None)
    ]

    revoked = replace(given, status=IncentiveStatus.REVOKED)
    assert [one.answer for one in done] == [revoked] * 4
    assert [one.replayed for one in done] == [False, True, False, False]
    assert shop.issued(campaign) == 0
    assert [entry.subject for entry in shop.state.audit] == [given.id]
    [entry] = shop.state.entries.values()
    assert entry.revoked_at_ms == NOW_MS + 7
    assert await shop.issuance.incentive(ACME, given.id) == revoked
    assert (await shop.give(campaign, "bob")).serial == 2


async def test_a_revoke_that_is_tried_out_changes_nothing() -> None:
    """A dry run tells what would be."""
    shop = Shop()
    campaign = await shop.open()
    given = await shop.give(campaign)

    done = await shop.issuance.revoke(shop.revoking("k", dry_run=True), given.id)

    assert done.answer.status is IncentiveStatus.REVOKED
    assert await shop.issuance.incentive(ACME, given.id) == given
    assert shop.issued(campaign) == 1


async def test_a_key_of_another_revoke_is_refused() -> None:
    """Its content differs."""
    shop = Shop()
    campaign = await shop.open()
    one, other = await shop.give(campaign, "ann"), await shop.give(campaign, "bob")
    await shop.issuance.revoke(shop.revoking("k", content=b"one"), one.id)

    with pytest.raises(KeyReusedError):
        await shop.issuance.revoke(shop.revoking("k", content=b"other"), other.id)

    assert await shop.issuance.incentive(ACME, other.id) == other


@pytest.mark.parametrize("told", [False, True])
async def test_what_has_expired_stays_expired(*, told: bool) -> None:
    """A revoke says so and gives nothing back, whether or not the sweep has been there."""
    shop = Shop()
    campaign = await shop.open(a_reward(expires_after_s=60))
    given = await shop.give(campaign)
    shop.clock.advance(60_000)
    if told:
        await shop.issuance.expire()

    done = [await shop.issuance.revoke(shop.revoking(key), given.id) for key in ("k", "k", None)]

    expired = replace(given, status=IncentiveStatus.EXPIRED)
    assert [one.answer for one in done] == [expired] * 3
    assert [one.replayed for one in done] == [False, True, False]
    assert await shop.issuance.incentive(ACME, given.id) == expired
    assert shop.issued(campaign) == 1
    assert not shop.state.audit


async def test_what_was_revoked_does_not_expire() -> None:
    """Its end was the revoke."""
    shop = Shop()
    campaign = await shop.open(a_reward(expires_after_s=60))
    given = await shop.give(campaign)
    await shop.issuance.revoke(shop.revoking(), given.id)
    shop.clock.advance(60_000)

    assert await shop.issuance.expire() == 0
    shown = await shop.issuance.incentive(ACME, given.id)
    assert shown.status is IncentiveStatus.REVOKED


# --- listing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 7])
async def test_a_list_is_walked_page_by_page(limit: int) -> None:
    """By reward and serial, each once; the last page says so, also when it is just full."""
    shop = Shop()
    await shop.give(await shop.open(tenant=OTHER))
    campaign = await shop.open(a_reward("A"), a_reward("B"))
    for number in range(6):
        await shop.give(campaign, f"{number}", reward=number % 2)
    walked: list[Incentive] = []
    sizes: list[int] = []

    page, after = await shop.issuance.incentives(campaign, None, limit)
    while after is not None:
        walked += page
        sizes.append(len(page))
        page, after = await shop.issuance.incentives(campaign, after, limit)

    walked += page
    assert [(one.reward, one.serial) for one in walked] == [
        (reward, serial) for reward in "AB" for serial in (1, 2, 3)
    ]
    assert sizes == [limit] * ((6 - 1) // limit)
    assert page


async def test_a_list_shows_where_its_incentives_stand() -> None:
    """Revoked ones stay in it; a campaign that gave nothing has one empty page."""
    shop = Shop()
    campaign = await shop.open(a_reward("A", expires_after_s=60), a_reward("B"))
    assert await shop.issuance.incentives(campaign, None, 5) == ([], None)
    await shop.give(campaign, "ann")
    await shop.give(campaign, "bob", reward=1)
    third = await shop.give(campaign, "eve", reward=1)
    await shop.issuance.revoke(shop.revoking(), third.id)
    shop.clock.advance(60_000)

    page, _ = await shop.issuance.incentives(campaign, None, 5)

    assert [one.status.value for one in page] == ["EXPIRED", "ISSUED", "REVOKED"]
    proof = await shop.issuance.prove(whole=True)
    assert not proof.violations
