"""Webhooks over HTTP."""

from http import HTTPStatus

from msgspec import UNSET

from largesse.http.listing import walk_of
from largesse.http.operation import (
    AnyOperation,
    Call,
    KeyUse,
    Operation,
    Reply,
    Shown,
    ok,
    replayed_if,
)
from largesse.http.parsing import Nothing
from largesse.http.shapes.lists import ListQuery
from largesse.http.shapes.webhooks import (
    DeliveriesQuery,
    DeliveryList,
    DeliveryView,
    NewWebhookInput,
    NewWebhookView,
    RotateInput,
    WebhookChangeInput,
    WebhookList,
    WebhookView,
    show_delivery,
    show_new_webhook,
    show_webhook,
    webhook_change,
    webhook_wish,
)
from largesse.tenants.model import Scope


async def create_webhook(call: Call[Nothing, NewWebhookInput]) -> Reply:
    """Make a webhook."""
    done = await call.services.webhooks.create(call.command(), webhook_wish(call.body))
    return Reply(HTTPStatus.CREATED, show_new_webhook(done.answer), replayed_if(done.replayed))


async def list_webhooks(call: Call[ListQuery, Nothing]) -> Reply:
    """List the tenant's webhooks, the oldest first."""
    walk = walk_of(call, "webhooks")
    every = await call.services.webhooks.webhooks(call.tenant)
    after = walk.number or 0
    found = [webhook for webhook in every if webhook.number > after]
    shown, onward = walk.cut(found, lambda webhook: webhook.number)
    return ok(WebhookList([show_webhook(webhook) for webhook in shown], onward))


async def read_webhook(call: Call[Nothing, Nothing]) -> Reply:
    """Show a webhook."""
    webhook_id = call.path["webhook_id"]
    return ok(show_webhook(await call.services.webhooks.webhook(call.tenant, webhook_id)))


async def change_webhook(call: Call[Nothing, WebhookChangeInput]) -> Reply:
    """Change some of a webhook."""
    wish = webhook_change(call.body)
    webhook_id = call.path["webhook_id"]
    return ok(show_webhook(await call.services.webhooks.change(call.command(), webhook_id, wish)))


async def delete_webhook(call: Call[Nothing, Nothing]) -> Reply:
    """Take a webhook away."""
    await call.services.webhooks.remove(call.command(), call.path["webhook_id"])
    return Reply(HTTPStatus.NO_CONTENT)


async def rotate_webhook(call: Call[Nothing, RotateInput]) -> Reply:
    """Give a webhook a new secret."""
    webhooks, overlap_s = call.services.webhooks, call.body.overlap_s
    done = await webhooks.rotate(call.command(), call.path["webhook_id"], overlap_s)
    return Reply(HTTPStatus.OK, show_new_webhook(done.answer), replayed_if(done.replayed))


async def ping_webhook(call: Call[Nothing, Nothing]) -> Reply:
    """Send a message about nothing."""
    done = await call.services.webhooks.ping(call.command(), call.path["webhook_id"])
    return Reply(HTTPStatus.ACCEPTED, show_delivery(done.answer), replayed_if(done.replayed))


async def list_deliveries(call: Call[DeliveriesQuery, Nothing]) -> Reply:
    """List what was sent to a webhook or is to be, the newest first."""
    query, webhooks = call.query, call.services.webhooks
    webhook = await webhooks.webhook(call.tenant, call.path["webhook_id"])
    state = None if query.status is UNSET else query.status
    walk = walk_of(call, f"deliveries|{webhook.id}|{state}")
    found = await webhooks.deliveries(webhook, state, walk.number, walk.wanted)
    shown, onward = walk.cut(found, lambda delivery: delivery.number)
    return ok(DeliveryList([show_delivery(delivery) for delivery in shown], onward))


async def read_delivery(call: Call[Nothing, Nothing]) -> Reply:
    """Show a delivery with its attempts."""
    path = call.path
    webhooks = call.services.webhooks
    found = await webhooks.delivery(call.tenant, path["webhook_id"], path["delivery_id"])
    return ok(show_delivery(found))


async def resend_delivery(call: Call[Nothing, Nothing]) -> Reply:
    """Send a message again."""
    path, webhooks = call.path, call.services.webhooks
    done = await webhooks.send_again(call.command(), path["webhook_id"], path["delivery_id"])
    return Reply(HTTPStatus.ACCEPTED, show_delivery(done.answer), replayed_if(done.replayed))


_ADMIN = (Scope.ADMIN,)
_TAG = "Webhooks"
_REPLAYED = ("idempotency-replayed",)
_WEBHOOK = Shown(HTTPStatus.OK, "The webhook.", WebhookView)
_ACCEPTED = Shown(
    HTTPStatus.ACCEPTED, "The delivery, which is due now.", DeliveryView, headers=_REPLAYED
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="create_webhook",
        method="POST",
        path="/api/v1/webhooks",
        tag=_TAG,
        summary="Create a webhook",
        description="Has facts sent to an address from now on, each at least once, signed as "
        "Standard Webhooks says. The secret is shown this once.",
        handler=create_webhook,
        answers=(Shown(HTTPStatus.CREATED, "The webhook.", NewWebhookView, headers=_REPLAYED),),
        scopes=_ADMIN,
        body=NewWebhookInput,
        body_example={"url": "https://shop.example/largesse", "types": ["incentive.issued"]},
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="list_webhooks",
        method="GET",
        path="/api/v1/webhooks",
        tag=_TAG,
        summary="List webhooks",
        description="The tenant's webhooks, the oldest first; no secret is shown.",
        handler=list_webhooks,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", WebhookList),),
        scopes=_ADMIN,
        query=ListQuery,
    ),
    Operation(
        name="read_webhook",
        method="GET",
        path="/api/v1/webhooks/{webhook_id}",
        tag=_TAG,
        summary="Read a webhook",
        description="The webhook and how it is doing.",
        handler=read_webhook,
        answers=(_WEBHOOK,),
        scopes=_ADMIN,
    ),
    Operation(
        name="change_webhook",
        method="PATCH",
        path="/api/v1/webhooks/{webhook_id}",
        tag=_TAG,
        summary="Change a webhook",
        description="Changes what is named and leaves the rest. While it is disabled nothing is "
        "sent; enabled again, it gets what it missed.",
        handler=change_webhook,
        answers=(_WEBHOOK,),
        scopes=_ADMIN,
        body=WebhookChangeInput,
        body_example={"enabled": True},
    ),
    Operation(
        name="delete_webhook",
        method="DELETE",
        path="/api/v1/webhooks/{webhook_id}",
        tag=_TAG,
        summary="Delete a webhook",
        description="Takes the webhook away, with all that waits for it.",
        handler=delete_webhook,
        answers=(Shown(HTTPStatus.NO_CONTENT, "It is gone."),),
        scopes=_ADMIN,
    ),
    Operation(
        name="rotate_webhook_secret",
        method="POST",
        path="/api/v1/webhooks/{webhook_id}:rotate",
        tag=_TAG,
        summary="Rotate a webhook's secret",
        description="Gives it a new secret, shown this once. For `overlap_s` seconds the old one "
        "signs beside it; one that was still left from an earlier rotation ends at once.",
        handler=rotate_webhook,
        answers=(Shown(HTTPStatus.OK, "The webhook.", NewWebhookView, headers=_REPLAYED),),
        scopes=_ADMIN,
        body=RotateInput,
        body_example={"overlap_s": 3_600},
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="ping_webhook",
        method="POST",
        path="/api/v1/webhooks/{webhook_id}:ping",
        tag=_TAG,
        summary="Ping a webhook",
        description="Sends it a message of the type `webhook.ping`, which tells of nothing that "
        "happened. The delivery shows what became of it.",
        handler=ping_webhook,
        answers=(_ACCEPTED,),
        refusals=(HTTPStatus.CONFLICT,),
        scopes=_ADMIN,
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="list_webhook_deliveries",
        method="GET",
        path="/api/v1/webhooks/{webhook_id}/deliveries",
        tag=_TAG,
        summary="List deliveries",
        description="What was sent to a webhook or is to be, the newest first, each with its "
        "attempts. What is done is kept for `webhooks.kept_days`.",
        handler=list_deliveries,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", DeliveryList),),
        scopes=_ADMIN,
        query=DeliveriesQuery,
    ),
    Operation(
        name="read_webhook_delivery",
        method="GET",
        path="/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}",
        tag=_TAG,
        summary="Read a delivery",
        description="One delivery with its attempts.",
        handler=read_delivery,
        answers=(Shown(HTTPStatus.OK, "The delivery.", DeliveryView),),
        scopes=_ADMIN,
    ),
    Operation(
        name="resend_webhook_delivery",
        method="POST",
        path="/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}:resend",
        tag=_TAG,
        summary="Send a message again",
        description="Begins its schedule anew, now and under the same `message_id`, whatever "
        "became of it before.",
        handler=resend_delivery,
        answers=(_ACCEPTED,),
        refusals=(HTTPStatus.CONFLICT,),
        scopes=_ADMIN,
        key=KeyUse.OPTIONAL,
    ),
)
