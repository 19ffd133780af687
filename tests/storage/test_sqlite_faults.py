"""A disk that is full or broken: nobody is told yes in vain, reads go on, and it heals."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from sqlite_ledger import Ledger, open_file, opened

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Issued, Place
from largesse.kernel.errors import UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.settings.tree import Database
from largesse.testing.factories import a_reward, a_wish, open_campaign
from largesse.testing.faults import Did, Disk, Step, disk_in_use

SMALL_STEPS = Database(checkpoint_pages=8)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that works until it is told not to."""
    with disk_in_use() as disk:
        yield disk


@pytest.fixture
def ledger(disk: Disk, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger on the disk."""
    with opened(tmp_path / "ledger.db", SMALL_STEPS) as ledger:
        yield ledger
        disk.refuse = None


class Failing:
    """Fails the n-th step of a kind, and all later ones until it is mended."""

    def __init__(self, disk: Disk, did: Did, nth: int) -> None:
        self._disk = disk
        self._did = did
        self._left = nth
        self.failed = 0
        disk.refuse = self._refuse

    def mend(self) -> None:
        """Let the disk work again."""
        self._disk.refuse = None

    def _refuse(self, step: Step) -> apsw.Error | None:
        self._left -= step.did is self._did
        if step.did is not self._did or self._left > 0:
            return None
        self.failed += 1
        return apsw.FullError() if step.did is Did.WRITE else apsw.IOError()


async def claim(ledger: Ledger, campaign: Campaign, first: int, count: int) -> list[Issued]:
    """Settle so many batches of ten; what was issued in those that were answered."""
    issued = []
    for batch in range(first, first + count):
        wishes = [a_wish(campaign, f"{batch}-{n}") for n in range(10)]
        try:
            settled = await ledger.store.settle(wishes)
        except UnavailableError:
            continue
        assert {one.outcome for one in settled} == {Outcome.ISSUED}
        issued += [one.issued for one in settled if one.issued]
    return issued


@pytest.mark.parametrize("nth", [1, 2, 5, 9])
@pytest.mark.parametrize("did", [Did.WRITE, Did.SYNC])
async def test_a_disk_that_fails_and_is_mended(
    disk: Disk, ledger: Ledger, did: Did, nth: int
) -> None:
    """Whoever was told yes is in the ledger; the others are told to come again, and it heals."""
    campaign = await open_campaign(ledger.world, a_reward(quota_total=10**6))
    before = await claim(ledger, campaign, 0, 3)

    failing = Failing(disk, did, nth)
    during = await claim(ledger, campaign, 3, 10)
    assert failing.failed
    place = Place(before[0].reward, before[0].serial)
    assert await ledger.store.entry(place) is not None
    failing.mend()

    after = await claim(ledger, campaign, 3, 10)
    answered = {(one.serial, one.customer) for one in [*before, *during, *after]}
    assert len(after) == 100
    proof = await ledger.store.prove(whole=True)
    assert proof.violations == ()
    entries = await ledger.store.entries([campaign.rewards[0].number], None, 1_000)
    assert {(one.issued.serial, one.issued.customer) for one in entries} == answered


async def test_a_full_disk(disk: Disk, ledger: Ledger, tmp_path: Path) -> None:
    """When there is room again the ledger goes on without a restart; a restart finds it whole."""
    campaign = await open_campaign(ledger.world, a_reward(quota_total=10**6))
    disk.refuse = lambda step: apsw.FullError() if step.end > 200_000 else None

    wishes = [a_wish(campaign, f"c-{n}", key="k" * 200) for n in range(2_000)]
    with pytest.raises(UnavailableError):
        await ledger.store.settle(wishes)
    [counters] = await ledger.store.counters([campaign.rewards[0].number])
    assert counters.issued == 0

    disk.refuse = None
    settled = await ledger.store.settle(wishes)
    assert [one.issued.serial for one in settled if one.issued] == list(range(1, 2_001))
    assert (await ledger.store.prove(whole=True)).violations == ()
    ledger.close()
    with opened(tmp_path / "ledger.db") as again:
        replays = await again.store.settle(wishes)
        assert all(one.replayed for one in replays)


async def test_a_failed_checkpoint_costs_nobody_an_answer(disk: Disk, ledger: Ledger) -> None:
    """The log has what was committed; it is copied into the file once that can be written."""
    campaign = await open_campaign(ledger.world, a_reward(quota_total=10**6))
    disk.refuse = lambda step: apsw.IOError() if step.file.endswith(".db") else None

    issued = await claim(ledger, campaign, 0, 30)

    assert len(issued) == 300
    disk.refuse = None
    assert len(await claim(ledger, campaign, 30, 1)) == 10


async def test_a_disk_that_fails_at_the_start(disk: Disk, tmp_path: Path) -> None:
    """A ledger that cannot be opened says so in one line, and lets go of its lock."""
    Failing(disk, Did.WRITE, 1)
    with pytest.raises(Exception, match="cannot be opened") as refused:
        open_file(tmp_path / "ledger.db")
    assert "\n" not in str(refused.value)

    disk.refuse = None
    open_file(tmp_path / "ledger.db").close()
