"""Promise: a disk that is full costs answers, never what was answered; and it heals."""

import asyncio
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
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
"""How much the files may still grow: by some thousand claims."""

REFUSED_MIN = 500
"""Refusals heard before space returns: so many commits have failed."""

HEAL_S_MAX = 10.0
SETTINGS = {**WATCHFUL, "LARGESSE_LOG_LEVEL": "info"}
"""The log, a line for each batch and request, goes to the same disk."""

DISK_BYTES = 16 * 1024 * 1024
"""Room for a new ledger, its log and a sale of some thousand."""


class LimitedFiles:
    """No file of the server's may grow: to SQLite, a write that fails. Needs no rights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, running: Running) -> None:
        """Leave a little room beyond the largest file."""
        largest = max(file.stat().st_size for file in self.folder.iterdir())
        self._limit(running, largest + ROOM_BYTES)

    def free(self, running: Running) -> None:
        """Lift the limit."""
        self._limit(running, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(running: Running, soft: int) -> None:
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


class SmallDisk:
    """A file system of some megabytes in memory, the log of the server on it, too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, running: Running) -> None:
        """Leave nothing, not even for a line of the log."""
        self._ballast.write_bytes(bytes(shutil.disk_usage(self.folder).free))

    def free(self, running: Running) -> None:
        """Throw the ballast away."""
        self._ballast.unlink()


@pytest.fixture(params=["limited files", "small disk"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LimitedFiles | SmallDisk]:
    """A disk that can be filled."""
    if request.param == "limited files":
        yield LimitedFiles(tmp_path)
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "largesse", tmp_path],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small disk: mounting one needs the rights of root")
    try:
        yield SmallDisk(tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


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
    disk: LimitedFiles | SmallDisk, told: Callable[[str], None]
) -> None:
    """503 with Retry-After while it is full, reads go on; when space returns, so do claims."""
    with served(disk.folder, SETTINGS) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            campaign = await tenant.sale(1_000_000)
            sale = Sale(tenant, campaign)
            await sale.until(lambda: len(sale.issued) > 500)

            disk.fill(running)
            await sale.until(lambda: len(sale.refused) > REFUSED_MIN)
            before, refused = len(sale.issued), len(sale.refused)
            for _ in range(2 * CONNECTIONS):
                assert (await tenant.stock(campaign))["issued"] == before
            assert len(await tenant.incentives(campaign)) == before
            assert (await tenant.claimed(campaign, "c1")).body == sale.issued["c1"].body

            disk.free(running)
            async with asyncio.timeout(HEAL_S_MAX):
                while sale.refused:
                    await sale.retry()
            await sale.until(lambda: len(sale.issued) > before + refused + 500)
            await check(tenant, campaign, sale)
        assert running.stop() == 0
    with served(disk.folder, SETTINGS) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            await check(tenant, campaign, sale)
    told(
        f"disk full ({type(disk).__name__}): {before} answers before, {refused} refused while "
        f"full, {len(sale.issued)} in the end: 0 lost, reads went on, healed without a restart"
    )


async def check(tenant: Shop, campaign: str, sale: Sale) -> None:
    """What was answered is what the ledger holds."""
    listed = await tenant.incentives(campaign)
    check_distinct(listed)
    by_customer = {one["customer_id"]: one for one in listed}
    assert by_customer == {who: answer.json()["incentive"] for who, answer in sale.issued.items()}
    assert (await tenant.stock(campaign))["issued"] == len(listed)
    assert (await tenant.proof())["violations"] == []
