"""Whether a ledger that nobody has open is sound: its file, its journal, and all that it counts."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import apsw

from largesse.kernel.clock import Clock
from largesse.storage.sqlite.backup.archive import ArchiveError, Counts
from largesse.storage.sqlite.backup.snapshot import count
from largesse.storage.sqlite.fingerprint import Fingerprints
from largesse.storage.sqlite.holders import Holders
from largesse.storage.sqlite.prove import Prover
from largesse.storage.sqlite.restore import restore

COMPLAINTS_MAX = 10
"""More of them would say nothing new, and the message is one line."""

CACHE_KIB = 65_536

T = TypeVar("T")


def check_ledger(db: apsw.Connection, counts: Counts, clock: Clock) -> None:
    """Hold a whole ledger against itself, and against what was said to be in it.

    Raises `ArchiveError` with what is wrong.
    """
    try:
        db.pragma("cache_size", -CACHE_KIB)
        found = _complaints(db, counts, clock)
    except apsw.Error as error:
        raise ArchiveError(f"the ledger in it cannot be read: {error}") from error
    if found:
        raise ArchiveError(f"the ledger in it does not add up: {'; '.join(found[:COMPLAINTS_MAX])}")


def _complaints(db: apsw.Connection, counts: Counts, clock: Clock) -> list[str]:
    damage = [str(line) for (line,) in db.execute(f"PRAGMA integrity_check({COMPLAINTS_MAX})")]
    if damage != ["ok"]:
        return damage
    found = count(db)
    if found != counts:
        return [f"it holds {found} where its header says {counts}"]
    return asyncio.run(_prove(db, clock))


async def _prove(db: apsw.Connection, clock: Clock) -> list[str]:
    """The proof that a server makes of its ledger, of all of it."""
    secret = db.execute("SELECT secret FROM installation").get
    assert isinstance(secret, bytes)
    holders, prints = Holders(), Fingerprints(secret)
    try:
        restore(db, holders, prints)
        prover = Prover(_nobody_writes, _Resting(db), holders, prints)
        proof = await prover.prove(clock, whole=True)
    finally:
        holders.close()
    return [f"{one.rule} of reward {one.reward}: {one.detail}" for one in proof.violations]


class _Resting:
    """Reads a ledger that nobody writes: any two looks see the same."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        return work(self._db)


async def _nobody_writes() -> None:
    pass
