"""The ledger in this process against every contract."""

import pytest
from memory_ledger import memory_world

from largesse.testing.contracts.campaigns import CampaignStoreContract
from largesse.testing.contracts.codes import IncentiveCodesContract
from largesse.testing.contracts.commands import TransactionsContract
from largesse.testing.contracts.issuance import IncentiveStoreContract
from largesse.testing.contracts.ledger import LedgerStoreContract
from largesse.testing.contracts.refusals import RefusalsContract
from largesse.testing.contracts.tenants import TenantStoreContract
from largesse.testing.factories import World


@pytest.fixture
def world() -> World:
    """An empty ledger."""
    return memory_world()


class TestMemoryTransactions(TransactionsContract):
    """Commands."""


class TestMemoryTenants(TenantStoreContract):
    """Tenants and keys."""


class TestMemoryCampaigns(CampaignStoreContract):
    """Campaigns, versions, patterns."""


class TestMemoryIncentives(IncentiveStoreContract):
    """Settling."""


class TestMemoryRefusals(RefusalsContract):
    """Refusing at once."""


class TestMemoryCodes(IncentiveCodesContract):
    """Codes."""


class TestMemoryLedger(LedgerStoreContract):
    """Reading, revoking, expiring, proving."""
