"""A ledger in an SQLite file."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from largesse.draws.dice import Dice
from largesse.issuance.ports import Publish, RandomCodes
from largesse.kernel.clock import MachineClock, SystemClock
from largesse.settings.tree import Settings
from largesse.storage.sqlite.backup.live import LiveBackups
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
from largesse.storage.sqlite.upkeep import SQLiteUpkeep
from largesse.storage.sqlite.webhooks import SQLiteWebhookRecords
from largesse.storage.sqlite.writer import Writer
from largesse.wiring.storage import Storage, Stores, Telling
from largesse.workers.timers import Timer

RESULTS_SUFFIX = "-results"
"""Beside the ledger's file."""

HOLDER = "who has the file"
"""The file's lock lets one process be that: a lease of the one before is this one's, too."""

_SCHEME = "sqlite:///"


@contextmanager
def open_sqlite(
    settings: Settings, clock: MachineClock | None, publish: Publish
) -> Iterator[Storage]:
    """See `open_storage`."""
    path = Path(settings.database.url.removeprefix(_SCHEME))
    now_ms = (clock or SystemClock()).now_ms()
    with ExitStack() as stack:
        file = LedgerFile(path, settings.database, now_ms=now_ms, entropy=os.urandom)
        stack.callback(file.close)
        writer = Writer(file, publish)
        stack.callback(writer.close)  # the last to close copies the log into the file
        readers = Readers(file)
        stack.callback(readers.close)
        runs_by = clock or SystemClock(file.last_moment_ms)
        upkeep = SQLiteUpkeep(writer, readers)
        backups = LiveBackups(file, runs_by)
        stack.callback(backups.close)

        def open_ledger(random_codes: RandomCodes, dice: Dice) -> Stores:
            snapshot_s_max = settings.issuance.snapshot_s_max
            sources = Sources(random_codes, runs_by, time.monotonic, snapshot_s_max)
            store = SQLiteIncentiveStore(file, writer, readers, sources)
            stack.callback(store.close)
            return Stores(store, SQLiteDrawStore(writer, readers, store, dice))

        yield Storage(
            secret=file.secret,
            clock=runs_by,
            tenants=SQLiteTransactions(writer, readers, SQLiteTenantRecords),
            campaigns=SQLiteTransactions(writer, readers, SQLiteCampaignRecords),
            customers=SQLiteTransactions(writer, readers, SQLiteCustomerRecords),
            records=SQLiteTransactions(writer, readers, SQLiteLedgerRecords),
            redemptions=SQLiteRedemptionStore(writer, runs_by),
            jobs=SQLiteTransactions(writer, readers, SQLiteJobRecords),
            pools=SQLiteTransactions(writer, readers, SQLitePoolRecords),
            open_ledger=open_ledger,
            forget_keys=upkeep.forget_keys,
            take_backup=backups.take,
            results_folder=path.with_name(path.name + RESULTS_SUFFIX),
            checks=(Timer("file", None, upkeep.check_file),),
            telling=Telling(
                outbox=SQLiteOutboxStore(writer, readers, runs_by),
                webhooks=SQLiteTransactions(writer, readers, SQLiteWebhookRecords),
                deliveries=SQLiteDeliveryStore(writer, readers, settings.webhooks.waiting_max),
                ring=writer.ring,
                holder=HOLDER,
            ),
        )
