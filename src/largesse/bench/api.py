"""The few calls of the API that the bench makes beside the load, and the waits around them."""

import time
from collections.abc import Sequence
from typing import TypeVar

from largesse.bench.plan import BenchError
from largesse.client import audit, campaigns, claims
from largesse.client.blocking import Client
from largesse.client.call import Call, Request
from largesse.client.errors import RefusedError
from largesse.client.model import (
    CampaignDefinition,
    Claimed,
    CodeFormat,
    Refusal,
    RewardDefinition,
    Wish,
)
from largesse.client.retries import ONCE
from largesse.http.shapes.claims import BATCH_MAX

T = TypeVar("T")

READY_TRIES_MAX = 10_000
PROOF_LOOK_S = 0.2
PROOF_TRIES_MAX = 1_500
"""Five minutes: a proof that takes longer is not what is to be measured."""

PRIZES = (("FIRST", 50_000, 100_000), ("SECOND", 5_000, 200_000), ("THIRD", 500, 100_000))
"""Of the draw: key, amount and weight of each."""

LONG_AGO = "2026-01-01T00:00:00.000Z"

CLASSIC = CodeFormat(pattern="가가9999가가99")
"""The codes of campaigns, unless a scenario is about codes."""

_READY = Call(Request("GET", "/readyz"), lambda _: None)


class Api:
    """A server's API, asked with an admin key, one call at a time; no connection is kept."""

    def __init__(self, url: str, key: str) -> None:
        self.authorization = f"Bearer {key}"
        self._client = Client(url, key, retries=ONCE)  # a wait would be measured, too

    def wait_until_ready(self) -> None:
        """Return as soon as the server says that it is ready."""
        for _ in range(READY_TRIES_MAX):
            try:
                self.ask(_READY)
            except RefusedError:
                continue
            return
        message = "the server listens and does not become ready"
        raise BenchError(message)

    def wait_until_proven(self) -> None:
        """Return once the proof of the ledger that follows a start is done: it takes a core."""
        for _ in range(PROOF_TRIES_MAX):
            if self.ask(audit.conservation()).checked_at is not None:
                return
            time.sleep(PROOF_LOOK_S)
        message = "the server does not finish the proof of its ledger"
        raise BenchError(message)

    def open_campaign(
        self, quota: int | None, starts_at: str = LONG_AGO, code: CodeFormat = CLASSIC
    ) -> str:
        """A campaign of one reward that anybody may claim once, open from a moment on; its id."""
        reward = RewardDefinition(
            key="STANDARD",
            kind="COUPON",
            value={"amount": 500, "currency": "KRW"},
            quota_total=quota,
            code=code,
        )
        campaign = CampaignDefinition(
            name="Bench", starts_at=starts_at, rewards=[reward], per_customer_max=1
        )
        return self.ask(campaigns.create(campaign, activate=True)).id

    def open_draw(self) -> str:
        """A draw in which anybody draws once and four in ten win, each a code; its id."""
        prizes = [
            RewardDefinition(
                key=key,
                kind="COUPON",
                value={"amount": amount, "currency": "KRW"},
                weight_ppm=weight_ppm,
                code=CLASSIC,
            )
            for key, amount, weight_ppm in PRIZES
        ]
        campaign = CampaignDefinition(
            name="Bench",
            type="DRAW",
            starts_at=LONG_AGO,
            rewards=prizes,
            draws_per={"period": "CAMPAIGN", "n": 1},
        )
        return self.ask(campaigns.create(campaign, activate=True)).id

    def issued(self, campaign: str) -> int:
        """How many of a campaign's units are gone, by its stock."""
        return sum(one.stock.issued for one in self.ask(campaigns.show(campaign)).rewards)

    def number(self, campaign: str) -> int:
        """The number of a campaign, which RPC speaks."""
        return self.ask(campaigns.show(campaign)).number

    def claim_all(self, campaign: str, customers: Sequence[str]) -> list[Claimed | Refusal]:
        """One claim each, as many in a call as it takes; a customer's id is his key, too."""
        results: list[Claimed | Refusal] = []
        for begin in range(0, len(customers), BATCH_MAX):
            part = customers[begin : begin + BATCH_MAX]
            wishes = [Wish(customer, customer) for customer in part]
            answers = self.ask(claims.claim_all(campaign, wishes))
            results += answers
        return results

    def ask(self, call: Call[T]) -> T:
        """The result of any other call. Raises the client's errors."""
        try:
            return self._client.ask(call)
        finally:
            self._client.close()


def draws_of(campaign: str) -> str:
    """The path that a campaign's draws go to."""
    return f"/api/v1/campaigns/{campaign}/draws"


def target_of(campaign: str) -> str:
    """The path that a campaign's claims go to."""
    return f"/api/v1/campaigns/{campaign}/claims"
