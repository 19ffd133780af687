"""What the HTTP interface is built on; `wiring` fills it."""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from largesse.campaigns.service import Campaigns
from largesse.customers.service import Customers
from largesse.draws.proofs import Proofs
from largesse.draws.service import Draws
from largesse.http.pieces import Pieces
from largesse.http.request_ids import RequestIds
from largesse.issuance.model import Conservation
from largesse.issuance.service import Issuance
from largesse.jobs.service import Jobs
from largesse.kernel.clock import Clock, TenantClocks
from largesse.kernel.health import Health
from largesse.kernel.ids import Ids
from largesse.kernel.paging import Cursors
from largesse.pools.checking import Checking
from largesse.pools.service import Pools
from largesse.redemption.service import Redemptions
from largesse.settings.tree import Settings
from largesse.tenants.service import Tenants
from largesse.webhooks.service import Webhooks


class Services(Struct, frozen=True):
    """The use cases, and what a request needs beside them."""

    tenants: Tenants
    campaigns: Campaigns
    customers: Customers
    issuance: Issuance
    draws: Draws
    proofs: Proofs
    redemptions: Redemptions
    pools: Pools
    checking: Checking
    jobs: Jobs
    webhooks: Webhooks
    clock: Clock
    clocks: TenantClocks
    cursors: Cursors
    ids: Ids
    request_ids: RequestIds
    health: Health
    last_proof: Callable[[], Conservation | None]
    take_backup: Callable[[], Awaitable[Pieces]]
    wake_workers: Callable[[], None]
    settings: Settings
