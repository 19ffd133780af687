"""What webhooks are, and what becomes of a message on its way to one."""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from largesse.kernel.fact import FactKind, Position

SECRET_BYTES = 32
"""Standard Webhooks asks for 24 to 64."""

URL_CHARACTERS_MAX = 2_048
DESCRIPTION_CHARACTERS_MAX = 200

ATTEMPTS_KEPT_MAX = 20
"""Attempts of one delivery that can be looked at: two whole schedules."""


class Disabled(StrEnum):
    """Why a webhook gets nothing: somebody said so, it answered 410, or it failed for days."""

    BY_HAND = "BY_HAND"
    GONE = "GONE"
    FAILING = "FAILING"


class Webhook(Struct, frozen=True, kw_only=True):
    """An address that gets a tenant's facts of some kinds.

    After a rotation the old secret signs, too, until `old_until_ms`. `failing_since_ms` is the
    first failure since the last success; `waiting` counts deliveries that are not done.
    """

    number: int
    id: str
    tenant: int
    url: str
    description: str
    kinds: tuple[FactKind, ...]
    secret: bytes
    old_secret: bytes | None = None
    old_until_ms: int | None = None
    disabled: Disabled | None = None
    disabled_at_ms: int | None = None
    failing_since_ms: int | None = None
    created_at_ms: int
    since: Position
    waiting: int = 0


class WebhookInput(Struct, frozen=True, kw_only=True):
    """What somebody wants a webhook to be."""

    url: str
    description: str
    kinds: tuple[FactKind, ...]


class WebhookChange(Struct, frozen=True, kw_only=True):
    """What somebody wants to be otherwise; None stays as it is."""

    url: str | None = None
    description: str | None = None
    kinds: tuple[FactKind, ...] | None = None
    enabled: bool | None = None


class NewSecret(Struct, frozen=True):
    """A webhook whose secret is new. `secret` is None where the answer is a replay."""

    webhook: Webhook
    secret: bytes | None


class DeliveryState(StrEnum):
    """Where a message stands. FAILED: every attempt of the schedule was in vain."""

    WAITING = "WAITING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class Attempt(Struct, frozen=True, kw_only=True):
    """One time that a message was sent: what was answered, or what was in the way.

    `answer` is the beginning of the body.
    """

    at_ms: int
    took_ms: int
    status: int | None = None
    error: str | None = None
    answer: str = ""


class Result(Struct, frozen=True, kw_only=True):
    """What the sender says of one attempt; without a `status` nothing was answered."""

    took_ms: int
    status: int | None = None
    error: str | None = None
    answer: str = ""
    retry_after_s: int | None = None


class NewDelivery(Struct, frozen=True, kw_only=True):
    """A message that is to go to a webhook: about the fact at a position, or a ping with a body."""

    message: str
    type: str
    position: Position | None = None
    body: bytes | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """One message to one webhook. `message` is the id that its receiver sees at each attempt.

    `tries` counts the attempts since it was asked for: the schedule goes by it.
    """

    number: int
    webhook: int
    message: str
    type: str
    position: Position | None
    body: bytes | None
    state: DeliveryState
    created_at_ms: int
    due_ms: int | None
    done_at_ms: int | None
    tries: int
    attempts: tuple[Attempt, ...]


class Due(NamedTuple):
    """Deliveries of one webhook whose time has come, the longest due first."""

    webhook: Webhook
    deliveries: list[Delivery]


class Tried(Struct, frozen=True, kw_only=True):
    """What follows from an attempt at a delivery: how it stands now, and the webhook with it."""

    delivery: Delivery
    attempt: Attempt
    state: DeliveryState
    due_ms: int | None
    disable: Disabled | None = None


class Behind(NamedTuple):
    """A webhook that missed what is beyond a position of a part, and has room for it now."""

    webhook: Webhook
    part: int
    position: Position
