"""The ledgers that every contract runs on, and the machine's own clock nowhere."""

from pathlib import Path

import msgspec

from largesse.campaigns.model import Campaign, Counters
from largesse.kernel.clock import FakeClock
from largesse.settings import Database
from largesse.storage.memory.campaigns import MemoryCampaignRecords
from largesse.storage.memory.issuance import MemoryIncentiveStore
from largesse.storage.memory.ledger import MemoryLedgerRecords
from largesse.storage.memory.state import MemoryState
from largesse.storage.memory.tenants import MemoryTenantRecords
from largesse.storage.memory.transactions import MemoryTransactions
from largesse.storage.sqlite.campaigns import SQLiteCampaignRecords
from largesse.storage.sqlite.commands import SQLiteTransactions
from largesse.storage.sqlite.file import LedgerFile
from largesse.storage.sqlite.issuance import Sources, SQLiteIncentiveStore
from largesse.storage.sqlite.ledger import SQLiteLedgerRecords
from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.tenants import SQLiteTenantRecords
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.writer import Writer
from largesse.testing.factories import NOW_MS, ScriptedCodes, World

_OVERWRITE = """
UPDATE reward SET issued = ?, reserved = ?, serials = ?, day = ?, issued_day = ?
WHERE number = ?"""

_FACTS = """
SELECT kind, at_ms, campaign, version, ifnull(reward, 0), ifnull(serial, 0)
FROM journal ORDER BY seq"""


def memory_world(state: MemoryState | None = None) -> World:
    """A ledger in this process."""
    kept = MemoryState() if state is None else state
    published: list[Campaign] = []
    publish = published.append
    codes, clock = ScriptedCodes(), FakeClock(NOW_MS)

    async def corrupt(reward: int, counters: Counters) -> None:
        kept.counters[reward] = counters

    return World(
        tenants=MemoryTransactions(kept, MemoryTenantRecords, publish),
        campaigns=MemoryTransactions(kept, MemoryCampaignRecords, publish),
        incentives=MemoryIncentiveStore(kept, codes, clock),
        ledger=MemoryTransactions(kept, MemoryLedgerRecords, publish),
        codes=codes,
        corrupt=corrupt,
        published=published,
        clock=clock,
    )


class SQLiteLedger:
    """A ledger in a file, and all that has to be closed again."""

    def __init__(self, path: Path, codes: ScriptedCodes | None = None) -> None:
        self.clock = FakeClock(NOW_MS)
        self.codes = ScriptedCodes() if codes is None else codes
        self.published: list[Campaign] = []
        self._file = LedgerFile(path, Database(), now_ms=NOW_MS, entropy=bytes)
        self._writer = Writer(self._file, self.published.append)
        self._readers = Readers(self._file)
        sources = Sources(self.codes, self.clock, monotonic_s=lambda: 0.0, snapshot_s_max=1.0)
        self._store = SQLiteIncentiveStore(self._file, self._writer, self._readers, sources)

    @property
    def world(self) -> World:
        """The four stores over this file."""
        threads = self._writer, self._readers
        return World(
            tenants=SQLiteTransactions(*threads, SQLiteTenantRecords),
            campaigns=SQLiteTransactions(*threads, SQLiteCampaignRecords),
            incentives=self._store,
            ledger=SQLiteTransactions(*threads, SQLiteLedgerRecords),
            codes=self.codes,
            corrupt=self._corrupt,
            published=self.published,
            clock=self.clock,
        )

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()
        self._readers.close()
        self._store.close()
        self._file.close()

    async def facts(self) -> list[tuple[int, ...]]:
        """The journal, row by row; 0 stands for what a row does not have."""
        return await self._readers.read(lambda db: list(db.execute(_FACTS)))

    async def _corrupt(self, reward: int, counters: Counters) -> None:
        def overwrite(transaction: Transaction) -> None:
            values = msgspec.structs.astuple(counters)
            transaction.db.execute(_OVERWRITE, (*values, reward))

        await self._writer.write(overwrite)
