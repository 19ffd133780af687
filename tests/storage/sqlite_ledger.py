"""A ledger in a file, with all that works on it, for the tests of SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from largesse.campaigns.model import Campaign, Counters
from largesse.kernel.clock import FakeClock
from largesse.settings.tree import Database
from largesse.storage.sqlite.campaigns import SQLiteCampaignRecords
from largesse.storage.sqlite.commands import SQLiteTransactions
from largesse.storage.sqlite.customers import SQLiteCustomerRecords
from largesse.storage.sqlite.deliveries import SQLiteDeliveryStore
from largesse.storage.sqlite.draws import SQLiteDrawStore
from largesse.storage.sqlite.file import LedgerFile
from largesse.storage.sqlite.issuance import Sources, SQLiteIncentiveStore
from largesse.storage.sqlite.jobs import SQLiteJobRecords
from largesse.storage.sqlite.ledger import SQLiteLedgerRecords
from largesse.storage.sqlite.outbox import SQLiteOutboxStore
from largesse.storage.sqlite.pools import SQLitePoolRecords
from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.redemptions import SQLiteRedemptionStore
from largesse.storage.sqlite.tenants import SQLiteTenantRecords
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.webhooks import SQLiteWebhookRecords
from largesse.storage.sqlite.writer import Writer
from largesse.testing.factories import NOW_MS, WAITING_MAX, BulkWorld, ScriptedCodes, ScriptedDice


@dataclass
class FakeSeconds:
    """A monotonic clock that moves only when told to."""

    now_s: float = 0.0

    def __call__(self) -> float:
        """Seconds since some moment."""
        return self.now_s


@dataclass(frozen=True)
class Ledger:
    """An open file: its parts, and the world that they make."""

    file: LedgerFile
    writer: Writer
    readers: Readers
    store: SQLiteIncentiveStore
    world: BulkWorld
    seconds: FakeSeconds

    def close(self) -> None:
        """Finish what waits and close everything; the writer last, which tidies up the file."""
        self.readers.close()
        self.writer.close()
        self.store.close()
        self.file.close()


def entropy(count: int) -> bytes:
    """Bytes that are the same in every run."""
    return bytes(range(count))


def open_file(path: Path, settings: Database | None = None) -> LedgerFile:
    """The file of a ledger."""
    return LedgerFile(path, settings or Database(), now_ms=NOW_MS, entropy=entropy)


def open_ledger(path: Path, settings: Database | None = None) -> Ledger:
    """Everything that works on a file."""
    published: list[Campaign] = []
    file = open_file(path, settings)
    writer, readers = Writer(file, published.append), Readers(file)
    codes, clock, seconds = ScriptedCodes(), FakeClock(NOW_MS), FakeSeconds()
    sources = Sources(codes, clock, seconds, snapshot_s_max=1.0)
    store = SQLiteIncentiveStore(file, writer, readers, sources)

    async def corrupt(reward: int, counters: Counters) -> None:
        await writer.write(lambda transaction: _corrupt(transaction, reward, counters))

    world = BulkWorld(
        tenants=SQLiteTransactions(writer, readers, SQLiteTenantRecords),
        campaigns=SQLiteTransactions(writer, readers, SQLiteCampaignRecords),
        incentives=store,
        ledger=SQLiteTransactions(writer, readers, SQLiteLedgerRecords),
        redemptions=SQLiteRedemptionStore(writer, clock),
        jobs=SQLiteTransactions(writer, readers, SQLiteJobRecords),
        pools=SQLiteTransactions(writer, readers, SQLitePoolRecords),
        codes=codes,
        corrupt=corrupt,
        draws=SQLiteDrawStore(writer, readers, store, ScriptedDice()),
        customers=SQLiteTransactions(writer, readers, SQLiteCustomerRecords),
        published=published,
        clock=clock,
        outbox=SQLiteOutboxStore(writer, readers, clock),
        webhooks=SQLiteTransactions(writer, readers, SQLiteWebhookRecords),
        deliveries=SQLiteDeliveryStore(writer, readers, WAITING_MAX),
    )
    return Ledger(file, writer, readers, store, world, seconds)


@contextmanager
def opened(path: Path, settings: Database | None = None) -> Iterator[Ledger]:
    """An open ledger, closed at the end."""
    ledger = open_ledger(path, settings)
    try:
        yield ledger
    finally:
        ledger.close()


def lay_down(path: Path) -> None:
    """Put the file of an empty ledger there: all of them are the same, and each takes its time."""
    path.write_bytes(_empty_file())


@cache
def _empty_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        open_ledger(path).close()
        return path.read_bytes()


def _corrupt(transaction: Transaction, reward: int, counters: Counters) -> None:
    transaction.db.execute(
        "UPDATE reward SET issued = ?, reserved = ?, serials = ?, day = ?, issued_day = ?"
        " WHERE number = ?",
        (
            counters.issued,
            counters.reserved,
            counters.serials,
            counters.day,
            counters.issued_day,
            reward,
        ),
    )
