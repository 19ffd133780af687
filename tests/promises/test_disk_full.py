"""Promise: a disk that is full costs answers, never what was answered; and it heals."""

import asyncio
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from crowd import Ended
from exactness import check_distinct
from raw_http import Response
from running import WATCHFUL, Running, served
from shop import Shop, shop

CONNECTIONS = 8
IN_FLIGHT = 64
ROOM_BYTES = 256 * 1024
"""What is left of the disk when the sale begins: some thousand claims."""

REFUSED_MIN = 500
"""Refusals heard before space returns: so many commits have failed."""

HEAL_S_MAX = 10.0
SETTINGS = {**WATCHFUL, "LARGESSE_LOG_LEVEL": "error"}
"""The log is on the same disk: a line about each batch that failed would be lost."""


def limit(running: Running, room_bytes: int | None) -> None:
    """Let none of the server's files grow beyond its largest one and some room; None: any size.

    To SQLite it is a write that fails, as on a disk without space; and no root is needed for it.
    """
    soft = resource.RLIM_INFINITY
    if room_bytes is not None:
        sizes = [file.stat().st_size for file in running.folder.iterdir()]
        soft = max(sizes) + room_bytes
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


class Sale:
    """Customers who claim, and what they were told."""

    def __init__(self, tenant: Shop, sale: str) -> None:
        self.issued: dict[str, Response] = {}
        self.refused: list[str] = []
        self._tenant = tenant
        self._sale = sale
        self._customers = 0

    async def until(self, done: Callable[[], bool]) -> None:
        """Many at once, until enough was seen."""

        async def one_client() -> None:
            while not done():
                self._customers += 1
                customer = f"c{self._customers}"
                self.note(customer, await self._tenant.claim(self._sale, customer))

        await asyncio.gather(*(one_client() for _ in range(IN_FLIGHT)))

    def note(self, customer: str, answer: Ended) -> None:
        """Remember an answer: a coupon, or a word that there is none now."""
        assert answer is not None, "the server hung up"
        if answer.status == 201:
            self.issued[customer] = answer
            return
        problem = answer.json()
        assert (answer.status, problem["transient"]) == (503, True), answer.body
        assert int(answer.headers["retry-after"]) >= 1
        self.refused.append(customer)

    async def retry(self) -> None:
        """Those who were refused ask again with their keys."""
        again, self.refused = self.refused, []
        answers = await asyncio.gather(*(self._tenant.claim(self._sale, who) for who in again))
        for customer, answer in zip(again, answers, strict=True):
            self.note(customer, answer)


@pytest.mark.slow
async def test_a_full_disk_loses_nothing_and_heals(
    tmp_path: Path, told: Callable[[str], None]
) -> None:
    """503 with Retry-After while it is full, reads go on; when space returns, so do claims."""
    with served(tmp_path, SETTINGS) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            campaign = await tenant.sale(1_000_000)
            sale = Sale(tenant, campaign)
            await sale.until(lambda: len(sale.issued) > 500)

            limit(running, ROOM_BYTES)
            await sale.until(lambda: len(sale.refused) > REFUSED_MIN)
            before = len(sale.issued)
            refused = len(sale.refused)
            assert (await tenant.stock(campaign))["issued"] == before
            assert len(await tenant.incentives(campaign)) == before
            assert (await tenant.claimed(campaign, "c1")).body == sale.issued["c1"].body

            limit(running, None)
            async with asyncio.timeout(HEAL_S_MAX):
                while sale.refused:
                    await sale.retry()
            await sale.until(lambda: len(sale.issued) > before + refused + 500)
            await check(tenant, campaign, sale)
        assert running.stop() == 0
    with served(tmp_path, SETTINGS) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            await check(tenant, campaign, sale)
    told(
        f"disk full: {before} answers before, {refused} refused while full, "
        f"{len(sale.issued)} in the end: 0 lost, reads went on, healed without a restart"
    )


async def check(tenant: Shop, campaign: str, sale: Sale) -> None:
    """What was answered is what the ledger holds."""
    listed = await tenant.incentives(campaign)
    check_distinct(listed)
    by_customer = {one["customer_id"]: one for one in listed}
    assert by_customer == {who: answer.json()["incentive"] for who, answer in sale.issued.items()}
    assert (await tenant.stock(campaign))["issued"] == len(listed)
    assert (await tenant.proof())["violations"] == []
