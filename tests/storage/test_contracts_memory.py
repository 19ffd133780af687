"""The ledger in this process against every contract."""

import pytest
from memory_ledger import memory_world

from largesse.jobs.ports import ResultStore
from largesse.storage.memory.results import MemoryResults
from largesse.testing.contracts.campaigns import CampaignStoreContract
from largesse.testing.contracts.codes import IncentiveCodesContract
from largesse.testing.contracts.commands import TransactionsContract
from largesse.testing.contracts.customers import CustomerStoreContract
from largesse.testing.contracts.deliveries import DeliveryStoreContract
from largesse.testing.contracts.draw_history import DrawHistoryContract
from largesse.testing.contracts.draws import DrawStoreContract
from largesse.testing.contracts.eligibility import EligibilityContract
from largesse.testing.contracts.issuance import IncentiveStoreContract
from largesse.testing.contracts.jobs import JobStoreContract
from largesse.testing.contracts.ledger import LedgerStoreContract
from largesse.testing.contracts.outbox import OutboxStoreContract
from largesse.testing.contracts.pools import PoolStoreContract
from largesse.testing.contracts.redemption import RedemptionStoreContract
from largesse.testing.contracts.refusals import RefusalsContract
from largesse.testing.contracts.results import ResultStoreContract
from largesse.testing.contracts.tenants import TenantStoreContract
from largesse.testing.contracts.webhooks import WebhookStoreContract
from largesse.testing.factories import BulkWorld


@pytest.fixture
def world() -> BulkWorld:
    """An empty ledger."""
    return memory_world()


class TestMemoryTransactions(TransactionsContract):
    """Commands."""


class TestMemoryTenants(TenantStoreContract):
    """Tenants and keys."""


class TestMemoryCustomers(CustomerStoreContract):
    """Customers and their phones."""


class TestMemoryCampaigns(CampaignStoreContract):
    """Campaigns, versions, patterns."""


class TestMemoryIncentives(IncentiveStoreContract):
    """Settling."""


class TestMemoryDraws(DrawStoreContract, DrawHistoryContract):
    """Draws."""


class TestMemoryEligibility(EligibilityContract):
    """Who a customer is."""


class TestMemoryRefusals(RefusalsContract):
    """Refusing at once."""


class TestMemoryCodes(IncentiveCodesContract):
    """Codes."""


class TestMemoryLedger(LedgerStoreContract):
    """Reading, revoking, expiring, proving."""


class TestMemoryRedemptions(RedemptionStoreContract):
    """Coupons that are used."""


class TestMemoryJobs(JobStoreContract):
    """Jobs, their leases and fences."""


class TestMemoryPools(PoolStoreContract):
    """Code pools."""


class TestMemoryResults(ResultStoreContract):
    """Files of results."""

    @pytest.fixture
    def results(self) -> ResultStore:
        """Room for a thousand bytes."""
        return MemoryResults(bytes_max=1_000)


class TestMemoryOutbox(OutboxStoreContract):
    """The facts as the relay reads them."""


class TestMemoryWebhooks(WebhookStoreContract):
    """Webhooks as their owners see them."""


class TestMemoryDeliveries(DeliveryStoreContract):
    """What is on its way to webhooks."""
