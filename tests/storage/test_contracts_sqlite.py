"""The ledger in an SQLite file against every contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_ledger import lay_down, opened

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
from largesse.testing.contracts.tenants import TenantStoreContract
from largesse.testing.contracts.webhooks import WebhookStoreContract
from largesse.testing.factories import BulkWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BulkWorld]:
    """An empty ledger."""
    path = tmp_path / "largesse.db"
    lay_down(path)
    with opened(path) as ledger:
        yield ledger.world


class TestSQLiteTransactions(TransactionsContract):
    """Commands."""


class TestSQLiteTenants(TenantStoreContract):
    """Tenants and keys."""


class TestSQLiteCustomers(CustomerStoreContract):
    """Customers and their phones."""


class TestSQLiteCampaigns(CampaignStoreContract):
    """Campaigns, versions, patterns."""


class TestSQLiteIncentives(IncentiveStoreContract):
    """Settling."""


class TestSQLiteDraws(DrawStoreContract, DrawHistoryContract):
    """Draws."""


class TestSQLiteEligibility(EligibilityContract):
    """Who a customer is."""


class TestSQLiteRefusals(RefusalsContract):
    """Refusing at once."""


class TestSQLiteCodes(IncentiveCodesContract):
    """Codes."""


class TestSQLiteLedger(LedgerStoreContract):
    """Reading, revoking, expiring, proving."""


class TestSQLiteRedemptions(RedemptionStoreContract):
    """Coupons that are used."""


class TestSQLiteJobs(JobStoreContract):
    """Jobs, their leases and fences."""


class TestSQLitePools(PoolStoreContract):
    """Code pools."""


class TestSQLiteOutbox(OutboxStoreContract):
    """The facts as the relay reads them."""


class TestSQLiteWebhooks(WebhookStoreContract):
    """Webhooks as their owners see them."""


class TestSQLiteDeliveries(DeliveryStoreContract):
    """What is on its way to webhooks."""
