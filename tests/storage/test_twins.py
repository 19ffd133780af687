"""Each ledger on a disk beside the one in memory, through long random histories."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from memory_ledger import memory_world
from msgspec.structs import replace
from twin_ledgers import Begin, Twin, twins_of

from largesse.campaigns.model import (
    Campaign,
    CampaignDefinition,
    CodeFormat,
    OnRepeat,
    RewardDefinition,
    Status,
)
from largesse.issuance.model import LedgerEntry, Settled, Violation, Wish
from largesse.kernel.errors import InvalidInputError, UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.storage.memory.state import MemoryState
from largesse.testing.factories import (
    HOUR_MS,
    NOW_MS,
    RANDOM,
    World,
    a_campaign,
    a_definition,
    a_reward,
    a_wish,
    edited,
    keep_campaign,
    keep_tenant,
    revoke,
)

Answer = TypeVar("Answer")

CLOCKS_GO_FORWARD_MS = 1_805_007_600_000
"""2027-03-14T07:00:00Z: the hour in which New York skips one."""

FEW_CODES = CodeFormat(charset="ABC", length=2)
CUSTOMERS = ["ann", "bob", "cat"]
KEYS = [f"k{number}" for number in range(5)]


def definitions() -> list[CampaignDefinition]:
    """Campaigns in which caps, quotas, days, codes and expiry all come to their ends soon."""
    shared = a_reward("A", quota_total=4, quota_daily=2, code=FEW_CODES)
    drawn = a_reward("B", per_customer_max=2, code=RANDOM, expires_after_s=20 * 3600)
    return [
        a_definition(shared, drawn, time_zone="Asia/Seoul", per_customer_max=3),
        a_definition(
            a_reward("A", quota_total=5, quota_daily=3, expires_at_ms=NOW_MS + 30 * HOUR_MS),
            a_reward("B", code=FEW_CODES),
            time_zone="America/New_York",
        ),
        a_definition(
            a_reward("A", per_customer_max=1, code=FEW_CODES, expires_after_s=3600),
            a_reward("B", per_customer_max=2, quota_daily=2),
            ends_at_ms=CLOCKS_GO_FORWARD_MS + 40 * HOUR_MS,
            on_repeat=OnRepeat.RETURN,
            revoke_keeps_cap=True,
        ),
    ]


class Ask(NamedTuple):
    """Somebody's wish, by the indices of campaign and reward."""

    campaign: int
    reward: int
    customer: str
    key: str
    dry_run: bool


campaigns = st.integers(0, 2)
rewards = st.integers(0, 1)
asks = st.builds(
    Ask,
    campaigns,
    rewards,
    st.sampled_from(CUSTOMERS),
    st.sampled_from(KEYS),
    dry_run=st.sampled_from([False, False, False, True]),
)


class Twins(RuleBasedStateMachine):
    """Drives the model and a ledger alike; they must never disagree."""

    def __init__(self, twin: Twin) -> None:
        super().__init__()
        self._twin = twin
        self._runner = asyncio.Runner()
        self._state = MemoryState()
        self._model = memory_world(self._state)
        self._now_ms = NOW_MS
        self._campaigns: list[Campaign] = []

    @initialize(now_ms=st.sampled_from([NOW_MS, CLOCKS_GO_FORWARD_MS]))
    def begin(self, now_ms: int) -> None:
        """Both hold the same tenant and campaigns."""
        self._now_ms = now_ms
        self._both(keep_tenant)
        for index, definition in enumerate(definitions()):
            campaign = a_campaign(definition, id=f"camp_{index}")
            self._campaigns.append(self._both(partial(keep_campaign, campaign=campaign)))

    @rule(batch=st.lists(asks, min_size=1, max_size=6))
    def settle(self, batch: list[Ask]) -> None:
        """Same wishes, same moment, same answers; what is said at once is said rightly."""
        wishes = [self._wish(ask) for ask in batch]
        [at_once] = self._twin.world.incentives.at_once(wishes[:1])

        settled = self._both(lambda world: world.incentives.settle(wishes))

        assert at_once in (None, settled[0])

    @rule(hours=st.integers(0, 30), ms=st.integers(0, 2))
    def wait(self, hours: int, ms: int) -> None:
        """Time passes."""
        self._now_ms += hours * HOUR_MS + ms

    @rule(nth=st.integers(0, 50))
    def revoke(self, nth: int) -> None:
        """What was issued is taken back, or has ended before in both."""
        entries = sorted(self._state.entries.items())
        if entries:
            _, entry = entries[nth % len(entries)]
            ended = self._both(lambda world: self._revoke(world, entry))
            assert ended is (entry.expired_at_ms is not None or entry.revoked_at_ms is not None)

    @rule(campaign=campaigns, reward=rewards, quota=st.none() | st.integers(1, 8))
    def edit_quota(self, campaign: int, reward: int, quota: int | None) -> None:
        """A quota changes, or is below the stock in both."""
        changed = list(self._campaigns[campaign].definition.rewards)
        changed[reward] = replace(changed[reward], quota_total=quota)
        self._edit(campaign, changed)

    @rule(campaign=campaigns, reward=rewards, cap=st.integers(1, 3))
    def edit_caps(self, campaign: int, reward: int, cap: int) -> None:
        """Caps that are there change their number."""
        changed = list(self._campaigns[campaign].definition.rewards)
        if changed[reward].per_customer_max is not None:
            changed[reward] = replace(changed[reward], per_customer_max=cap)
        self._edit(campaign, changed)

    @rule(campaign=campaigns, status=st.sampled_from([Status.ACTIVE, Status.PAUSED, Status.ENDED]))
    def step(self, campaign: int, status: Status) -> None:
        """A campaign's status changes."""
        self._keep(campaign, replace(self._campaigns[campaign], status=status))

    @rule()
    def expire(self) -> None:
        """The sweep finds the same incentives over."""
        self._both(self._expire)

    @rule()
    def prove(self) -> None:
        """Each ledger adds up."""
        assert self._both(self._violations) == ()

    @rule()
    def open_again(self) -> None:
        """The ledger is closed and opened; what was in memory comes back out of it."""
        self._twin.open_again()

    @invariant()
    def all_agree(self) -> None:
        """Counters, entries and facts are the same."""
        numbers = sorted(one.number for campaign in self._campaigns for one in campaign.rewards)
        self._both(lambda world: world.incentives.counters(numbers))
        self._both(lambda world: world.incentives.entries(numbers, None, 1000))
        facts = [
            (kind, at_ms, campaign, version, *(place or (0, 0)))
            for kind, at_ms, campaign, version, place, *_ in self._state.facts
        ]
        assert sorted(self._runner.run(self._twin.facts())) == sorted(facts)

    def teardown(self) -> None:
        """Let go of the ledger."""
        self._twin.close()
        self._runner.close()

    def _both(self, work: Callable[[World], Coroutine[Any, Any, Answer]]) -> Answer:
        """Do the same to both; the answer that they agree on."""
        expected = self._runner.run(work(self._model))
        assert self._runner.run(work(self._twin.world)) == expected
        return expected

    def _wish(self, ask: Ask) -> Wish:
        campaign = self._campaigns[ask.campaign]
        return a_wish(
            campaign,
            ask.customer,
            ask.reward,
            key="" if ask.dry_run else ask.key,
            dry_run=ask.dry_run,
            now_ms=self._now_ms,
        )

    def _edit(self, index: int, rewards: Sequence[RewardDefinition]) -> None:
        self._keep(index, edited(self._campaigns[index], rewards=tuple(rewards)))

    def _keep(self, index: int, changed: Campaign) -> None:
        kept = self._both(lambda world: _kept_or_why_not(world, changed))
        if isinstance(kept, Campaign):
            self._campaigns[index] = kept

    async def _revoke(self, world: World, entry: LedgerEntry) -> bool:
        """Take back an incentive; whether it was too late for that."""
        try:
            await revoke(world, Settled(Outcome.ISSUED, entry.issued), self._now_ms)
        except (AssertionError, UnavailableError):  # each one's way to say so
            return True
        return False

    async def _expire(self, world: World) -> int:
        total = 0
        while count := await world.incentives.expire(lambda _: self._now_ms):
            total += count
        return total

    async def _violations(self, world: World) -> tuple[Violation, ...]:
        return (await world.incentives.prove(whole=True)).violations


async def _kept_or_why_not(world: World, campaign: Campaign) -> Campaign | tuple[str, str]:
    try:
        return await keep_campaign(world, campaign)
    except InvalidInputError as error:
        return error.pointer, str(error)


@pytest.fixture(params=["sqlite", "postgres"])
def begin(request: pytest.FixtureRequest) -> Iterator[Begin]:
    """Makes an empty ledger for each history."""
    with twins_of(request) as made:
        yield made


def check(begin: Begin, histories: int, steps: int) -> None:
    """Run so many histories, and shrink one that disagrees to the shortest."""
    run_state_machine_as_test(
        lambda: Twins(begin()),  # type: ignore[arg-type]  # it is only called
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_the_ledger_agrees_with_the_model(begin: Begin) -> None:
    """A few histories, for everybody's daily run."""
    check(begin, histories=15, steps=20)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_ledger_agrees_with_the_model_for_long(begin: Begin) -> None:
    """As many as a change of the ledger must pass."""
    check(begin, histories=100, steps=30)
