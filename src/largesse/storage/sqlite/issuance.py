"""The ledger of incentives in an SQLite file."""

from array import array
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple

import apsw

from largesse.campaigns.model import Campaign, Counters
from largesse.issuance.model import Conservation, LedgerEntry, Place, Settled, Wish
from largesse.issuance.ports import RandomCodes
from largesse.kernel.clock import Clock
from largesse.storage.sqlite import expire
from largesse.storage.sqlite.campaigns import load_campaigns, load_version
from largesse.storage.sqlite.file import LedgerFile
from largesse.storage.sqlite.fingerprint import Fingerprints
from largesse.storage.sqlite.holders import Holders
from largesse.storage.sqlite.prove import Prover
from largesse.storage.sqlite.query import Bindings, rows
from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.refuse import Doorkeeper
from largesse.storage.sqlite.restore import restore
from largesse.storage.sqlite.rows import read_entries, read_entry
from largesse.storage.sqlite.settle import Memory, settle
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.writer import Writer

_COUNTERS = """
SELECT r.issued, r.reserved, r.serials, r.day, r.issued_day
FROM carray(?) wanted CROSS JOIN reward r ON r.number = wanted.value"""
_OF_COUNTER = """
SELECT b.reward, b.serial + ?3 - b.place
FROM code_pattern p JOIN code_block b ON b.pattern = p.id
WHERE p.tenant = ?1 AND p.pattern = ?2 AND p.source = 'permuted'
  AND b.place <= ?3 AND ?3 < b.place + b.count
ORDER BY b.place DESC LIMIT 1"""
_OF_CODE = """
SELECT reward, serial FROM code WHERE tenant = ? AND canonical = ? AND pool IS NULL"""


class Sources(NamedTuple):
    """What the store takes from outside.

    `clock` is the machine's time, `monotonic_s` a clock of seconds that is never set. A snapshot
    older than `snapshot_s_max` refuses nobody.
    """

    random_codes: RandomCodes
    clock: Clock
    monotonic_s: Callable[[], float]
    snapshot_s_max: float


class SQLiteIncentiveStore:
    """See `IncentiveStore`. Who holds what is read into memory when the store is made."""

    def __init__(
        self, file: LedgerFile, writer: Writer, readers: Readers, sources: Sources
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._sources = sources
        self._heard_s = float("-inf")
        self.memory = Memory(Holders(), Fingerprints(file.secret), sources.random_codes)
        self._doorkeeper = Doorkeeper(self.memory)
        with closing(file.connect_reader()) as db:
            restore(db, self.memory.holders, self.memory.prints)
            for campaign in load_campaigns(db):
                self.memory.learn(campaign.number, campaign)
        writer.watch(self.memory.learn)
        self._prover = Prover(
            lambda: writer.write(_nothing), readers, self.memory.holders, self.memory.prints
        )

    def close(self) -> None:
        """End the thread that keeps the memory of holders in order."""
        self.memory.holders.close()

    async def settle(self, wishes: Sequence[Wish]) -> list[Settled]:
        """See `IncentiveStore`."""
        if not wishes:
            return []
        return await self._writer.write(partial(self._settle, wishes), bulky=True)

    def at_once(self, wishes: Sequence[Wish]) -> list[Settled | None]:
        """See `IncentiveStore`."""
        if not self.heard_lately():
            return [None] * len(wishes)
        return self._doorkeeper.answer(wishes)

    def heard_lately(self) -> bool:
        """Whether the ledger has been heard of so lately that memory may refuse by it."""
        return self._sources.monotonic_s() - self._heard_s <= self._sources.snapshot_s_max

    async def campaigns(self) -> list[Campaign]:
        """See `IncentiveStore`."""
        return await self._readers.read(load_campaigns)

    async def version(self, campaign: int, version: int) -> Campaign:
        """See `IncentiveStore`."""
        found = await self._readers.read(lambda db: load_version(db, campaign, version))
        assert found is not None
        return found

    async def entry(self, place: Place) -> LedgerEntry | None:
        """See `IncentiveStore`."""
        return await self._readers.read(lambda db: read_entry(db, place))

    async def entries(
        self, rewards: Sequence[int], after: Place | None, limit: int
    ) -> list[LedgerEntry]:
        """See `IncentiveStore`."""
        return await self._readers.read(lambda db: read_entries(db, rewards, after, limit))

    async def counters(self, rewards: Sequence[int]) -> list[Counters]:
        """See `IncentiveStore`."""
        if not rewards:
            return []
        wanted = apsw.carray(array("q", rewards))
        found = await self._readers.read(lambda db: rows(db, _COUNTERS, (wanted,)))
        return [Counters(*row) for row in found]

    async def place_of_counter(self, tenant: int, pattern: str, counter: int) -> Place | None:
        """See `IncentiveStore`."""
        return await self._place(_OF_COUNTER, (tenant, pattern, counter))

    async def place_of_code(self, tenant: int, canonical: str) -> Place | None:
        """See `IncentiveStore`."""
        return await self._place(_OF_CODE, (tenant, canonical))

    async def expire(self, now_ms: Callable[[int], int]) -> int:
        """See `IncentiveStore`."""
        while True:
            tenants = await self._readers.read(expire.read_tenants)
            moments_ms = {tenant: now_ms(tenant) for tenant in tenants}
            sweep = await self._readers.read(partial(expire.look, moments_ms=moments_ms))
            if not sweep.moved:
                return 0
            told = await self._writer.write(partial(expire.tell, sweep))
            if told:
                return told

    async def prove(self, *, whole: bool) -> Conservation:
        """See `IncentiveStore`."""
        return await self._prover.prove(self._sources.clock, whole=whole)

    async def _place(self, statement: str, bindings: Bindings) -> Place | None:
        found = await self._readers.read(lambda db: rows(db, statement, bindings))
        return Place(*found[0]) if found else None

    def hear_of(self, transaction: Transaction) -> None:
        """Know, after the commit, that what is in memory is so now: the ledger has answered."""
        at_s = self._sources.monotonic_s()
        transaction.on_commit(lambda: self._hear(at_s))

    def _settle(self, wishes: Sequence[Wish], transaction: Transaction) -> list[Settled]:
        self.hear_of(transaction)
        return settle(self.memory, wishes, transaction)

    def _hear(self, at_s: float) -> None:
        self._heard_s = at_s


def _nothing(_: Transaction) -> None:
    """Do nothing: whoever asked for it learns that the writer has come round."""
