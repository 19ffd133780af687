"""A ledger in this process, for the tests of all of them."""

from largesse.campaigns.model import Campaign, Counters
from largesse.kernel.clock import FakeClock
from largesse.storage.memory.campaigns import MemoryCampaignRecords
from largesse.storage.memory.customers import MemoryCustomerRecords
from largesse.storage.memory.draws import MemoryDrawStore
from largesse.storage.memory.issuance import MemoryIncentiveStore
from largesse.storage.memory.jobs import MemoryJobRecords
from largesse.storage.memory.ledger import MemoryLedgerRecords
from largesse.storage.memory.outbox import MemoryOutboxStore
from largesse.storage.memory.pools import MemoryPoolRecords
from largesse.storage.memory.redemptions import MemoryRedemptionStore
from largesse.storage.memory.state import MemoryState
from largesse.storage.memory.tenants import MemoryTenantRecords
from largesse.storage.memory.transactions import MemoryTransactions
from largesse.storage.memory.webhooks import MemoryDeliveryStore, MemoryWebhookRecords
from largesse.testing.factories import NOW_MS, WAITING_MAX, BulkWorld, ScriptedCodes, ScriptedDice


def memory_world(state: MemoryState | None = None) -> BulkWorld:
    """A ledger in this process."""
    kept = MemoryState() if state is None else state
    published: list[Campaign] = []
    publish = published.append
    codes, clock = ScriptedCodes(), FakeClock(NOW_MS)

    async def corrupt(reward: int, counters: Counters) -> None:
        kept.counters[reward] = counters

    incentives = MemoryIncentiveStore(kept, codes, clock)
    return BulkWorld(
        tenants=MemoryTransactions(kept, MemoryTenantRecords, publish),
        campaigns=MemoryTransactions(kept, MemoryCampaignRecords, publish),
        incentives=incentives,
        ledger=MemoryTransactions(kept, MemoryLedgerRecords, publish),
        redemptions=MemoryRedemptionStore(kept),
        jobs=MemoryTransactions(kept, MemoryJobRecords, publish),
        pools=MemoryTransactions(kept, MemoryPoolRecords, publish),
        codes=codes,
        corrupt=corrupt,
        draws=MemoryDrawStore(kept, incentives, ScriptedDice()),
        customers=MemoryTransactions(kept, MemoryCustomerRecords, publish),
        published=published,
        clock=clock,
        outbox=MemoryOutboxStore(kept, clock, parts=3),
        webhooks=MemoryTransactions(kept, MemoryWebhookRecords, publish),
        deliveries=MemoryDeliveryStore(kept, WAITING_MAX),
    )
