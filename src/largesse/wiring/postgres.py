"""A ledger in PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from os import getpid
from pathlib import Path
from socket import gethostname

from largesse.draws.dice import Dice
from largesse.http.pieces import Pieces
from largesse.issuance.ports import Publish, RandomCodes
from largesse.kernel.clock import MachineClock
from largesse.kernel.errors import NotFoundError
from largesse.settings.tree import Settings
from largesse.storage.postgres.campaigns import PostgresCampaignRecords
from largesse.storage.postgres.changes import PostgresChanges
from largesse.storage.postgres.commands import PostgresTransactions, of_all_tenants
from largesse.storage.postgres.customers import PostgresCustomerRecords
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.deliveries import PostgresDeliveryStore
from largesse.storage.postgres.draws import PostgresDrawStore
from largesse.storage.postgres.issuance import PostgresIncentiveStore
from largesse.storage.postgres.jobs import PostgresJobRecords
from largesse.storage.postgres.ledger import PostgresLedgerRecords
from largesse.storage.postgres.listening import Listening
from largesse.storage.postgres.news import News
from largesse.storage.postgres.opening import open_database
from largesse.storage.postgres.outbox import PostgresOutboxStore
from largesse.storage.postgres.pools import PostgresPoolRecords
from largesse.storage.postgres.proofs import PostgresProofs
from largesse.storage.postgres.publishing import Publisher
from largesse.storage.postgres.redemptions import PostgresRedemptionStore
from largesse.storage.postgres.tenants import PostgresTenantRecords
from largesse.storage.postgres.upkeep import PostgresUpkeep
from largesse.storage.postgres.webhooks import PostgresWebhookRecords
from largesse.wiring.storage import Storage, Stores, Telling
from largesse.workers.following import Following
from largesse.workers.timers import Timer

RESULTS = Path("largesse-results")
"""In the current folder: one that all processes share must be named in the settings."""

CHECK_S = 2.0
"""So soon somebody who asks `/readyz` knows that the database is gone, or there again."""

CHANGES_KEPT_S = 600.0
"""Old ones are removed so often: they are few."""


@contextmanager
def open_postgres(
    settings: Settings, clock: MachineClock | None, publish: Publish
) -> Iterator[Storage]:
    """See `open_storage`. The time is the database's, so that processes on it agree."""
    secret, databases_clock, since = open_database(settings.database.url, os.urandom)
    runs_by = clock or databases_clock
    with ExitStack() as stack:
        database = stack.enter_context(closing(PostgresDatabase(settings.database)))
        publisher = Publisher(publish)
        upkeep = PostgresUpkeep(database, databases_clock)
        listening = Listening(settings.database.listen_url or settings.database.url)
        news = stack.enter_context(closing(News(database, listening)))
        changes = PostgresChanges(database, publisher, listening, since)

        def open_ledger(random_codes: RandomCodes, dice: Dice) -> Stores:
            store = PostgresIncentiveStore(database, random_codes, runs_by)
            return Stores(store, PostgresDrawStore(database, store, dice))

        holder = f"{gethostname()} {getpid()} {os.urandom(4).hex()}"
        yield Storage(
            secret=secret,
            clock=runs_by,
            tenants=PostgresTransactions(
                database, publisher, PostgresTenantRecords, of_all_tenants
            ),
            campaigns=PostgresTransactions(database, publisher, PostgresCampaignRecords),
            customers=PostgresTransactions(database, publisher, PostgresCustomerRecords),
            records=PostgresTransactions(database, publisher, PostgresLedgerRecords),
            redemptions=PostgresRedemptionStore(database, runs_by),
            jobs=PostgresTransactions(database, publisher, PostgresJobRecords, of_all_tenants),
            pools=PostgresTransactions(database, publisher, PostgresPoolRecords),
            open_ledger=open_ledger,
            forget_keys=upkeep.forget_keys,
            take_backup=_refuse_backup,
            results_folder=RESULTS,
            checks=(
                Timer("database", CHECK_S, upkeep.check),
                Timer("changes kept", CHANGES_KEPT_S, changes.forget),
            ),
            following=Following(changes),
            telling=Telling(
                outbox=PostgresOutboxStore(database, runs_by, news.share),
                webhooks=PostgresTransactions(database, publisher, PostgresWebhookRecords),
                deliveries=PostgresDeliveryStore(database, settings.webhooks.waiting_max),
                ring=news.on,
                holder=holder,
            ),
            proofs=PostgresProofs(database, runs_by, holder),
        )


async def _refuse_backup() -> Pieces:
    message = "this ledger is in PostgreSQL: back it up there, with pg_basebackup"
    raise NotFoundError(message)
