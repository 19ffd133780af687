"""A ledger in PostgreSQL, with all that works on it, for the tests of it."""

from dataclasses import dataclass
from typing import Any, LiteralString

from largesse.campaigns.model import Campaign, Counters
from largesse.issuance.model import Piece, Wanted
from largesse.kernel.clock import FakeClock
from largesse.kernel.fact import Position
from largesse.storage.postgres.campaigns import PostgresCampaignRecords
from largesse.storage.postgres.commands import PostgresTransactions, of_all_tenants
from largesse.storage.postgres.customers import PostgresCustomerRecords
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.deliveries import PostgresDeliveryStore
from largesse.storage.postgres.draws import PostgresDrawStore
from largesse.storage.postgres.issuance import PostgresIncentiveStore
from largesse.storage.postgres.jobs import PostgresJobRecords
from largesse.storage.postgres.ledger import PostgresLedgerRecords
from largesse.storage.postgres.outbox import PostgresOutboxStore
from largesse.storage.postgres.pools import PostgresPoolRecords
from largesse.storage.postgres.publishing import Publisher
from largesse.storage.postgres.redemptions import PostgresRedemptionStore
from largesse.storage.postgres.tenants import PostgresTenantRecords
from largesse.storage.postgres.transaction import EVERYBODY, Transaction
from largesse.storage.postgres.webhooks import PostgresWebhookRecords
from largesse.testing.factories import NOW_MS, WAITING_MAX, BulkWorld, ScriptedCodes, ScriptedDice

_TAKEN = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
_ARE_OVER = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= %s::xid8"


class PatientOutboxStore(PostgresOutboxStore):
    """Reads when whatever had begun before is over.

    The horizon is the whole server's: what other tests do on it, in whichever database, holds the
    relay back for a moment.
    """

    async def read(self, part: int, after: Position, wanted: Wanted, limit: int) -> Piece:
        """Wait, then read."""
        [taken] = await self._ask(_TAKEN)
        while (await self._ask(_ARE_OVER, taken)) != (True,):
            pass
        return await super().read(part, after, wanted, limit)

    async def _ask(self, question: LiteralString, *bindings: object) -> Any:  # noqa: ANN401 — SQL knows no types
        return await self._database.read(
            EVERYBODY, lambda transaction: transaction.row(question, bindings)
        )


@dataclass(frozen=True)
class Ledger:
    """A process on a database: its store, and the world that it makes with the others."""

    store: PostgresIncentiveStore
    world: BulkWorld


def open_ledger(database: PostgresDatabase) -> Ledger:
    """Everything that works on a database with our schema, as one process has it."""
    published: list[Campaign] = []
    publisher = Publisher(published.append)
    codes, clock = ScriptedCodes(), FakeClock(NOW_MS)
    store = PostgresIncentiveStore(database, codes, clock)

    async def corrupt(reward: int, counters: Counters) -> None:
        await database.write(EVERYBODY, lambda transaction: _corrupt(transaction, reward, counters))

    world = BulkWorld(
        tenants=PostgresTransactions(database, publisher, PostgresTenantRecords, of_all_tenants),
        campaigns=PostgresTransactions(database, publisher, PostgresCampaignRecords),
        incentives=store,
        ledger=PostgresTransactions(database, publisher, PostgresLedgerRecords),
        redemptions=PostgresRedemptionStore(database, clock),
        customers=PostgresTransactions(database, publisher, PostgresCustomerRecords),
        jobs=PostgresTransactions(database, publisher, PostgresJobRecords, of_all_tenants),
        pools=PostgresTransactions(database, publisher, PostgresPoolRecords),
        codes=codes,
        corrupt=corrupt,
        draws=PostgresDrawStore(database, store, ScriptedDice()),
        published=published,
        clock=clock,
        outbox=PatientOutboxStore(database, clock),
        webhooks=PostgresTransactions(database, publisher, PostgresWebhookRecords),
        deliveries=PostgresDeliveryStore(database, WAITING_MAX),
    )
    return Ledger(store, world)


def _corrupt(transaction: Transaction, reward: int, counters: Counters) -> None:
    transaction.execute(
        "UPDATE reward SET issued = %s, reserved = %s, serials = %s, day = %s, issued_day = %s"
        " WHERE number = %s",
        (
            counters.issued,
            counters.reserved,
            counters.serials,
            counters.day,
            counters.issued_day,
            reward,
        ),
    )
