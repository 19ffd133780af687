"""From settings to a running application, on whichever ledger they name."""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hmac import digest
from pathlib import Path

from msgspec import Struct

from largesse.campaigns.service import Campaigns
from largesse.customers.service import Customers
from largesse.draws.dice import dice_of
from largesse.draws.identity import DrawIds
from largesse.draws.proofs import Proofs, Vault
from largesse.draws.raffles import Raffles
from largesse.draws.raffles import Stores as Drawing
from largesse.draws.service import DrawLedger, Draws
from largesse.http.admission import Admission
from largesse.http.app import create_app
from largesse.http.cors import cross_origin
from largesse.http.deadlines import LaneLimits, Watch
from largesse.http.desk import ClaimDesk
from largesse.http.draw_desk import DrawDesk
from largesse.http.exchange import Desk, FixedDesk
from largesse.http.front import Front
from largesse.http.limits import GuessLimiter
from largesse.http.metrics import Metrics
from largesse.http.operation import Desks
from largesse.http.redemption_desk import RedemptionDesk
from largesse.http.request_ids import RequestIds
from largesse.http.rpc import hot, manners
from largesse.http.rpc.door import Nowhere, older_door, open_grpc, v1_door
from largesse.http.rpc.long_way import LongWay
from largesse.http.server import BoundCompanion
from largesse.http.services import Services
from largesse.issuance.batcher import Batch, Limits
from largesse.issuance.codebook import Codebook
from largesse.issuance.identity import IncentiveIds
from largesse.issuance.offers import Offers
from largesse.issuance.service import Display, Issuance, Ledger
from largesse.issuance.showing import Showing
from largesse.issuance.spaces import Spaces
from largesse.jobs.ports import Work
from largesse.jobs.service import Jobs
from largesse.kernel.clock import Clock, MachineClock, TenantClocks
from largesse.kernel.errors import StartError
from largesse.kernel.health import Health
from largesse.kernel.ids import Ids
from largesse.kernel.paging import Cursors
from largesse.kernel.threads import OneThread
from largesse.pools.checking import Checking
from largesse.pools.exporting import Exporting
from largesse.pools.generating import Generating
from largesse.pools.service import EXPORT, GENERATE, Pools
from largesse.pools.sheets import formats, open_sheet
from largesse.redemption.service import Redemptions
from largesse.settings.tree import MIB, Server, Settings
from largesse.storage.files.results import FileResults
from largesse.tenants.service import Origins, Tenants
from largesse.tenants.tokens import CustomerTokens
from largesse.wiring.opening import open_storage
from largesse.wiring.storage import Storage, Stores
from largesse.wiring.vault import make_vault
from largesse.wiring.webhooks import Delivering, make_webhooks
from largesse.workers.batch_log import log_batch
from largesse.workers.jobs import Worker
from largesse.workers.proving import ProvingInTurn
from largesse.workers.timers import Timer, Timers
from largesse.workers.upkeep import Duties, Prove, Upkeep

KEY_PREFIX = "lgs_"
KEY_BYTES = 32
REQUEST_ID_START_BYTES = 6
"""Tells apart the request ids of two runs."""


class Application(Struct, frozen=True):
    """A running largesse. `first_key` is the admin key to show once, if one was made just now.

    `grpc` is the listener for native gRPC, `older` what serves the clients of the older coupon
    service; None where the settings name no port for them.
    """

    services: Services
    metrics: Metrics
    desk: ClaimDesk
    watch: Watch
    asgi: Front
    first_key: str | None
    grpc: BoundCompanion | None = None
    older: "Older | None" = None


class Older(Struct, frozen=True):
    """What serves the clients of the older coupon service."""

    asgi: Front
    desk: Desk
    watch: Watch


class _World(Struct, frozen=True):
    """Time, ids and secrets, as several parts are handed them."""

    clock: Clock
    clocks: TenantClocks
    ids: Ids
    secret_of: Callable[[int], bytes]


class _Bulk(Struct, frozen=True):
    """Codes by the thousand, the jobs that make and write them, and who does these."""

    pools: Pools
    checking: Checking
    jobs: Jobs
    workers: tuple[Worker, ...]
    thread: OneThread

    def start(self, stack: AsyncExitStack) -> None:
        """Let the workers work until the end."""
        for worker in self.workers:
            worker.start()
            stack.push_async_callback(worker.stop)

    def wake(self) -> None:
        """Tell the workers that there is something to do."""
        for worker in self.workers:
            worker.wake()


@asynccontextmanager
async def open_application(
    settings: Settings, clock: MachineClock | None = None
) -> AsyncIterator[Application]:
    """Open the ledger and build all that stands on it; at the end settle what was taken.

    The clock is the machine's, from the ledger's last moment on, unless another one is given.
    Raises `StartError`, in one line that says what to do, where it cannot be opened.
    """
    async with AsyncExitStack() as stack:
        offers = Offers()
        storage = stack.enter_context(open_storage(settings, clock, offers.publish))
        clocks = TenantClocks(storage.clock)
        ids = Ids(storage.clock, os.urandom)
        tenants = Tenants(storage.tenants, storage.clock, clocks, _origins(ids, storage.secret))
        first_key = await tenants.open(settings.admin_key.reveal() if settings.admin_key else None)
        world = _World(storage.clock, clocks, ids, lambda tenant: tenants.tenant_of(tenant).secret)
        codebook = Codebook(offers, world.secret_of, os.urandom)
        vault = _make_vault(storage.secret)
        stores = storage.open_ledger(codebook.random, dice_of(vault.secret_of))
        issuance = _make_issuance(settings, storage, stores, codebook, clocks)
        await issuance.open()
        stack.push_async_callback(issuance.close)
        draws = _make_draws(settings, storage, stores, issuance, clocks)
        stack.push_async_callback(draws.close)
        webhooks = make_webhooks(settings, storage, ids)
        bulk = _make_bulk(settings, storage, world)
        stack.callback(bulk.thread.close)
        duties = _duties(storage, issuance, bulk.jobs, _proving(settings, storage, issuance, stack))
        upkeep = Upkeep(duties, storage.clock, settings)
        campaigns = Campaigns(storage.campaigns, Spaces(), clocks, ids)
        services = Services(
            tenants=tenants,
            campaigns=campaigns,
            customers=Customers(storage.customers),
            issuance=issuance,
            draws=draws,
            proofs=_make_proofs(stores, campaigns, offers, clocks, vault),
            redemptions=_make_redemptions(settings, storage, issuance, clocks, stack),
            pools=bulk.pools,
            checking=bulk.checking,
            jobs=bulk.jobs,
            webhooks=webhooks,
            clock=storage.clock,
            clocks=clocks,
            cursors=Cursors(_derived(storage.secret, "cursors")),
            ids=ids,
            request_ids=RequestIds(secrets.token_hex(REQUEST_ID_START_BYTES)),
            health=Health(),
            last_proof=upkeep.last_proof,
            take_backup=storage.take_backup,
            wake_workers=bulk.wake,
            settings=settings,
        )
        delivering = Delivering(settings, storage, webhooks)
        _start_timers([*upkeep.timers(), *delivering.timers()], services.health, stack)
        bulk.start(stack)
        metrics = _make_metrics(services)
        _start_telling(delivering, storage, services, metrics, stack)
        _follow(storage, services, stack)
        yield await _face(services, metrics, first_key)


def _start_timers(wanted: Sequence[Timer], health: Health, stack: AsyncExitStack) -> None:
    timers = Timers(wanted, health)
    timers.start()
    stack.push_async_callback(timers.stop)


def _start_telling(
    delivering: Delivering,
    storage: Storage,
    services: Services,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> None:
    """Let facts go out: to webhooks, and to winners where they are told."""
    others = []
    if services.settings.notifications.channel != "none":
        from largesse.wiring.notifications import (  # noqa: PLC0415 — most servers tell nobody
            make_winners,
        )

        winners = make_winners(storage, services)
        stack.push_async_callback(winners.close)
        others.append(winners)
    delivering.start(services, metrics, others)
    stack.push_async_callback(delivering.stop)


def _follow(storage: Storage, services: Services, stack: AsyncExitStack) -> None:
    """Where other processes may change what this one keeps in memory, learn of it."""
    if storage.following is not None:
        storage.following.start(services.tenants.learn, services.health)
        stack.push_async_callback(storage.following.stop)


def _make_metrics(services: Services) -> Metrics:
    waiting = (services.issuance, services.draws, services.redemptions)
    return Metrics(
        lambda: sum(batches.waiting for batches in waiting),
        services.health,
        services.last_proof,
        services.clock,
    )


def _origins(ids: Ids, secret: bytes) -> Origins:
    tokens = CustomerTokens(_derived(secret, "customer tokens"))
    return Origins(ids, tokens, lambda: KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES), os.urandom)


def _make_issuance(
    settings: Settings, storage: Storage, stores: Stores, codebook: Codebook, clocks: TenantClocks
) -> Issuance:
    ids = IncentiveIds(_derived(storage.secret, "incentive ids"))
    return Issuance(
        Ledger(stores.incentives, storage.records),
        codebook.offers,
        Display(codebook, Showing(codebook.offers, codebook, ids)),
        clocks,
        Limits(settings.issuance.batch_max, settings.issuance.waiting_max),
    )


def _make_draws(
    settings: Settings, storage: Storage, stores: Stores, issuance: Issuance, clocks: TenantClocks
) -> Draws:
    ids = DrawIds(_derived(storage.secret, "draw ids"))
    limits = Limits(settings.issuance.batch_max, settings.issuance.waiting_max)
    return Draws(DrawLedger(stores.draws, ids), issuance, clocks, limits)


def _make_redemptions(
    settings: Settings,
    storage: Storage,
    issuance: Issuance,
    clocks: TenantClocks,
    stack: AsyncExitStack,
) -> Redemptions:
    limits = Limits(settings.issuance.batch_max, settings.issuance.waiting_max)
    redemptions = Redemptions(storage.redemptions, issuance, clocks, limits)
    stack.push_async_callback(redemptions.close)
    return redemptions


def _make_proofs(
    stores: Stores, campaigns: Campaigns, offers: Offers, clocks: TenantClocks, vault: Vault
) -> Proofs:
    drawing = Drawing(stores.draws, stores.incentives, campaigns, offers)
    raffles = Raffles(drawing, clocks, vault.secret_of, vault.pseudonyms)
    return Proofs(drawing, raffles, clocks, vault)


def _make_vault(secret: bytes) -> Vault:
    rolls, salts, signing = (_derived(secret, f"draws{of}") for of in ("", "/salts", "/signing"))
    return make_vault(rolls, salts, signing)


def _make_bulk(settings: Settings, storage: Storage, world: _World) -> _Bulk:
    store = storage.pools
    chosen = settings.jobs.results_folder
    folder = Path(chosen) if chosen else storage.results_folder
    jobs = Jobs(
        storage.jobs,
        FileResults(folder, settings.jobs.results_mib_max * MIB),
        world.clock,
        settings.jobs.lease_s * 1000,
    )
    works: dict[str, Work] = {
        GENERATE: Generating(store, jobs, world.secret_of, os.urandom, world.clock),
        EXPORT: Exporting(store, jobs, world.secret_of, open_sheet, world.clock),
    }
    thread = OneThread("codes")
    incentive_ids = IncentiveIds(_derived(storage.secret, "incentive ids"))
    checking = Checking(store, world.secret_of, incentive_ids.text, world.clocks, thread)
    pools = Pools(store, world.ids, settings.jobs.per_tenant_max, formats())
    workers = tuple(Worker(jobs, works) for _ in range(settings.jobs.workers))
    bulk = _Bulk(pools, checking, jobs, workers, thread)
    pools.wake = bulk.wake
    return bulk


def _proving(
    settings: Settings, storage: Storage, issuance: Issuance, stack: AsyncExitStack
) -> Prove:
    """Who proves the ledger: this process, or one for all that have it."""
    if storage.proofs is None:
        return issuance.prove
    proving = ProvingInTurn(issuance.prove, storage.proofs, settings.audit.period_s)
    stack.push_async_callback(proving.leave)
    return proving


def _duties(storage: Storage, issuance: Issuance, jobs: Jobs, prove: Prove) -> Duties:
    return Duties(
        expire=issuance.expire,
        prove=prove,
        forget_keys=storage.forget_keys,
        tidy_results=jobs.tidy,
        jump_ms=storage.clock.jump_ms,
        checks=storage.checks,
    )


async def _face(services: Services, metrics: Metrics, first_key: str | None) -> Application:
    """What the world sees: the desk of the fast lane, and the applications behind it."""
    new_request_id = services.request_ids.new
    issuance, draws, redemptions = services.issuance, services.draws, services.redemptions
    admission = Admission(services.tenants, services.campaigns, issuance.offers)
    desk = ClaimDesk(admission, issuance, new_request_id)
    most = services.settings.access.code_guesses_per_minute_max
    guesses = GuessLimiter(most, services.clock)
    desks = Desks(
        desk,
        DrawDesk(admission, draws, desk.routes, new_request_id),
        RedemptionDesk(services.tenants, redemptions, guesses, desk.routes, new_request_id),
    )
    for batches in (issuance, draws, redemptions):
        batches.report_to(lambda batch: _report(batch, metrics))
    coupons = v1_door(services)
    grpc = None
    if services.settings.rpc.grpc_port is not None:
        grpc = open_grpc(services, metrics)
    application = create_app(services, desks, metrics, coupons)
    asker = hot.by_key(services.tenants)
    given = hot.HotCoupons(services, manners.TODAY, asker, LongWay(application))
    desk.routes[given.target] = given.handler
    return Application(
        services,
        metrics,
        desk,
        Watch(
            _limits(services.settings.server),
            new_request_id,
            cross_origin(services.settings.cors.origins),
        ),
        application,
        first_key,
        grpc,
        await _open_older(services, metrics),
    )


async def _open_older(services: Services, metrics: Metrics) -> Older | None:
    rpc = services.settings.rpc
    if rpc.compat_port is None:
        return None
    if rpc.compat_tenant is None:
        message = "whose campaigns do the older clients see? Name the tenant: --compat-tenant"
        raise StartError(message)
    tenant = await services.tenants.tenant_called(rpc.compat_tenant)
    door = older_door(services, tenant)
    await door.load()
    watch = Watch(_limits(services.settings.server), services.request_ids.new)
    front = Front(Nowhere(door), (), services.request_ids, metrics)
    given = hot.HotCoupons(services, manners.OLDER, lambda _: tenant.number, LongWay(front))
    return Older(front, FixedDesk({given.target: given.handler}), watch)


def _limits(server: Server) -> LaneLimits:
    return LaneLimits(
        header_s_max=server.header_s_max,
        body_s_max=server.body_s_max,
        idle_s_max=server.idle_s_max,
        header_bytes_max=server.headers_bytes_max,
        body_bytes_max=server.body_bytes_max,
        in_flight_max=server.in_flight_max,
    )


def _report(batch: Batch, metrics: Metrics) -> None:
    metrics.batch(batch)
    log_batch(batch)


def _derived(secret: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, from the installation's secret."""
    return digest(secret, f"largesse/1/{purpose}".encode(), "sha256")
