"""Power cuts: what was acknowledged is there afterwards, whatever the disk had not yet done."""

import random
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest
from sqlite_ledger import open_ledger, opened

from largesse.issuance.model import Place
from largesse.settings.tree import Database
from largesse.storage.sqlite.file import LedgerFile
from largesse.testing.factories import a_reward, a_wish, open_campaign
from largesse.testing.faults import Did, PowerCuts, Step, disk_in_use

BATCHES = 120
SMALL_STEPS = Database(checkpoint_pages=8)
"""So that a short run has many checkpoints and begins the log anew many times."""


@dataclass(frozen=True)
class Recorded:
    """A run on a disk that remembers: its steps, and how many rows each mark acknowledges."""

    steps: list[Step]
    acknowledged: list[int]


async def record(folder: Path) -> Recorded:
    """Settle batches of several sizes one after the other; a mark on the disk after each."""
    acknowledged = [0]
    with disk_in_use() as disk:
        with opened(folder / "ledger.db", SMALL_STEPS) as ledger:
            campaign = await open_campaign(ledger.world, a_reward(quota_total=10**6))
            disk.mark()
            acknowledged.append(0)
            for batch in range(BATCHES):
                size = batch * 7 % 23 + 1
                wishes = [a_wish(campaign, f"{batch}-{n}", key="k" * 40) for n in range(size)]
                settled = await ledger.world.incentives.settle(wishes)
                assert all(one.issued for one in settled)
                acknowledged.append(acknowledged[-1] + size)
                disk.mark()
        return Recorded(disk.steps, acknowledged)


def cut(recorded: Recorded, folder: Path, cuts: int, seed: int) -> list[str]:
    """Cut the power at random moments of a recorded run; what went wrong, one line per cut."""
    dice = random.Random(seed)
    power = PowerCuts(recorded.steps)
    first = next(at for at, step in enumerate(recorded.steps) if step.did is None)
    lost = []
    for number, at in enumerate(sorted(dice.choices(range(first, len(recorded.steps)), k=cuts))):
        power.advance(at)
        left = folder / f"cut-{number}"
        left.mkdir()
        power.leave(left, dice)
        problem = look(left / "ledger.db", recorded.acknowledged[power.marks])
        if problem:
            lost.append(f"seed {seed}, step {at}: {problem}")
        for file in left.iterdir():
            file.unlink()
        left.rmdir()
    return lost


def look(path: Path, acknowledged: int) -> str | None:
    """What is wrong with a file after a cut, or None."""
    try:
        with apsw.Connection(str(path)) as db:
            if db.pragma("integrity_check") != "ok":
                return "the file is damaged"
            found = db.execute(
                "SELECT (SELECT count(*) FROM journal WHERE kind = 1), issued, serials FROM reward"
            ).fetchone()
        db.close()
    except apsw.Error as error:
        return f"the file cannot be read: {error}"
    assert found is not None
    rows, issued, serials = found
    if not rows == issued == serials:
        return f"{rows} rows, {issued} issued, {serials} serials"
    return f"{acknowledged} acknowledged, {rows} left" if rows < acknowledged else None


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_a_power_cut_loses_nothing(tmp_path: Path, seed: int) -> None:
    """Of 4 × 250 cuts, none loses an acknowledged incentive or leaves half a batch."""
    recorded = await record(tmp_path)

    checkpoints = [step for step in recorded.steps if step == Step(Did.SYNC, "ledger.db")]
    assert len(checkpoints) > BATCHES // 4
    assert cut(recorded, tmp_path, 250, seed) == []


async def test_without_the_sync_of_each_commit_a_cut_loses_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: `synchronous` NORMAL must be caught."""
    connect = LedgerFile.connect

    def connect_carelessly(file: LedgerFile) -> apsw.Connection:
        db = connect(file)
        db.pragma("synchronous", 1)
        return db

    monkeypatch.setattr(LedgerFile, "connect", connect_carelessly)
    recorded = await record(tmp_path)

    assert any("acknowledged" in problem for problem in cut(recorded, tmp_path, 50, seed=1))


async def test_a_ledger_goes_on_after_a_cut(tmp_path: Path) -> None:
    """What is left opens, proves that it adds up, and issues the next serial."""
    recorded = await record(tmp_path)
    power = PowerCuts(recorded.steps)
    power.advance(len(recorded.steps) * 2 // 3)
    left = tmp_path / "left"
    left.mkdir()
    power.leave(left, random.Random(1))

    ledger = open_ledger(left / "ledger.db")
    try:
        [campaign] = await ledger.world.incentives.campaigns()
        proof = await ledger.world.incentives.prove(whole=True)
        [settled] = await ledger.world.incentives.settle([a_wish(campaign, "after")])
        assert proof.violations == ()
        assert settled.issued is not None
        assert settled.issued.serial > recorded.acknowledged[power.marks]
        place = Place(settled.issued.reward, settled.issued.serial)
        assert await ledger.world.incentives.entry(place) is not None
    finally:
        ledger.close()
