"""Fills a ledger in this process, through the use case that claims end in: faster than HTTP."""

import asyncio
import random

from largesse.bench.ledgers import Ledger
from largesse.bench.plan import BenchError, Tell
from largesse.issuance.batcher import Batch
from largesse.issuance.model import Answer, Wish
from largesse.settings.load import load
from largesse.wiring.application import open_application

AT_ONCE = 8_192
"""Wishes under way at once: some batches."""

TOLD_EVERY = 50

_ID_BITS = 72


def prefill(ledger: Ledger, campaign: str, count: int, tell: Tell) -> None:
    """Let `count` more customers claim from a campaign of a ledger.

    No server may have the ledger open. Raises `BenchError` where one is refused.
    """
    asyncio.run(_prefill(ledger, campaign, count, tell))


async def _prefill(ledger: Ledger, campaign_id: str, count: int, tell: Tell) -> None:
    settings = load({}, overrides={"database.url": ledger.url}).settings
    dice = random.Random()  # noqa: S311 - customers' ids, which guard nothing
    async with open_application(settings) as application:
        issuance = application.services.issuance
        issuance.report_to(_log_nothing)
        campaign = issuance.offers.campaign(campaign_id)
        assert campaign is not None
        reward = campaign.rewards[0].number
        for number, begin in enumerate(range(0, count, AT_ONCE)):
            customers = [
                f"{dice.getrandbits(_ID_BITS):018x}" for _ in range(min(AT_ONCE, count - begin))
            ]
            endings = await issuance.claim(
                [Wish(campaign.tenant, campaign.number, reward, one, one) for one in customers]
            )
            for ending in endings:
                if not isinstance(ending, Answer) or not ending.outcome.success:
                    message = f"the ledger could not be filled: {ending}"
                    raise BenchError(message)
            if number % TOLD_EVERY == 0:
                tell(f"filling the ledger: {begin:,} of {count:,} rows")


def _log_nothing(batch: Batch) -> None:
    """Keep the batches out of the bench's own output."""
