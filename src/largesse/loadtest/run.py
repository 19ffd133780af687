"""A load test from its campaigns to its summary."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from largesse.client import audit, campaigns, incentives, test_clock
from largesse.client.asynchronous import AsyncClient
from largesse.client.errors import NoAnswerError, RefusedError
from largesse.client.model import Campaign, CampaignDefinition, Refusal, RewardDefinition
from largesse.kernel.errors import LargesseError
from largesse.loadtest.compare import NOT_OPEN_YET, AskedAgain, Book, Evidence, complaints
from largesse.loadtest.crowd import Crowd, Target
from largesse.loadtest.patterns import PATTERNS, quotas_of
from largesse.loadtest.plan import LoadTestError, Plan
from largesse.loadtest.summary import Summary, summary_of
from largesse.loadtest.tally import Tally
from largesse.loadtest.wishes import WISHES, Given

WINNERS_ASKED_AGAIN = 100
PAGE = 200
BEAT_S = 0.25
"""How often whoever watches is told how it stands."""

MARGIN_S = 0.5
"""The claims that come too early have to be answered so long before the opening."""

_CLAIMERS_AGAIN = 16


class Watch(Protocol):
    """Somebody who watches a load test."""

    def tell(self, doing: str) -> None:
        """What it is doing now."""

    def beat(self, tally: Tally) -> None:
        """How the load stands, a few times a second."""


class LoadTest:
    """One run of a plan against a server."""

    def __init__(self, plan: Plan, url: str, key: str, watch: Watch) -> None:
        self._plan = plan
        self._url = url
        self._key = key
        self._watch = watch
        self._pattern = PATTERNS[plan.pattern]
        self._quotas = quotas_of(plan)
        self._wish = WISHES[plan.protocol]

    async def run(self) -> Summary:
        """Run it. Raises `LoadTestError` and the client's errors where it cannot be run."""
        async with AsyncClient(self._url, self._key, connections_max=_CLAIMERS_AGAIN) as clerk:
            made: list[Campaign] = []
            try:
                return await self._run(clerk, made)
            finally:
                self._watch.tell("ending the campaigns")
                for campaign in made:
                    with suppress(LargesseError):
                        await clerk.ask(campaigns.end(campaign.id))

    async def _run(self, clerk: AsyncClient, made: list[Campaign]) -> Summary:
        self._watch.tell("making the campaigns")
        opens_s = await self._open(clerk, made)
        target = Target(self._url, self._key, made, secrets.token_hex(6))
        found = await self._before_the_opening(clerk, target)
        if time.perf_counter() > opens_s - MARGIN_S:
            raise LoadTestError("the server needs seconds to make a campaign: there is no before")
        self._watch.tell("waiting for the opening")
        await asyncio.sleep(opens_s - self._pattern.lead_s - time.perf_counter())
        tally = Tally()
        self._watch.tell("claiming")
        await self._load(Crowd(self._plan, target, tally), tally)
        self._watch.tell("asking again")
        again = await self._ask_again(clerk, target, tally)
        self._watch.tell("reading the ledger")
        books = [await _book(clerk, campaign) for campaign in made]
        evidence = Evidence(tally.heard, again, books, target.customer)
        found += complaints(evidence, early=self._pattern.lead_s > 0)
        found += await _violations(clerk, made)
        return summary_of(self._plan, tally, books, found, len(again))

    async def _open(self, clerk: AsyncClient, made: list[Campaign]) -> float:
        """Make the campaigns; when they open, by our own monotonic clock."""
        clock = await clerk.ask(test_clock.show())
        opens_s = time.perf_counter() + self._plan.starts_in_s
        if clock.test_mode:
            raise LoadTestError(
                "the key is of a tenant in test mode, whose clock stands still: "
                "take the key of a tenant that lives in real time"
            )
        now = datetime.fromisoformat(clock.now)
        starts_at = (now + timedelta(seconds=self._plan.starts_in_s)).isoformat(
            timespec="milliseconds"
        )
        for quota in self._quotas:
            wish = campaigns.create(_campaign(starts_at, quota), activate=True)
            made.append(await clerk.ask(wish))
        return opens_s

    async def _before_the_opening(self, clerk: AsyncClient, target: Target) -> list[str]:
        """A claim of each campaign before its start: all have to be refused."""
        found = []
        for index, campaign in enumerate(target.campaigns):
            result = await clerk.ask(self._wish(campaign, f"{target.run}-early-{index}"))
            outcome = result.outcome if isinstance(result, Refusal) else "ISSUED"
            if outcome != NOT_OPEN_YET:
                found.append(
                    f"{campaign.id}: a claim before {campaign.starts_at} ended as {outcome}"
                )
        return found

    async def _load(self, crowd: Crowd, tally: Tally) -> None:
        watching = asyncio.create_task(self._beat(tally))
        try:
            await crowd.run()
        finally:
            watching.cancel()

    async def _beat(self, tally: Tally) -> None:
        while True:
            self._watch.beat(tally)
            await asyncio.sleep(BEAT_S)

    async def _ask_again(
        self, clerk: AsyncClient, target: Target, tally: Tally
    ) -> Sequence[AskedAgain]:
        """Who does not know what became of him asks once more, and some winners, too."""
        unknown = [one.number for one in tally.heard if not one.known]
        winners = [one.number for one in tally.heard if one.given is not None]
        numbers = iter(unknown + winners[:: max(1, len(winners) // WINNERS_ASKED_AGAIN)])
        found: list[AskedAgain] = []

        async def ask() -> None:
            for number in numbers:
                call = self._wish(target.campaign_of(number), target.customer(number))
                with suppress(NoAnswerError, RefusedError):
                    result = await clerk.ask(call)
                    given = result if isinstance(result, Given) else None
                    outcome = "ISSUED" if isinstance(result, Given) else result.outcome
                    found.append(AskedAgain(number, given, outcome))

        await asyncio.gather(*(ask() for _ in range(_CLAIMERS_AGAIN)))
        return found


def _campaign(starts_at: str, quota: int) -> CampaignDefinition:
    reward = RewardDefinition(
        key="LOAD", kind="COUPON", value={"item": "a load test"}, quota_total=quota
    )
    return CampaignDefinition(
        name="Load test", starts_at=starts_at, rewards=[reward], per_customer_max=1
    )


async def _book(clerk: AsyncClient, campaign: Campaign) -> Book:
    """All that the ledger holds of a campaign, and its stock."""
    rows = [row async for row in clerk.walk(incentives.list_all(campaign.id, limit=PAGE))]
    return Book(await clerk.ask(campaigns.show(campaign.id)), rows)


async def _violations(clerk: AsyncClient, made: Sequence[Campaign]) -> list[str]:
    """What the server's own proof says of these campaigns."""
    ours = {campaign.id for campaign in made}
    proof = await clerk.ask(audit.conservation())
    return [
        f"the audit says of {one.campaign_id}: {one.rule}: {one.detail}"
        for one in proof.violations
        if one.campaign_id in ours
    ]
