"""A ledger in PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from largesse.http.pieces import Pieces
from largesse.issuance.ports import Publish, RandomCodes
from largesse.kernel.clock import MachineClock
from largesse.kernel.errors import NotFoundError
from largesse.settings.tree import Settings
from largesse.storage.postgres.campaigns import PostgresCampaignRecords
from largesse.storage.postgres.commands import PostgresTransactions, of_all_tenants
from largesse.storage.postgres.customers import PostgresCustomerRecords
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.issuance import PostgresIncentiveStore
from largesse.storage.postgres.jobs import PostgresJobRecords
from largesse.storage.postgres.ledger import PostgresLedgerRecords
from largesse.storage.postgres.opening import open_database
from largesse.storage.postgres.pools import PostgresPoolRecords
from largesse.storage.postgres.publishing import Publisher
from largesse.storage.postgres.tenants import PostgresTenantRecords
from largesse.storage.postgres.upkeep import PostgresUpkeep
from largesse.wiring.storage import Storage
from largesse.workers.timers import Timer

RESULTS = Path("largesse-results")
"""In the current folder: one that all processes share must be named in the settings."""

CHECK_S = 2.0
"""So soon somebody who asks `/readyz` knows that the database is gone, or there again."""


@contextmanager
def open_postgres(
    settings: Settings, clock: MachineClock | None, publish: Publish
) -> Iterator[Storage]:
    """See `open_storage`. The time is the database's, so that processes on it agree."""
    secret, databases_clock = open_database(settings.database.url, os.urandom)
    runs_by = clock or databases_clock
    with closing(PostgresDatabase(settings.database)) as database:
        publisher = Publisher(publish)
        upkeep = PostgresUpkeep(database, databases_clock)

        def open_incentives(random_codes: RandomCodes) -> PostgresIncentiveStore:
            return PostgresIncentiveStore(database, random_codes, runs_by)

        yield Storage(
            secret=secret,
            clock=runs_by,
            tenants=PostgresTransactions(
                database, publisher, PostgresTenantRecords, of_all_tenants
            ),
            campaigns=PostgresTransactions(database, publisher, PostgresCampaignRecords),
            customers=PostgresTransactions(database, publisher, PostgresCustomerRecords),
            records=PostgresTransactions(database, publisher, PostgresLedgerRecords),
            jobs=PostgresTransactions(database, publisher, PostgresJobRecords, of_all_tenants),
            pools=PostgresTransactions(database, publisher, PostgresPoolRecords),
            open_incentives=open_incentives,
            forget_keys=upkeep.forget_keys,
            take_backup=_refuse_backup,
            results_folder=RESULTS,
            checks=(Timer("database", CHECK_S, upkeep.check),),
        )


async def _refuse_backup() -> Pieces:
    message = "this ledger is in PostgreSQL: back it up there, with pg_basebackup or pg_dump"
    raise NotFoundError(message)
