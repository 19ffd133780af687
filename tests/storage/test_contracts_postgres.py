"""The ledger in PostgreSQL against every contract."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from postgres_databases import Databases, settings_of
from postgres_ledger import open_ledger

from largesse.storage.postgres.database import PostgresDatabase
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
from largesse.testing.contracts.tenants import TenantStoreContract
from largesse.testing.contracts.webhooks import WebhookStoreContract
from largesse.testing.factories import BulkWorld


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[PostgresDatabase]:
    """A database, and connections to it: the first statement of a new one is slow."""
    with databases.fresh() as url, closing(PostgresDatabase(settings_of(url))) as connected:
        yield connected


@pytest.fixture
def world(database: PostgresDatabase, databases: Databases) -> Iterator[BulkWorld]:
    """An empty ledger."""
    yield open_ledger(database).world
    databases.clear(database.settings.url)


class TestPostgresTransactions(TransactionsContract):
    """Commands."""


class TestPostgresTenants(TenantStoreContract):
    """Tenants and keys."""


class TestPostgresCampaigns(CampaignStoreContract):
    """Campaigns, versions, patterns."""


class TestPostgresIncentives(IncentiveStoreContract):
    """Settling."""


class TestPostgresCodes(IncentiveCodesContract):
    """Codes."""


class TestPostgresLedger(LedgerStoreContract):
    """Reading, revoking, expiring, proving."""


class TestPostgresRedemptions(RedemptionStoreContract):
    """Coupons that are used."""


class TestPostgresJobs(JobStoreContract):
    """Jobs, their leases and fences."""


class TestPostgresPools(PoolStoreContract):
    """Code pools."""


class TestPostgresCustomers(CustomerStoreContract):
    """Customers and their phones."""


class TestPostgresDraws(DrawStoreContract):
    """Draws."""


class TestPostgresDrawHistory(DrawHistoryContract):
    """What draws did to the stock."""


class TestPostgresEligibility(EligibilityContract):
    """Who may be given something."""


class TestPostgresOutbox(OutboxStoreContract):
    """The facts as the relay reads them."""


class TestPostgresWebhooks(WebhookStoreContract):
    """Webhooks as their owners see them."""


class TestPostgresDeliveries(DeliveryStoreContract):
    """What is on its way to webhooks."""
