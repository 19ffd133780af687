"""The behaviour that every `DeliveryStore` shares."""

from typing import TypeVar

import pytest
from msgspec.structs import replace

from largesse.issuance.facts import fact_id
from largesse.kernel.fact import FactKind
from largesse.kernel.lease import LeaseLostError
from largesse.testing.contracts.outbox import outbox_of, told_of
from largesse.testing.contracts.webhooks import (
    LEASE_MS,
    PIECE,
    a_webhook,
    add,
    add_ping,
    after,
    catch_up,
    change,
    deliver_all,
    deliveries_of,
    leased,
    listed,
    of,
    off,
    position_of,
    relay,
)
from largesse.testing.factories import (
    NOW_MS,
    WAITING_MAX,
    World,
    a_tenant,
    crowd,
    keep_tenant,
    open_campaign,
    settle,
)
from largesse.webhooks.model import (
    ATTEMPTS_KEPT_MAX,
    DeliveryState,
    Disabled,
)
from largesse.webhooks.subscription import NAME

ISSUED = (FactKind.INCENTIVE_ISSUED,)

Found = TypeVar("Found")


class DeliveryStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_nothing_is_wanted_without_webhooks(self, world: World) -> None:
        """With some, what all of them want together, also while they are disabled."""
        deliveries = deliveries_of(world)
        assert await deliveries.wanted(0) is None
        acme, beta = await keep_tenant(world), await keep_tenant(world, a_tenant("beta"))
        enabled = await add(world, a_webhook(acme.number, kinds=ISSUED))
        kinds = (FactKind.STOCK_EXHAUSTED, FactKind.INCENTIVE_REVOKED)
        disabled = await add(world, a_webhook(beta.number, "wh_2", kinds=kinds))
        await change(world, lambda records: records.save_webhook(off(disabled)), beta.number)

        wanted = await deliveries.wanted(0)

        assert wanted is not None
        assert wanted.tenants == {acme.number, beta.number}
        assert wanted.kinds == {*ISSUED, *kinds}
        assert wanted.since == min(webhook.since for webhook in (enabled, disabled))

    async def test_facts_become_deliveries(self, world: World) -> None:
        """Those that a webhook wants, under the id of the fact, due at once; the position moves."""
        campaign = await open_campaign(world)
        webhook = await add(world, a_webhook(campaign.tenant, kinds=ISSUED))
        deaf = await add(
            world, a_webhook(campaign.tenant, "wh_deaf", kinds=(FactKind.STOCK_EXHAUSTED,))
        )
        await settle(world, *crowd(campaign, 3))
        told = await told_of(world, campaign)

        assert await relay(world, campaign) == 3

        [due] = await deliveries_of(world).due(NOW_MS, (), 10)
        assert due.webhook == replace(webhook, waiting=3)
        assert [(one.message, one.type, one.position) for one in due.deliveries] == [
            (fact_id(row), "incentive.issued", row.position) for row in told
        ]
        assert {(one.state, one.due_ms, one.tries) for one in due.deliveries} == {
            (DeliveryState.WAITING, NOW_MS, 0)
        }
        assert await listed(world, deaf, None, None, 10) == []
        lease = await leased(world, campaign)
        assert lease.position >= told[-1].position

    async def test_what_was_before_a_webhook_is_not_for_it(self, world: World) -> None:
        """It hears from its creation on."""
        campaign = await open_campaign(world)
        await settle(world, *crowd(campaign, 2))
        webhook = await add(world, a_webhook(campaign.tenant))
        [later] = await settle(world, *crowd(campaign, 1, NOW_MS + 1))

        await relay(world, campaign)

        [delivery] = await listed(world, webhook, None, None, 10)
        [told] = await outbox_of(world).at([position_of(delivery)])
        assert told.issued == later.issued

    async def test_who_lost_his_lease_makes_none(self, world: World) -> None:
        """Neither deliveries nor a step."""
        campaign = await open_campaign(world)
        webhook = await add(world, a_webhook(campaign.tenant))
        await settle(world, *crowd(campaign, 2))
        mine = await leased(world, campaign)
        world.clock.advance(LEASE_MS)
        assert await outbox_of(world).lease(NAME, mine.part, "you", LEASE_MS) is not None

        with pytest.raises(LeaseLostError):
            await relay(world, campaign, mine)

        assert await listed(world, webhook, None, None, 10) == []

    async def test_the_same_piece_again_makes_none(self, world: World) -> None:
        """A fact is one message to a webhook, however often it is told."""
        campaign = await open_campaign(world)
        webhook = await add(world, a_webhook(campaign.tenant))
        await settle(world, *crowd(campaign, 2))
        lease = await leased(world, campaign)

        assert await relay(world, campaign, lease) == 2
        assert await relay(world, campaign, lease) == 0

        assert len(await listed(world, webhook, None, None, 10)) == 2
        [due] = await deliveries_of(world).due(NOW_MS, (), 10)
        assert due.webhook.waiting == 2

    async def test_a_full_webhook_falls_behind_and_catches_up(self, world: World) -> None:
        """Others go on meanwhile; it misses nothing in the end, and gets nothing twice."""
        campaign = await open_campaign(world)
        slow = await add(world, a_webhook(campaign.tenant, "wh_slow"))
        quick = await add(world, a_webhook(campaign.tenant, "wh_quick"))
        heard: dict[str, list[str]] = {"wh_slow": [], "wh_quick": []}
        for step in range(6):
            await settle(world, *crowd(campaign, WAITING_MAX // 2, NOW_MS + step))
            await relay(world, campaign)
            heard["wh_quick"] += await deliver_all(world, quick)
        assert len(await listed(world, slow, None, None, 100)) == WAITING_MAX
        told = [fact_id(row) for row in await told_of(world, campaign)]
        assert heard["wh_quick"] == told
        assert await deliveries_of(world).behind() == []

        while len(heard["wh_slow"]) < len(told):
            heard["wh_slow"] += await deliver_all(world, slow)
            for behind in await deliveries_of(world).behind():
                assert behind.webhook.id == "wh_slow"
                await catch_up(world)
        await settle(world, *crowd(campaign, 1, NOW_MS + 99))
        await relay(world, campaign)
        heard["wh_slow"] += await deliver_all(world, slow)

        assert heard["wh_slow"] == [fact_id(row) for row in await told_of(world, campaign)]

    async def test_a_disabled_webhook_gets_later_what_it_missed(self, world: World) -> None:
        """Once it is enabled again; while it is not, nothing of it is due."""
        campaign = await open_campaign(world)
        webhook = await add(world, a_webhook(campaign.tenant))
        await settle(world, *crowd(campaign, 1))
        await relay(world, campaign)
        await change(world, lambda records: records.save_webhook(off(webhook)))
        await settle(world, *crowd(campaign, 2, NOW_MS + 1))
        await relay(world, campaign)
        deliveries = deliveries_of(world)
        assert await deliveries.due(NOW_MS + 9, (), 10) == []
        assert await deliveries.next_due_ms() is None
        assert await deliveries.behind() == []

        await change(world, lambda records: records.save_webhook(webhook))
        assert await catch_up(world) == 2
        assert await deliveries.behind() == []

        assert await deliver_all(world, webhook) == [
            fact_id(row) for row in await told_of(world, campaign)
        ]

    async def test_who_is_behind_costs_the_relay_nothing(self, world: World) -> None:
        """It is not wanted for him; when he is back, the relay goes back to where he came in."""
        campaign = await open_campaign(world)
        webhook = await add(world, a_webhook(campaign.tenant))
        await change(world, lambda records: records.save_webhook(off(webhook)))
        await settle(world, *crowd(campaign, 2))
        lease = await leased(world, campaign)
        assert await deliveries_of(world).wanted(lease.part) is not None
        await relay(world, campaign, lease)
        assert await deliveries_of(world).wanted(lease.part) is None

        await change(world, lambda records: records.save_webhook(webhook))
        assert await catch_up(world) == 2
        wanted = await deliveries_of(world).wanted(lease.part)

        assert wanted is not None
        beyond = await outbox_of(world).read(lease.part, lease.position, wanted, PIECE)
        with pytest.raises(LeaseLostError):
            await deliveries_of(world).enqueue(lease, beyond, NOW_MS)

    async def test_who_catches_up_does_not_overtake_the_relay(self, world: World) -> None:
        """What the relay has not passed yet comes with it, once."""
        campaign = await open_campaign(world)
        webhook = await add(world, a_webhook(campaign.tenant))
        await change(world, lambda records: records.save_webhook(off(webhook)))
        await settle(world, *crowd(campaign, 2))
        await relay(world, campaign)
        await change(world, lambda records: records.save_webhook(webhook))
        await settle(world, *crowd(campaign, 2, NOW_MS + 1))

        [behind] = await deliveries_of(world).behind()
        assert await catch_up(world) == 2
        assert await relay(world, campaign) == 2
        wanted = await deliveries_of(world).wanted(behind.part)
        assert wanted is not None
        piece = await outbox_of(world).read(behind.part, behind.position, wanted, PIECE)
        assert await deliveries_of(world).catch_up(behind, NAME, piece, NOW_MS) == 0

        assert await deliver_all(world, webhook) == [
            fact_id(row) for row in await told_of(world, campaign)
        ]

    async def test_what_is_due(self, world: World) -> None:
        """By its time, the longest due first, so many for each webhook, not what is in flight."""
        tenant = await keep_tenant(world)
        webhooks = [await add(world, a_webhook(tenant.number, f"wh_{n}")) for n in range(2)]
        made = [await add_ping(world, webhooks[0], f"msg_{n}") for n in range(4)]
        other = await add_ping(world, webhooks[1], "msg_0")
        deliveries = deliveries_of(world)
        assert await deliveries.next_due_ms() == NOW_MS
        later = after(made[0], DeliveryState.WAITING, due_ms=NOW_MS + 50)
        await deliveries.record([later])

        one, two = await deliveries.due(NOW_MS, {made[1].number}, 2)
        assert [one.deliveries, two.deliveries] == [made[2:4], [other]]
        rest = await deliveries.due(NOW_MS + 50, {one.number for one in made[1:]}, 2)
        assert [delivery.number for due in rest for delivery in due.deliveries] == [
            made[0].number,
            other.number,
        ]
        assert await deliveries.due(NOW_MS - 1, (), 2) == []

    async def test_attempts_are_recorded(self, world: World) -> None:
        """With what follows for the delivery and for the webhook."""
        tenant = await keep_tenant(world)
        webhook = await add(world, a_webhook(tenant.number))
        delivery = await add_ping(world, webhook, "msg_1")
        deliveries = deliveries_of(world)
        failed = after(delivery, DeliveryState.WAITING, due_ms=NOW_MS + 5_000)

        assert await deliveries.record([failed]) == 1
        [waiting] = await listed(world, webhook, None, None, 1)
        assert (waiting.tries, waiting.due_ms) == (1, NOW_MS + 5_000)
        assert waiting.attempts == (failed.attempt,)
        failing = await of(world, webhook)
        assert (failing.failing_since_ms, failing.waiting) == (failed.attempt.at_ms, 1)

        assert await deliveries.record([after(waiting, DeliveryState.DELIVERED)]) == 1
        [done] = await listed(world, webhook, None, None, 1)
        assert (done.state, done.due_ms, len(done.attempts)) == (
            DeliveryState.DELIVERED,
            None,
            2,
        )
        assert done.done_at_ms is not None
        works = await of(world, webhook)
        assert (works.failing_since_ms, works.waiting, works.disabled) == (None, 0, None)

    async def test_an_attempt_counts_once(self, world: World) -> None:
        """Two processes that sent the same message, or one whose delivery was begun anew."""
        tenant = await keep_tenant(world)
        webhook = await add(world, a_webhook(tenant.number))
        delivery = await add_ping(world, webhook, "msg_1")
        deliveries = deliveries_of(world)
        delivered = after(delivery, DeliveryState.DELIVERED)

        assert await deliveries.record([delivered, delivered]) == 1
        late = after(delivery, DeliveryState.WAITING, due_ms=NOW_MS, disable=Disabled.GONE)
        assert await deliveries.record([late]) == 0

        kept = await of(world, webhook)
        assert (kept.waiting, kept.failing_since_ms, kept.disabled) == (0, None, None)

    async def test_a_webhook_is_disabled(self, world: World) -> None:
        """What waits keeps its time and is due again when the webhook is enabled."""
        tenant = await keep_tenant(world)
        webhook = await add(world, a_webhook(tenant.number))
        delivery = await add_ping(world, webhook, "msg_1")
        deliveries = deliveries_of(world)
        gone = after(delivery, DeliveryState.WAITING, due_ms=NOW_MS + 5, disable=Disabled.GONE)

        await deliveries.record([gone])

        kept = await of(world, webhook)
        assert (kept.disabled, kept.waiting) == (Disabled.GONE, 1)
        assert kept.disabled_at_ms is not None
        assert await deliveries.due(NOW_MS + 5, (), 10) == []
        await change(world, lambda records: records.save_webhook(webhook))
        assert len(await deliveries.due(NOW_MS + 5, (), 10)) == 1

    async def test_the_last_attempts_are_kept(self, world: World) -> None:
        """A message that is sent again and again does not grow without end."""
        tenant = await keep_tenant(world)
        webhook = await add(world, a_webhook(tenant.number))
        delivery = await add_ping(world, webhook, "msg_1")
        for _ in range(ATTEMPTS_KEPT_MAX + 3):
            await deliveries_of(world).record(
                [after(delivery, DeliveryState.WAITING, due_ms=NOW_MS)]
            )
            [delivery] = await listed(world, webhook, None, None, 1)
        assert len(delivery.attempts) == ATTEMPTS_KEPT_MAX
        assert delivery.tries == ATTEMPTS_KEPT_MAX + 3

    async def test_what_was_done_long_ago_is_forgotten(self, world: World) -> None:
        """And what waits is not."""
        tenant = await keep_tenant(world)
        webhook = await add(world, a_webhook(tenant.number))
        made = [await add_ping(world, webhook, f"msg_{n}") for n in range(3)]
        deliveries = deliveries_of(world)
        await deliveries.record([after(made[0], DeliveryState.DELIVERED)])
        await deliveries.record([after(made[1], DeliveryState.FAILED)])

        assert await deliveries.forget(NOW_MS) == 0
        assert await deliveries.forget(NOW_MS + 1_000) == 2
        assert [one.message for one in await listed(world, webhook, None, None, 9)] == ["msg_2"]
