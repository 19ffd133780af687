"""Draws on a disk beside those in memory, through random histories."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_ledger import memory_world
from msgspec.structs import replace
from twin_ledgers import Begin, Twin, twins_of

from largesse.campaigns.model import (
    Campaign,
    CampaignDefinition,
    CampaignType,
    Counters,
    Customers,
    DrawPeriod,
    DrawsPer,
    OnExhausted,
    Status,
)
from largesse.draws.model import Drawn, DrawWish
from largesse.issuance.model import Issued, Settled
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import (
    HOUR_MS,
    NOW_MS,
    RANDOM,
    World,
    a_campaign,
    a_chance,
    a_customer,
    a_definition,
    a_draw,
    draw,
    draws_of,
    edited,
    keep_campaign,
    keep_customer,
    keep_tenant,
    revoke,
)

Answer = TypeVar("Answer")

CUSTOMERS = ["ann", "bob", "cat"]
SEEDS = ["0", "150000", "450000", "999999", "mine", "yours"]


class Wave(NamedTuple):
    """What happens together: some wishes, after some hours, and what changes before them."""

    hours: int
    wishes: list[tuple[int, str, str, str, bool]]
    change: str


waves = st.lists(
    st.builds(
        Wave,
        st.integers(0, 30),
        st.lists(
            st.tuples(
                st.integers(0, 2),
                st.sampled_from(CUSTOMERS),
                st.sampled_from(["k1", "k2", "k3", "k4", "k5", "k6"]),
                st.sampled_from(SEEDS),
                st.sampled_from([False, False, False, True]),
            ),
            min_size=1,
            max_size=8,
        ),
        st.sampled_from(["", "", "", "revoke", "edit", "pause", "open", "restart", "register"]),
    ),
    min_size=1,
    max_size=8,
)


def definitions() -> list[CampaignDefinition]:
    """Draws in which caps, quotas, days and codes all come to their ends soon."""
    two = a_chance("A", 300_000, quota_total=2), a_chance("B", 300_000, quota_daily=1)
    return [
        a_definition(*two, time_zone="Asia/Seoul", on_exhausted=OnExhausted.REDISTRIBUTE),
        a_definition(
            a_chance("A", 500_000, per_customer_max=1, code=RANDOM),
            a_chance("B", 0),
            draws_per=DrawsPer(DrawPeriod.DAY, 2),
            on_exhausted=OnExhausted.FALLBACK,
            fallback_reward="B",
        ),
        a_definition(
            *two,
            draws_per=DrawsPer(DrawPeriod.CAMPAIGN, 3),
            per_customer_max=1,
            customers=Customers.REGISTERED,
        ),
    ]


class Pair:
    """The model and a twin, driven alike; they must never disagree."""

    def __init__(self, twin: Twin, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._model = memory_world()
        self._twin = twin
        self._now_ms = NOW_MS
        self._won: list[Issued] = []
        self.both(keep_tenant)
        self._campaigns = [
            self.both(
                partial(
                    keep_campaign,
                    campaign=a_campaign(
                        replace(definition, type=CampaignType.DRAW), id=f"camp_{at}"
                    ),
                )
            )
            for at, definition in enumerate(definitions())
        ]

    def close(self) -> None:
        """Let go of the twin."""
        self._twin.close()

    def both(self, work: Callable[[World], Coroutine[Any, Any, Answer]]) -> Answer:
        """Do the same to both; the answer that they agree on."""
        expected = self._runner.run(work(self._model))
        assert self._runner.run(work(self._twin.world)) == expected
        return expected

    def come(self, wave: Wave) -> None:
        """One wave: its change, then its wishes in one batch."""
        self._now_ms += wave.hours * HOUR_MS
        self._change(wave.change)
        wishes = [self._wish(*one) for one in wave.wishes]
        [refusal] = draws_of(self._twin.world).at_once(wishes[:1])

        settled = self.both(lambda world: draw(world, *wishes))

        assert refusal in (None, settled[0])
        self._won += [
            one.issued
            for one in settled
            if one.outcome is Outcome.DRAWN and one.issued is not None and not one.replayed
        ]

    def compare(self) -> None:
        """All that can be read is the same, and each ledger adds up."""
        for campaign in self._campaigns:
            self.both(partial(_counters, campaign))
            numbers = self.both(partial(_numbers, campaign))
            assert numbers == list(range(1, len(numbers) + 1))
            for customer in CUSTOMERS:
                self.both(partial(_draws_of, campaign, customer))
        assert self.both(_violations) == ()

    def _change(self, change: str) -> None:
        at_ms = self._now_ms
        if change == "revoke" and self._won:
            settled = Settled(Outcome.ISSUED, self._won.pop())
            self.both(lambda world: revoke(world, settled, at_ms))
        if change == "edit":
            first = self._campaigns[0]
            chances = [replace(first.definition.rewards[0], weight_ppm=100_000)]
            chances += first.definition.rewards[1:]
            self._keep(0, edited(first, rewards=tuple(chances)))
        if change in {"pause", "open"}:
            status = Status.PAUSED if change == "pause" else Status.ACTIVE
            self._keep(1, replace(self._campaigns[1], status=status))
        if change == "restart":
            self._twin.open_again()
        if change == "register":
            self.both(lambda world: keep_customer(world, a_customer("ann")))

    def _keep(self, at: int, changed: Campaign) -> None:
        self._campaigns[at] = self.both(partial(keep_campaign, campaign=changed))

    def _wish(self, at: int, customer: str, key: str, seed: str, dry_run: bool) -> DrawWish:  # noqa: FBT001 — a column of the strategy
        return a_draw(
            self._campaigns[at],
            customer,
            key="" if dry_run else key,
            seed=seed,
            dry_run=dry_run,
            now_ms=self._now_ms,
        )


async def _counters(campaign: Campaign, world: World) -> list[Counters]:
    return await world.incentives.counters([reward.number for reward in campaign.rewards])


async def _numbers(campaign: Campaign, world: World) -> list[int]:
    return [one.number for one in await draws_of(world).draws(campaign.number, 0, 999)]


async def _draws_of(campaign: Campaign, customer: str, world: World) -> list[Drawn]:
    return await draws_of(world).draws_of(campaign.number, customer, None, 99)


async def _violations(world: World) -> object:
    return (await world.incentives.prove(whole=True)).violations


@pytest.fixture(params=["sqlite", "postgres"])
def begin(request: pytest.FixtureRequest) -> Iterator[Begin]:
    """Makes an empty ledger for each history."""
    with twins_of(request) as made:
        yield made


def check(begin: Begin, histories: int) -> None:
    """Run so many histories, and shrink one that disagrees to the shortest."""

    @settings(
        max_examples=histories,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(waves)
    def run(history: list[Wave]) -> None:
        with asyncio.Runner() as runner:
            pair = Pair(begin(), runner)
            try:
                for wave in history:
                    pair.come(wave)
                pair.compare()
            finally:
                pair.close()

    run()


def test_draws_agree_with_the_model(begin: Begin) -> None:
    """A few histories, for everybody's daily run."""
    check(begin, histories=12)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_draws_agree_for_long(begin: Begin) -> None:
    """As many as a change of the ledger must pass."""
    check(begin, histories=150)
