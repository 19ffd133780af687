"""The behaviour that every `WebhookStore` shares, and what its and the deliveries' tests need."""

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Wanted
from largesse.kernel.fact import START, FactKind, Position
from largesse.kernel.lease import Lease
from largesse.testing.contracts.outbox import outbox_of
from largesse.testing.factories import (
    NOW_MS,
    WAITING_MAX,
    World,
    a_command,
    a_tenant,
    an_audit_entry,
    keep_tenant,
)
from largesse.webhooks.model import (
    Attempt,
    Delivery,
    DeliveryState,
    Disabled,
    NewDelivery,
    Tried,
    Webhook,
)
from largesse.webhooks.ports import DeliveryStore, WebhookRecords, WebhookStore
from largesse.webhooks.subscription import NAME

LEASE_MS = 10_000
ISSUED = (FactKind.INCENTIVE_ISSUED,)
PIECE = 1_000

Found = TypeVar("Found")


class WebhookStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_webhooks_are_kept(self, world: World) -> None:
        """As they were made, and as they were changed; each tenant sees his own."""
        acme, beta = await keep_tenant(world), await keep_tenant(world, a_tenant("beta"))
        one = await add(world, a_webhook(acme.number, "wh_1"))
        two = await add(world, a_webhook(acme.number, "wh_2"))
        theirs = await add(world, a_webhook(beta.number, "wh_3"))
        assert await read(world, lambda records: records.webhooks(acme.number)) == [one, two]
        assert await read(world, lambda records: records.webhook(acme.number, "wh_3")) is None

        changed = replace(
            one,
            url="https://other.example",
            description="another",
            kinds=tuple(FactKind),
            secret=b"new",
            old_secret=one.secret,
            old_until_ms=NOW_MS + 5,
            disabled=Disabled.BY_HAND,
            disabled_at_ms=NOW_MS,
        )
        await change(world, lambda records: records.save_webhook(changed))

        assert await read(world, lambda records: records.webhook(acme.number, "wh_1")) == changed
        await change(world, lambda records: records.remove_webhook(two))
        assert await read(world, lambda records: records.webhooks(acme.number)) == [changed]
        assert await read(world, lambda records: records.webhooks(beta.number)) == [theirs]

    async def test_deliveries_are_listed(self, world: World) -> None:
        """The newest first, goes on where it was left, by state if one is asked for."""
        tenant = await keep_tenant(world)
        webhook = await add(world, a_webhook(tenant.number))
        other = await add(world, a_webhook(tenant.number, "wh_other"))
        made = [await add_ping(world, webhook, f"msg_{number}") for number in range(4)]
        await add_ping(world, other, "msg_0")
        await deliveries_of(world).record([after(made[1], DeliveryState.DELIVERED)])

        page = await listed(world, webhook, None, None, 2)
        rest = await listed(world, webhook, None, page[-1].number, 10)
        delivered = await listed(world, webhook, DeliveryState.DELIVERED, None, 10)

        assert [one.message for one in page + rest] == ["msg_3", "msg_2", "msg_1", "msg_0"]
        assert page[0] == made[3]
        assert [one.message for one in delivered] == ["msg_1"]
        number = made[0].number
        found = await read(world, lambda records: records.delivery(webhook.number, number))
        assert found == made[0]
        assert await read(world, lambda records: records.delivery(other.number, number)) is None

    async def test_what_is_removed_is_forgotten(self, world: World) -> None:
        """With its deliveries, and nobody else's."""
        tenant = await keep_tenant(world)
        gone = await add(world, a_webhook(tenant.number))
        stays = await add(world, a_webhook(tenant.number, "wh_stays"))
        for webhook in (gone, stays):
            await add_ping(world, webhook, "msg_1")

        await change(world, lambda records: records.remove_webhook(gone))
        while await deliveries_of(world).forget(0):
            pass

        [due] = await deliveries_of(world).due(NOW_MS, (), 10)
        assert due.webhook.id == "wh_stays"
        assert await listed(world, gone, None, None, 10) == []
        assert len(await listed(world, stays, None, None, 10)) == 1

    async def test_a_delivery_is_sent_again(self, world: World) -> None:
        """From the start of the schedule, with its attempts before, under the same id."""
        tenant = await keep_tenant(world)
        webhook = await add(world, a_webhook(tenant.number))
        delivery = await add_ping(world, webhook, "msg_1")
        await deliveries_of(world).record([after(delivery, DeliveryState.FAILED)])
        [failed] = await listed(world, webhook, None, None, 1)

        again = await answer(
            world, Delivery, lambda records: records.send_again(failed, NOW_MS + 9)
        )
        twice = await answer(
            world, Delivery, lambda records: records.send_again(again, NOW_MS + 10)
        )

        assert (again.state, again.due_ms, again.tries) == (
            DeliveryState.WAITING,
            NOW_MS + 9,
            0,
        )
        assert (again.message, again.attempts) == ("msg_1", failed.attempts)
        assert twice.due_ms == NOW_MS + 10
        [due] = await deliveries_of(world).due(NOW_MS + 10, (), 10)
        assert due.deliveries == [twice]
        assert due.webhook.waiting == 1

    async def test_audit_entries_are_kept(self, world: World) -> None:
        """Among all others of the tenant."""
        tenant = await keep_tenant(world)
        entry = an_audit_entry("wh_1", tenant.number)
        await change(world, lambda records: records.audit(entry))
        kept = await world.tenants.read(
            lambda records: records.audit_entries(tenant.number, None, 10)
        )
        assert [one for _, one in kept] == [entry]


def a_webhook(tenant: int, webhook_id: str = "wh_1", **changes: object) -> Webhook:
    """A webhook for everything that is not kept yet."""
    webhook = Webhook(
        number=0,
        id=webhook_id,
        tenant=tenant,
        url="https://receiver.example/largesse",
        description="",
        kinds=tuple(FactKind),
        secret=b"a secret of thirty-two bytes ...",
        created_at_ms=NOW_MS,
        since=START,
    )
    return replace(webhook, **changes)


def off(webhook: Webhook) -> Webhook:
    """The webhook, disabled by hand."""
    return replace(webhook, disabled=Disabled.BY_HAND, disabled_at_ms=NOW_MS)


def after(delivery: Delivery, state: DeliveryState, **changes: object) -> Tried:
    """What follows from an attempt."""
    attempt = Attempt(at_ms=NOW_MS, took_ms=7, status=200, answer="ok")
    tried = Tried(delivery=delivery, attempt=attempt, state=state, due_ms=None)
    return replace(tried, **changes)


async def leased(world: World, campaign: Campaign) -> Lease:
    """The relay's lease of the part that a campaign is in."""
    part = await _part_of(world, campaign)
    lease = await outbox_of(world).lease(NAME, part, "me", LEASE_MS)
    assert lease is not None
    return lease


async def relay(world: World, campaign: Campaign, lease: Lease | None = None) -> int:
    """Hand on all that the relay has before it; how many deliveries that made."""
    held = await leased(world, campaign) if lease is None else lease
    wanted = await deliveries_of(world).wanted(held.part)
    if wanted is None:
        return 0
    piece = await outbox_of(world).read(held.part, held.position, wanted, PIECE)
    return await deliveries_of(world).enqueue(held, piece, NOW_MS)


async def catch_up(world: World) -> int:
    """Have each webhook that is behind take one piece; how many deliveries that made."""
    made = 0
    for behind in await deliveries_of(world).behind():
        webhook = behind.webhook
        wanted = Wanted(frozenset({webhook.tenant}), frozenset(webhook.kinds), webhook.since)
        piece = await outbox_of(world).read(behind.part, behind.position, wanted, WAITING_MAX // 2)
        made += await deliveries_of(world).catch_up(behind, NAME, piece, NOW_MS)
    return made


async def deliver_all(world: World, webhook: Webhook) -> list[str]:
    """Deliver what is due to a webhook; the ids of the messages in their order."""
    for due in await deliveries_of(world).due(NOW_MS, (), 1_000):
        if due.webhook.number == webhook.number:
            done = [after(one, DeliveryState.DELIVERED) for one in due.deliveries]
            await deliveries_of(world).record(done)
            return [one.message for one in due.deliveries]
    return []


async def _part_of(world: World, campaign: Campaign) -> int:
    wanted = Wanted(frozenset({campaign.tenant}), frozenset(FactKind), START)
    outbox = outbox_of(world)
    for part in range(outbox.parts):
        rows = (await outbox.read(part, START, wanted, PIECE)).rows
        if any(row.campaign == campaign.number for row in rows):
            return part
    return 0


def position_of(delivery: Delivery) -> Position:
    """Where the fact of a delivery stands."""
    assert delivery.position is not None
    return delivery.position


async def of(world: World, webhook: Webhook) -> Webhook:
    """A webhook as it is kept now."""
    found = await read(world, lambda records: records.webhook(webhook.tenant, webhook.id))
    assert found is not None
    return found


async def listed(
    world: World,
    webhook: Webhook,
    state: DeliveryState | None,
    before: int | None,
    limit: int,
) -> list[Delivery]:
    """A piece of the list of deliveries."""
    return await read(
        world, lambda records: records.deliveries(webhook.number, state, before, limit)
    )


async def add(world: World, webhook: Webhook) -> Webhook:
    """Keep a webhook."""
    command = a_command(webhook.tenant)
    done = await webhooks_of(world).write(
        command, lambda records: records.add_webhook(webhook), Webhook
    )
    return done.answer


async def add_ping(world: World, webhook: Webhook, message: str) -> Delivery:
    """Have a message with a body of its own delivered."""
    new = NewDelivery(message=message, type="webhook.ping", body=b"{}")
    return await answer(
        world, Delivery, lambda records: records.add_delivery(webhook.number, new, NOW_MS)
    )


def webhooks_of(world: World) -> WebhookStore:
    """The webhooks of a world that has them."""
    assert world.webhooks is not None
    return world.webhooks


def deliveries_of(world: World) -> DeliveryStore:
    """The deliveries of a world that has them."""
    assert world.deliveries is not None
    return world.deliveries


async def read(world: World, work: Callable[[WebhookRecords], Found]) -> Found:
    """Ask the records."""
    return await webhooks_of(world).read(work)


async def answer(
    world: World, answers: type[Found], work: Callable[[WebhookRecords], Found]
) -> Found:
    """Change the records, and get what that answers."""
    done = await webhooks_of(world).write(a_command(), work, answers)
    return done.answer


async def change(world: World, work: Callable[[WebhookRecords], None], tenant: int = 1) -> None:
    """Change a tenant's records."""
    await webhooks_of(world).write(a_command(tenant), work, type(None))
