"""Backups: what is in one, which are refused, and what a restore makes of it."""

import asyncio
import hashlib
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlite_ledger import Ledger, opened

from largesse.campaigns.model import Campaign
from largesse.issuance.model import LedgerEntry
from largesse.kernel.clock import FakeClock
from largesse.kernel.errors import BusyError, UnavailableError
from largesse.storage.sqlite.backup import live, snapshot
from largesse.storage.sqlite.backup.appearing import appearing
from largesse.storage.sqlite.backup.archive import (
    SEAL_BYTES,
    Archive,
    ArchiveError,
    Counts,
    bytes_of,
    pieces,
    read_archive,
)
from largesse.storage.sqlite.backup.live import LiveBackups, Outgoing
from largesse.storage.sqlite.backup.resting import check_archive, put_back, refuse_ledger, resting
from largesse.storage.sqlite.backup.snapshot import copy_pages, count, describe
from largesse.storage.sqlite.backup.window import looking_into
from largesse.testing.factories import (
    NOW_MS,
    PERMUTED,
    RANDOM,
    a_reward,
    a_wish,
    crowd,
    open_campaign,
    settle,
)

CLOCK = FakeClock(NOW_MS)


@pytest.fixture
async def campaign(tmp_path: Path) -> AsyncIterator[tuple[Ledger, Campaign]]:
    """A ledger in use, with some things given."""
    with opened(tmp_path / "ledger.db") as ledger:
        campaign = await open_campaign(
            ledger.world,
            a_reward("A", quota_total=999, per_customer_max=1, code=PERMUTED),
            a_reward("B", quota_total=999, code=RANDOM),
        )
        await settle(ledger.world, *(a_wish(campaign, f"d{n}", reward=n % 2) for n in range(50)))
        yield ledger, campaign


async def taken(ledger: Ledger, path: Path) -> Archive:
    """A backup of a ledger in use."""
    backups = LiveBackups(ledger.file, CLOCK)
    outgoing = await backups.take()
    content = b"".join([piece async for piece in outgoing])
    assert len(content) == outgoing.length
    outgoing.close()
    backups.close()
    return written(path, content)


def written(path: Path, content: bytes) -> Archive:
    """An archive, now in a file."""
    path.write_bytes(content)
    return read_archive(path)


def names(folder: Path, pattern: str) -> set[str]:
    """What is in a folder."""
    return {file.name for file in folder.glob(pattern)}


@pytest.fixture
async def archive(campaign: tuple[Ledger, Campaign], tmp_path: Path) -> Archive:
    """A backup."""
    return await taken(campaign[0], tmp_path / "one.backup")


async def entries(ledger: Ledger, campaign: Campaign) -> list[LedgerEntry]:
    """All that was given."""
    numbers = [reward.number for reward in campaign.rewards]
    return await ledger.store.entries(numbers, None, 1_000)


def refusal(path: Path) -> str:
    """Why an archive is not read."""
    with pytest.raises(ArchiveError) as refused:
        read_archive(path)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    return str(refused.value)


def forged(archive: Archive, **changes: object) -> Path:
    """An archive with a true seal whose header says something else."""
    content = archive.path.read_bytes()
    line, _, _ = content.partition(b"\n")
    said = msgspec.json.encode({**msgspec.to_builtins(archive.header), **changes})
    head = line + b"\n" + len(said).to_bytes(4, "big") + said
    sealed = head + content[archive.start : -SEAL_BYTES]
    path = archive.path.with_name("forged.backup")
    path.write_bytes(sealed + hashlib.sha256(sealed).digest())
    return path


async def test_a_backup_is_the_ledger_of_its_moment(
    campaign: tuple[Ledger, Campaign], tmp_path: Path
) -> None:
    """All that was given before, and nothing that was given since; it can be gone on with."""
    ledger, one = campaign
    before = await entries(ledger, one)
    archive = await taken(ledger, tmp_path / "one.backup")
    await settle(ledger.world, *crowd(one, 5))
    assert archive.header.counts.incentives == 50
    assert archive.header.taken_at_ms == NOW_MS
    await asyncio.to_thread(check_archive, archive, CLOCK)
    await asyncio.to_thread(put_back, archive, tmp_path / "restored.db", CLOCK)

    with opened(tmp_path / "restored.db") as restored:
        assert await entries(restored, one) == before
        assert (await restored.store.prove(whole=True)).violations == ()
        await settle(restored.world, *crowd(one, 5))
        assert (await restored.store.prove(whole=True)).violations == ()
    assert names(tmp_path, "restored*") == {"restored.db", "restored.db-lock"}


async def test_a_copy_is_of_one_moment_however_long_it_takes(
    campaign: tuple[Ledger, Campaign], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims between its steps are not in it, and do not make it begin anew."""
    ledger, one = campaign
    loop = asyncio.get_running_loop()
    customers = itertools.count()

    def claim_meanwhile() -> bool:
        wish = a_wish(one, f"meanwhile {next(customers)}")
        asyncio.run_coroutine_threadsafe(settle(ledger.world, wish), loop).result()
        return True

    def copy() -> Counts:
        with closing(ledger.file.connect_reader()) as db:
            db.execute("BEGIN")
            describe(db, NOW_MS)
            assert copy_pages(db, tmp_path / "copy", claim_meanwhile)
        with looking_into(tmp_path / "copy", 0, (tmp_path / "copy").stat().st_size) as copied:
            return count(copied)

    monkeypatch.setattr(snapshot, "PAGES_AT_ONCE", 4)
    copied = await asyncio.to_thread(copy)

    assert next(customers) > 5
    assert copied.incentives == 50
    assert (await ledger.store.prove(whole=True)).rows > copied.facts


async def test_every_cut_is_seen(archive: Archive, tmp_path: Path) -> None:
    """Wherever the archive ends before its time."""
    content = archive.path.read_bytes()
    cut = tmp_path / "cut.backup"
    marks = (0, 1, 17, 18, 20, 22, 30, archive.start, archive.start + 100, len(content) - 32)
    for length in (*marks, len(content) - 1):
        cut.write_bytes(content[:length])
        assert "no backup" in refusal(cut) or "cut off" in refusal(cut) or "damaged" in refusal(cut)
    cut.write_bytes(content)
    assert read_archive(cut).digest == archive.digest


async def test_every_change_is_seen(archive: Archive, tmp_path: Path) -> None:
    """Of any byte, and what is added."""
    content = archive.path.read_bytes()
    changed = tmp_path / "changed.backup"
    for place in (*range(0, len(content), len(content) // 50), len(content) - 1):
        changed.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        refusal(changed)
    changed.write_bytes(content + b"\n")
    assert "1 bytes follow its end" in refusal(changed)


async def test_what_is_no_archive_of_ours_is_refused(archive: Archive, tmp_path: Path) -> None:
    """By what it is."""
    assert "no backup" in refusal(tmp_path / "ledger.db")
    assert "No such file" in refusal(tmp_path / "missing")
    assert "holds a postgres-ledger" in refusal(forged(archive, kind="postgres-ledger"))
    assert "header cannot be read" in refusal(forged(archive, schema="one"))
    newer = tmp_path / "newer.backup"
    newer.write_bytes(b"largesse-backup/2\n" + archive.path.read_bytes()[18:])
    assert "has format 2" in refusal(newer)


async def test_a_newer_schema_is_refused(archive: Archive, tmp_path: Path) -> None:
    """This program would not know what it lacks."""
    newer = read_archive(forged(archive, schema=999))
    with pytest.raises(ArchiveError, match="has schema 999, this largesse"):
        put_back(newer, tmp_path / "restored.db", CLOCK)
    with pytest.raises(ArchiveError, match="has schema 999, this largesse"):
        check_archive(newer, CLOCK)
    assert not names(tmp_path, "restored*")


@pytest.mark.parametrize("end", ["", "-wal", "-journal"])
async def test_a_restore_never_writes_over_data(archive: Archive, tmp_path: Path, end: str) -> None:
    """Nor beside a log that SQLite would take for the ledger's own."""
    there = tmp_path / f"restored.db{end}"
    there.write_bytes(b"data")
    with pytest.raises(ArchiveError, match="is there already"):
        put_back(archive, tmp_path / "restored.db", CLOCK)
    assert there.read_bytes() == b"data"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("UPDATE reward SET issued = issued - 1 WHERE number = 1", "issued of reward 1"),
        ("DELETE FROM journal WHERE seq = 20", "does not add up"),
        ("UPDATE journal SET customer = 'd0' WHERE seq = 4", "holders of reward"),
    ],
)
async def test_a_ledger_that_does_not_add_up_is_refused(
    campaign: tuple[Ledger, Campaign], tmp_path: Path, fault: str, told: str
) -> None:
    """Though its seal is true: by the check of a backup, and again before a restore."""
    ledger, _ = campaign
    await ledger.writer.write(lambda transaction: transaction.db.execute(fault))
    archive = await taken(ledger, tmp_path / "one.backup")
    with pytest.raises(ArchiveError, match=told):
        await asyncio.to_thread(check_archive, archive, CLOCK)
    with pytest.raises(ArchiveError, match=told):
        await asyncio.to_thread(put_back, archive, tmp_path / "restored.db", CLOCK)
    assert names(tmp_path, "restored*") == {"restored.db-lock"}


async def test_counts_are_held_against_the_ledger(archive: Archive) -> None:
    """A header that tells of more than there is."""
    counts = {**msgspec.to_builtins(archive.header.counts), "incentives": 51}
    false = read_archive(forged(archive, counts=counts))
    with pytest.raises(ArchiveError, match="where its header says"):
        await asyncio.to_thread(check_archive, false, CLOCK)


async def test_one_backup_at_a_time(campaign: tuple[Ledger, Campaign]) -> None:
    """Until it is closed, or nobody has it any more: a client who went away blocks nobody."""
    backups = LiveBackups(campaign[0].file, CLOCK)
    first = await backups.take()
    with pytest.raises(BusyError):
        await backups.take()
    first.close()
    second = await backups.take()
    assert await anext(aiter(second))
    second.close()
    two = await asyncio.gather(backups.take(), backups.take(), return_exceptions=True)
    assert sorted(type(one).__name__ for one in two) == ["BusyError", "Outgoing"]
    for one in two:
        if isinstance(one, Outgoing):
            one.close()
    backups.close()


async def test_nothing_remains_beside_the_ledger(
    campaign: tuple[Ledger, Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of one that was sent, given up or refused, nor of one that a kill -9 left there."""
    ledger, _ = campaign
    left = ledger.file.path.with_name("ledger.db-copy")
    left.write_bytes(b"half of it")
    backups = LiveBackups(ledger.file, CLOCK)
    assert not left.exists()
    (await backups.take()).close()
    assert not left.exists()
    monkeypatch.setattr(live, "SPARE_BYTES", 2**62)
    with pytest.raises(UnavailableError, match="no room for a copy"):
        await backups.take()
    monkeypatch.undo()
    backups._closed = True
    with pytest.raises(UnavailableError, match="the server ends"):
        await backups.take()
    assert not left.exists()
    backups.close()


def test_a_ledger_at_rest(tmp_path: Path) -> None:
    """What its server left in the log is in it, and no server gets it meanwhile."""
    (tmp_path / "live").mkdir()
    asyncio.run(_sell(tmp_path / "live" / "ledger.db", tmp_path / "killed"))
    killed = tmp_path / "killed" / "ledger.db"
    assert killed.with_name("ledger.db-wal").stat().st_size > 0
    with resting(killed, CLOCK) as (header, payload), appearing(tmp_path / "one.backup") as file:
        with pytest.raises(ArchiveError, match="is in use"), resting(killed, CLOCK):
            pass
        file.writelines(pieces(header, payload))
    archive = read_archive(tmp_path / "one.backup")
    assert archive.header.counts.incentives == 50
    assert bytes_of(archive.header) == archive.path.stat().st_size
    check_archive(archive, CLOCK)


async def _sell(path: Path, killed: Path) -> None:
    """Give 50 and keep the files as a kill -9 would leave them."""
    with opened(path) as ledger:
        campaign = await open_campaign(ledger.world, a_reward("A", quota_total=99))
        await settle(ledger.world, *crowd(campaign, 50))
        shutil.copytree(path.parent, killed)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """What fails leaves nothing; what a kill -9 left is written anew; two do not mix."""
    path = tmp_path / "one"
    with pytest.raises(TypeError), appearing(path) as file:
        file.writelines([b"half", "of it"])  # type: ignore[list-item]  # the mistake
    assert not names(tmp_path, "*")

    (tmp_path / "one.unfinished").write_bytes(b"left by a kill -9, and longer")
    with appearing(path) as file:
        with pytest.raises(ArchiveError, match="by another command"), appearing(path):
            pass
        file.write(b"whole")
        assert not path.exists()
    assert names(tmp_path, "*") == {"one"}
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o600

    with pytest.raises(ArchiveError, match="is there already"), appearing(path):
        pass
    with pytest.raises(ArchiveError, match="cannot write"), appearing(tmp_path / "no" / "one"):
        pass
    with pytest.raises(ArchiveError, match="is there already"), appearing(tmp_path / "two") as file:
        (tmp_path / "two").write_bytes(b"somebody else was faster")
    assert (tmp_path / "two").read_bytes() == b"somebody else was faster"


def test_names_of_a_ledger_are_refused(tmp_path: Path) -> None:
    """Its own, and those of what is beside it; not that of any other file."""
    with opened(tmp_path / "ledger.db"):
        for end in ("", "-wal", "-shm", "-journal", "-lock", "-copy"):
            with pytest.raises(ArchiveError, match="belongs to a ledger"):
                refuse_ledger(tmp_path / f"ledger.db{end}")
        refuse_ledger(tmp_path / "ledger.backup")
        refuse_ledger(tmp_path / "other-wal")
