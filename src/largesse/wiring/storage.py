"""An open ledger: what an application needs of it, whatever it is in."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from largesse.campaigns.ports import CampaignStore
from largesse.customers.ports import CustomerStore
from largesse.draws.dice import Dice
from largesse.draws.ports import DrawStore
from largesse.http.pieces import Pieces
from largesse.issuance.ports import (
    IncentiveStore,
    LedgerStore,
    OutboxStore,
    RandomCodes,
    SharedProofs,
)
from largesse.jobs.ports import JobStore
from largesse.kernel.clock import MachineClock
from largesse.pools.ports import PoolStore
from largesse.redemption.ports import RedemptionStore
from largesse.tenants.ports import TenantStore
from largesse.webhooks.ports import DeliveryStore, WebhookStore
from largesse.workers.following import Following
from largesse.workers.timers import Timer


class Telling(Struct, frozen=True):
    """How a ledger tells others what happened.

    `ring` has a call made, from any thread, when there is news. `holder` names this process among
    those that may relay.
    """

    outbox: OutboxStore
    webhooks: WebhookStore
    deliveries: DeliveryStore
    ring: Callable[[Callable[[], None]], None]
    holder: str


class Storage(Struct, frozen=True):
    """An open ledger.

    `secret` is the installation's; `clock` never tells a moment before the ledger's last one.
    `open_ledger` is called once, when codes can be made and dice rolled. `results_folder` is where
    jobs leave their files unless the settings say otherwise. `checks` look after the ledger while
    the server runs.
    `following` and `proofs` are None where no other process can have the ledger.
    """

    secret: bytes
    clock: MachineClock
    tenants: TenantStore
    campaigns: CampaignStore
    customers: CustomerStore
    records: LedgerStore
    redemptions: RedemptionStore
    jobs: JobStore
    pools: PoolStore
    open_ledger: Callable[[RandomCodes, Dice], "Stores"]
    forget_keys: Callable[[int], Awaitable[int]]
    take_backup: Callable[[], Awaitable[Pieces]]
    results_folder: Path
    checks: tuple[Timer, ...]
    telling: Telling
    following: Following | None = None
    proofs: SharedProofs | None = None


class Stores(Struct, frozen=True):
    """The two that settle batches: claims and draws."""

    incentives: IncentiveStore
    draws: DrawStore
