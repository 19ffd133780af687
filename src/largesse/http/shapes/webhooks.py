"""Webhooks and their deliveries over HTTP."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from largesse.http.shapes.lists import ListQuery, Next
from largesse.http.times import ShownMoment, rfc3339, rfc3339_or_none
from largesse.kernel.fact import FactKind
from largesse.webhooks import decide
from largesse.webhooks.message import shown_secret
from largesse.webhooks.model import (
    DESCRIPTION_CHARACTERS_MAX,
    URL_CHARACTERS_MAX,
    Attempt,
    Delivery,
    DeliveryState,
    NewSecret,
    Webhook,
    WebhookChange,
    WebhookInput,
)
from largesse.webhooks.service import delivery_id

OVERLAP_S = 86_400
OVERLAP_S_MAX = 7 * 86_400

Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=URL_CHARACTERS_MAX,
        description="Where to send it: https, a public address, no redirect.",
        examples=["https://shop.example/largesse"],
    ),
]
Description = Annotated[str, Meta(max_length=DESCRIPTION_CHARACTERS_MAX)]
Types = Annotated[
    list[str],
    Meta(
        min_length=1,
        max_length=len(FactKind),
        description="The facts that it gets: " + ", ".join(f"`{one.topic}`" for one in FactKind),
        examples=[["incentive.issued"]],
    ),
]
SecretText = Annotated[
    str | None,
    Meta(description="What signs its messages, shown this once; null in a replay."),
]


class NewWebhookInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A new webhook; it gets every type of fact unless some are named."""

    url: Url
    description: Description = ""
    types: Types | UnsetType = UNSET


class WebhookChangeInput(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be otherwise; what is left out stays."""

    url: Url | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    types: Types | UnsetType = UNSET
    enabled: (
        Annotated[bool, Meta(description="Enabled again, it gets what it missed meanwhile.")]
        | UnsetType
    ) = UNSET


class RotateInput(Struct, frozen=True, forbid_unknown_fields=True):
    """How the secret is changed."""

    overlap_s: Annotated[
        int,
        Meta(ge=0, le=OVERLAP_S_MAX, description="So long the old secret signs beside the new."),
    ] = OVERLAP_S


class WebhookView(Struct, frozen=True, kw_only=True):
    """An address that gets facts."""

    id: str
    url: str
    description: str
    types: list[str]
    enabled: bool
    disabled_reason: Annotated[
        str | None,
        Meta(description="`BY_HAND`, `GONE` (it answered 410) or `FAILING` (for days)."),
    ]
    disabled_at: ShownMoment | None
    failing_since: Annotated[
        ShownMoment | None, Meta(description="The first failure since the last success.")
    ]
    waiting: Annotated[int, Meta(description="Messages that are not delivered yet.")]
    old_secret_until: Annotated[
        ShownMoment | None, Meta(description="Until then the secret before signs, too.")
    ]
    created_at: ShownMoment


class NewWebhookView(WebhookView, frozen=True, kw_only=True):
    """A webhook whose secret is new."""

    secret: SecretText


class WebhookList(Struct, frozen=True):
    """A tenant's webhooks, the oldest first."""

    items: list[WebhookView]
    next: Next


class AttemptView(Struct, frozen=True, kw_only=True):
    """One time that a message was sent."""

    at: ShownMoment
    took_ms: int
    status: Annotated[int | None, Meta(description="What was answered; null without an answer.")]
    error: Annotated[str | None, Meta(description="What was in the way.")]
    answer: Annotated[str, Meta(description="How the answer's body begins.")]


class DeliveryView(Struct, frozen=True, kw_only=True):
    """A message to a webhook. `message_id` is its `webhook-id`: the fact's id, but for a ping."""

    id: str
    message_id: str
    type: str
    status: DeliveryState
    created_at: ShownMoment
    due_at: Annotated[ShownMoment | None, Meta(description="When it is sent (again).")]
    done_at: ShownMoment | None
    attempts: list[AttemptView]


class DeliveryList(Struct, frozen=True):
    """A piece of the list of deliveries, the newest first."""

    items: list[DeliveryView]
    next: Next


class DeliveriesQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """Which deliveries, and where in their list to read."""

    status: Annotated[DeliveryState, Meta(description="Only those that stand so.")] | UnsetType = (
        UNSET
    )


def webhook_wish(said: NewWebhookInput) -> WebhookInput:
    """What somebody wants of a new webhook."""
    kinds = tuple(FactKind) if said.types is UNSET else decide.kinds_of(said.types)
    return WebhookInput(url=said.url, description=said.description, kinds=kinds)


def webhook_change(said: WebhookChangeInput) -> WebhookChange:
    """What somebody wants to be otherwise."""
    return WebhookChange(
        url=None if said.url is UNSET else said.url,
        description=None if said.description is UNSET else said.description,
        kinds=None if said.types is UNSET else decide.kinds_of(said.types),
        enabled=None if said.enabled is UNSET else said.enabled,
    )


def show_webhook(webhook: Webhook) -> WebhookView:
    """A webhook."""
    return WebhookView(
        id=webhook.id,
        url=webhook.url,
        description=webhook.description,
        types=[kind.topic for kind in webhook.kinds],
        enabled=webhook.disabled is None,
        disabled_reason=webhook.disabled,
        disabled_at=rfc3339_or_none(webhook.disabled_at_ms),
        failing_since=rfc3339_or_none(webhook.failing_since_ms),
        waiting=webhook.waiting,
        old_secret_until=rfc3339_or_none(webhook.old_until_ms),
        created_at=rfc3339(webhook.created_at_ms),
    )


def show_new_webhook(made: NewSecret) -> NewWebhookView:
    """A webhook with its new secret."""
    view = show_webhook(made.webhook)
    secret = None if made.secret is None else shown_secret(made.secret)
    fields = {name: getattr(view, name) for name in view.__struct_fields__}
    return NewWebhookView(**fields, secret=secret)


def show_delivery(delivery: Delivery) -> DeliveryView:
    """A delivery with its attempts."""
    return DeliveryView(
        id=delivery_id(delivery),
        message_id=delivery.message,
        type=delivery.type,
        status=delivery.state,
        created_at=rfc3339(delivery.created_at_ms),
        due_at=rfc3339_or_none(delivery.due_ms),
        done_at=rfc3339_or_none(delivery.done_at_ms),
        attempts=[_show_attempt(one) for one in delivery.attempts],
    )


def _show_attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        at=rfc3339(attempt.at_ms),
        took_ms=attempt.took_ms,
        status=attempt.status,
        error=attempt.error,
        answer=attempt.answer,
    )
