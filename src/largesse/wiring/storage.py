"""The ledger that the settings name, open: what an application needs of it, whatever it is in."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
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
    Publish,
    RandomCodes,
)
from largesse.jobs.ports import JobStore
from largesse.kernel.clock import MachineClock
from largesse.kernel.errors import StartError
from largesse.pools.ports import PoolStore
from largesse.settings.tree import Settings
from largesse.tenants.ports import TenantStore
from largesse.webhooks.ports import DeliveryStore, WebhookStore
from largesse.workers.following import Following
from largesse.workers.timers import Timer

_SQLITE = "sqlite:"


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
    `telling` is None where the technology cannot tell anybody yet, `following` where no other
    process can change anything.
    """

    secret: bytes
    clock: MachineClock
    tenants: TenantStore
    campaigns: CampaignStore
    customers: CustomerStore
    records: LedgerStore
    jobs: JobStore
    pools: PoolStore
    open_ledger: Callable[[RandomCodes, Dice], "Stores"]
    forget_keys: Callable[[int], Awaitable[int]]
    take_backup: Callable[[], Awaitable[Pieces]]
    results_folder: Path
    checks: tuple[Timer, ...]
    telling: Telling | None = None
    following: Following | None = None


class Stores(Struct, frozen=True):
    """The two that settle batches: claims and draws."""

    incentives: IncentiveStore
    draws: DrawStore


def open_storage(
    settings: Settings, clock: MachineClock | None, publish: Publish
) -> AbstractContextManager[Storage]:
    """Open the ledger; it is closed with all that hangs on it at the end.

    The clock is the ledger's own unless another one is given. Raises `StartError`, in one line
    that says what to do, where it cannot be opened.
    """
    if settings.database.url.startswith(_SQLITE):
        from largesse.wiring.sqlite import open_sqlite  # noqa: PLC0415 — its driver costs memory

        return open_sqlite(settings, clock, publish)
    try:
        from largesse.wiring.postgres import open_postgres  # noqa: PLC0415 — its driver is an extra
    except ImportError as error:
        message = "PostgreSQL needs its driver: pip install 'largesse[postgres]'"
        raise StartError(message) from error
    return open_postgres(settings, clock, publish)
