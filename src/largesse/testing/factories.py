"""Things to test with: tenants, campaigns, wishes, and a ledger that holds them.

Each function gives something that makes sense; `changes` are fields that a test cares about.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from msgspec.structs import replace

from largesse.campaigns.model import (
    Campaign,
    CampaignDefinition,
    CampaignType,
    CodeFormat,
    CodeSource,
    Counters,
    Reward,
    RewardDefinition,
    RewardKind,
    Status,
    Value,
)
from largesse.campaigns.ports import CampaignStore
from largesse.customers.model import Customer, CustomerInput
from largesse.customers.ports import CustomerRecords, CustomerStore
from largesse.draws.dice import Dice, Rolls, dice_of
from largesse.draws.model import DrawSettled, DrawWish, Roll
from largesse.draws.ports import DrawStore
from largesse.issuance.model import Issued, Settled, Wish
from largesse.issuance.ports import IncentiveStore, LedgerRecords, LedgerStore, OutboxStore
from largesse.issuance.spaces import pattern_of
from largesse.jobs.model import Job
from largesse.jobs.ports import JobStore
from largesse.kernel.clock import FakeClock
from largesse.kernel.command import Command
from largesse.kernel.fact import AuditEntry
from largesse.pools.model import Pool
from largesse.pools.ports import PoolStore
from largesse.redemption.ports import RedemptionStore
from largesse.tenants.model import ApiKey, Scope, Tenant
from largesse.tenants.ports import TenantStore
from largesse.webhooks.ports import DeliveryStore, WebhookStore

NOW_MS = 1_796_126_400_000
"""2026-12-01T12:00:00Z: noon, so that a test may step some hours either way within one day."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

PERMUTED = CodeFormat(pattern="A99")
RANDOM = CodeFormat(pattern="########", source=CodeSource.RANDOM)


class ScriptedCodes:
    """Codes "made at random" that come in a known order: `R0`, `R1`, …, each `repeats` times.

    `drawn` counts them. While `broken`, making one fails in a way that nobody expects.
    """

    def __init__(self) -> None:
        self.repeats = 1
        self.broken = False
        self.drawn = 0

    def __call__(self, campaign: Campaign, reward: int, count: int) -> list[tuple[str, str]]:
        """See `RandomCodes`. Shown in small letters, kept in capitals."""
        if self.broken:
            raise ZeroDivisionError
        numbers = range(self.drawn, self.drawn + count)
        self.drawn += count
        return [(f"r-{n // self.repeats}", f"R{n // self.repeats}") for n in numbers]


class ScriptedDice:
    """Dice whose first number a draw's seed names: the seed `250000` rolls 250,000, then 0, 0, ….

    Any other seed rolls honestly, by a secret that all tests know.
    """

    honest: Dice = staticmethod(dice_of(lambda _: b"the secret of the tests"))

    def __call__(self, campaign: Campaign) -> Rolls:
        """See `Dice`."""
        honest = self.honest(campaign)
        return lambda number, seed: scripted(seed) if seed.isdigit() else honest(number, seed)


def scripted(seed: str) -> Roll:
    """The roll that a seed names."""
    numbers = iter([int(seed)])
    return lambda below: next(numbers, 0) % below


WAITING_MAX = 8
"""So many deliveries of one webhook wait in a world; few, so that tests reach it."""


@dataclass(frozen=True)
class World:
    """A whole ledger under test: its stores over one state, and what they told.

    `corrupt` overwrites a reward's counters behind the store's back. A technology that keeps no
    customers or draws yet has None for them, and campaigns of that kind cannot be tested there.
    """

    tenants: TenantStore
    campaigns: CampaignStore
    incentives: IncentiveStore
    ledger: LedgerStore
    redemptions: RedemptionStore
    codes: ScriptedCodes
    corrupt: Callable[[int, Counters], Awaitable[None]]
    customers: CustomerStore | None = None
    draws: DrawStore | None = None
    published: list[Campaign] = field(default_factory=list)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW_MS))
    outbox: OutboxStore | None = None
    webhooks: WebhookStore | None = None
    deliveries: DeliveryStore | None = None


@dataclass(frozen=True, kw_only=True)
class BulkWorld(World):
    """A ledger that has jobs and code pools, too."""

    jobs: JobStore
    pools: PoolStore


def a_command(tenant: int = 1, **changes: object) -> Command:
    """The envelope of a change."""
    command = Command(
        tenant=tenant, actor="key_test", operation="test", now_ms=NOW_MS, machine_ms=NOW_MS
    )
    return replace(command, **changes)


def a_tenant(name: str = "acme", **changes: object) -> Tenant:
    """A tenant that is not kept yet."""
    tenant = Tenant(
        number=0,
        id=f"ten_{name}",
        name=name,
        time_zone="UTC",
        created_at_ms=NOW_MS,
        secret=b"a secret of thirty-two bytes ...",
    )
    return replace(tenant, **changes)


def a_key(tenant: int, key_id: str, **changes: object) -> ApiKey:
    """An API key."""
    key = ApiKey(
        id=key_id,
        tenant=tenant,
        name="a key",
        prefix="lgs_abcdefgh",
        digest=b"digest of " + key_id.encode(),
        scopes=(Scope.ADMIN, Scope.READ),
        created_at_ms=NOW_MS,
    )
    return replace(key, **changes)


def a_job(job_id: str = "job_1", tenant: int = 1, **changes: object) -> Job:
    """A job that nobody has taken."""
    job = Job(
        id=job_id,
        tenant=tenant,
        actor="key_test",
        kind="codes.export",
        subject=f"pool of {job_id}",
        total=10,
        created_at_ms=NOW_MS,
    )
    return replace(job, **changes)


def a_pool(campaign: Campaign, count: int, pool_id: str = "pool_1", **changes: object) -> Pool:
    """A code pool of a campaign's first reward."""
    reward = campaign.rewards[0]
    code = reward.definition.code
    assert code is not None
    pool = Pool(
        id=pool_id,
        tenant=campaign.tenant,
        campaign=campaign.number,
        campaign_id=campaign.id,
        reward=reward.number,
        reward_key=reward.definition.key,
        name="a printer",
        count=count,
        format=code,
        pattern=pattern_of(code).canonical_text,
        created_at_ms=NOW_MS,
    )
    return replace(pool, **changes)


def an_audit_entry(subject: str, tenant: int = 1) -> AuditEntry:
    """What somebody changed about a thing."""
    return AuditEntry.of(a_command(tenant), subject, None, {"name": subject})


def a_customer(customer_id: str = "ann", tenant: int = 1, **said: object) -> Customer:
    """A registered customer."""
    described = replace(CustomerInput(), **said)
    return Customer(tenant=tenant, id=customer_id, described=described, registered_at_ms=NOW_MS)


def a_reward(key: str = "STANDARD", **changes: object) -> RewardDefinition:
    """A coupon without quotas, caps or code."""
    value = Value(amount=500, currency="KRW")
    reward = RewardDefinition(key=key, kind=RewardKind.COUPON, value=value)
    return replace(reward, **changes)


def a_definition(*rewards: RewardDefinition, **changes: object) -> CampaignDefinition:
    """A campaign that is open since an hour, for good, with one reward unless others are given."""
    definition = CampaignDefinition(
        name="Launch",
        starts_at_ms=NOW_MS - HOUR_MS,
        time_zone="UTC",
        rewards=rewards or (a_reward(),),
    )
    return replace(definition, **changes)


def a_campaign(definition: CampaignDefinition, tenant: int = 1, **changes: object) -> Campaign:
    """An active campaign that is not kept yet."""
    campaign = Campaign(
        number=0,
        id="camp_launch",
        tenant=tenant,
        status=Status.ACTIVE,
        version=1,
        definition=definition,
        rewards=tuple(Reward(0, reward) for reward in definition.rewards),
        created_at_ms=NOW_MS,
    )
    return replace(campaign, **changes)


def a_wish(campaign: Campaign, customer: str = "ann", reward: int = 0, **changes: object) -> Wish:
    """A customer's wish for the reward at an index of a campaign, at noon."""
    wish = Wish(
        tenant=campaign.tenant,
        campaign=campaign.number,
        reward=campaign.rewards[reward].number,
        customer=customer,
        key=f"key of {customer}",
        now_ms=NOW_MS,
    )
    return replace(wish, **changes)


def crowd(campaign: Campaign, count: int, now_ms: int = NOW_MS) -> list[Wish]:
    """So many customers, each with a wish for the first reward, none of whom asked before."""
    return [a_wish(campaign, f"{number} at {now_ms}", now_ms=now_ms) for number in range(count)]


def serials(settled: Iterable[Settled]) -> list[int]:
    """The serials that were given."""
    return [one.issued.serial for one in settled if one.issued is not None]


async def keep_tenant(world: World, tenant: Tenant | None = None) -> Tenant:
    """Keep a tenant; acme, unless another one is given."""
    wanted = a_tenant() if tenant is None else tenant
    done = await world.tenants.write(
        a_command(0), lambda records: records.add_tenant(wanted), Tenant
    )
    return done.answer


async def keep_campaign(world: World, campaign: Campaign) -> Campaign:
    """Keep a campaign, new or changed."""
    done = await world.campaigns.write(
        a_command(campaign.tenant),
        lambda records: (
            records.save_campaign(campaign) if campaign.number else records.add_campaign(campaign)
        ),
        Campaign,
    )
    return done.answer


def customers_of(world: World) -> CustomerStore:
    """The customers of a world that keeps some."""
    assert world.customers is not None
    return world.customers


async def keep_customer(world: World, customer: Customer) -> Customer:
    """Register a customer, or replace what is known of him."""

    def work(records: CustomerRecords) -> Customer:
        records.keep_customer(customer)
        return customer

    store = customers_of(world)
    return (await store.write(a_command(customer.tenant), work, Customer)).answer


def a_chance(key: str, weight_ppm: int, **changes: object) -> RewardDefinition:
    """A reward of a draw, with its share of the chances in parts per million."""
    return a_reward(key, weight_ppm=weight_ppm, **changes)


async def open_draw(world: World, *rewards: RewardDefinition, **changes: object) -> Campaign:
    """Keep a tenant and an active draw of his with these rewards."""
    return await open_campaign(world, *rewards, type=CampaignType.DRAW, **changes)


def a_draw(campaign: Campaign, customer: str = "ann", **changes: object) -> DrawWish:
    """A customer's wish for a draw, at noon."""
    wish = DrawWish(
        tenant=campaign.tenant,
        campaign=campaign.number,
        customer=customer,
        key=f"key of {customer}",
        seed="a seed",
        now_ms=NOW_MS,
    )
    return replace(wish, **changes)


def draws_of(world: World) -> DrawStore:
    """The draws of a world that makes some."""
    assert world.draws is not None
    return world.draws


async def draw(world: World, *wishes: DrawWish) -> list[DrawSettled]:
    """Settle wishes for draws in one batch."""
    return await draws_of(world).settle(wishes)


async def open_campaign(world: World, *rewards: RewardDefinition, **changes: object) -> Campaign:
    """Keep a tenant and an active campaign of his with these rewards."""
    tenant = await keep_tenant(world)
    definition = a_definition(*rewards, **changes)
    return await keep_campaign(world, a_campaign(definition, tenant.number))


def edited(campaign: Campaign, **changes: object) -> Campaign:
    """A campaign's next version, with some fields of the definition changed."""
    definition = replace(campaign.definition, **changes)
    pairs = zip(campaign.rewards, definition.rewards, strict=True)
    rewards = tuple(replace(reward, definition=wanted) for reward, wanted in pairs)
    version = campaign.version + 1
    return replace(campaign, definition=definition, rewards=rewards, version=version)


async def settle(world: World, *wishes: Wish) -> list[Settled]:
    """Settle wishes in one batch."""
    return await world.incentives.settle(wishes)


async def settle_one(world: World, wish: Wish) -> Settled:
    """Settle a wish by itself."""
    [settled] = await world.incentives.settle([wish])
    return settled


async def revoke(world: World, settled: Settled, at_ms: int = NOW_MS, tenant: int = 1) -> None:
    """Take back what a tenant issued."""
    issued = settled.issued
    assert issued is not None
    await world.ledger.write(a_command(tenant), partial(_revoke, issued, at_ms), type(None))


def _revoke(issued: Issued, at_ms: int, records: LedgerRecords) -> None:
    records.revoke(issued, at_ms)
