"""The rules of webhooks: plain functions of their arguments."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec.structs import replace

from largesse.issuance.facts import fact_id
from largesse.issuance.model import Told
from largesse.kernel.errors import InvalidInputError
from largesse.kernel.fact import FactKind
from largesse.webhooks.addresses import Allowed, parse
from largesse.webhooks.model import (
    DESCRIPTION_CHARACTERS_MAX,
    URL_CHARACTERS_MAX,
    Attempt,
    Delivery,
    DeliveryState,
    Disabled,
    NewDelivery,
    Result,
    Tried,
    Webhook,
    WebhookChange,
)

SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The wait before each attempt, as Standard Webhooks proposes it: three days in all."""

JITTER = 0.2
"""A wait is up to so much longer, so that what failed together does not come back together."""

FAILING_MS_MAX = 3 * 86_400_000
"""A webhook that took nothing for so long is disabled when a message is given up."""

RETRY_AFTER_S_MAX = 86_400
"""A receiver may ask for no longer a wait than this."""

_GONE = 410
_PRINTABLE = re.compile(r"[!-~]+")


def check_url(url: str, allowed: Allowed) -> None:
    """Raise `InvalidInputError` for what is no address that a webhook may have.

    What a name leads to is looked up, and checked, each time that something is sent there.
    """
    if len(url) > URL_CHARACTERS_MAX or not _PRINTABLE.fullmatch(url):
        message = f"an address has at most {URL_CHARACTERS_MAX} visible ASCII characters"
        raise InvalidInputError(message, "/url")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInputError(f"this is no address: {error}", "/url") from error
    if parts.scheme not in ("https", "http") or not host or port == 0:
        message = "an address begins with https:// and names a host"
        raise InvalidInputError(message, "/url")
    if parts.username is not None or parts.fragment:
        message = "an address has no user, password or #fragment: check the signature instead"
        raise InvalidInputError(message, "/url")
    address = parse(host)
    if address is not None and not allowed.permits(address):
        raise InvalidInputError(f"{host} is an address of a private network", "/url")
    if address is not None and parts.scheme == "http" and not allowed.inside(address):
        raise InvalidInputError("outside private networks only https:// is safe", "/url")


def check_description(text: str) -> None:
    """Raise `InvalidInputError` for a description that would not fit a line, or cannot be kept."""
    if "\0" in text:
        raise InvalidInputError("a description has no NUL in it", "/description")
    if len(text) > DESCRIPTION_CHARACTERS_MAX:
        message = f"a description has at most {DESCRIPTION_CHARACTERS_MAX} characters"
        raise InvalidInputError(message, "/description")


def kinds_of(topics: Sequence[str]) -> tuple[FactKind, ...]:
    """The kinds of facts by their names; `InvalidInputError` where one has no such name."""
    known = {kind.topic: kind for kind in FactKind}
    for place, topic in enumerate(topics):
        if topic not in known:
            message = f"there is no fact {topic!r}: there are {', '.join(known)}"
            raise InvalidInputError(message, f"/types/{place}")
    return tuple(sorted({known[topic] for topic in topics}))


def changed(webhook: Webhook, change: WebhookChange, now_ms: int) -> Webhook:
    """The webhook as somebody wants it. Enabling it anew forgets why it was disabled."""
    new = replace(
        webhook,
        url=webhook.url if change.url is None else change.url,
        description=webhook.description if change.description is None else change.description,
        kinds=webhook.kinds if change.kinds is None else change.kinds,
    )
    if change.enabled is False and webhook.disabled is None:
        return replace(new, disabled=Disabled.BY_HAND, disabled_at_ms=now_ms)
    if change.enabled is True and webhook.disabled is not None:
        return replace(new, disabled=None, disabled_at_ms=None, failing_since_ms=None)
    return new


def rotated(webhook: Webhook, secret: bytes, until_ms: int) -> Webhook:
    """The webhook with a new secret; the one that it had signs, too, until a moment.

    One that was still left from an earlier rotation signs no more: two are live at most.
    """
    return replace(webhook, secret=secret, old_secret=webhook.secret, old_until_ms=until_ms)


def live_secrets(webhook: Webhook, now_ms: int) -> list[bytes]:
    """The secrets that sign at a moment, the newest first."""
    if webhook.old_secret is None or webhook.old_until_ms is None or now_ms >= webhook.old_until_ms:
        return [webhook.secret]
    return [webhook.secret, webhook.old_secret]


def wants(webhook: Webhook, told: Told) -> bool:
    """Whether a fact is for a webhook."""
    mine = told.tenant == webhook.tenant and told.kind in webhook.kinds
    return mine and told.position > webhook.since


def messages(webhook: Webhook, rows: Sequence[Told]) -> list[NewDelivery]:
    """What a webhook is to be sent of some facts; a fact's id is the message's."""
    return [
        NewDelivery(message=fact_id(told), type=told.kind.topic, position=told.position)
        for told in rows
        if wants(webhook, told)
    ]


def succeeded(result: Result) -> bool:
    """Whether a receiver has taken a message: 2xx. A redirect is a failure; nobody follows it."""
    return result.status is not None and 200 <= result.status < 300  # noqa: PLR2004 — RFC 9110 §15.3


def after_attempt(
    webhook: Webhook, delivery: Delivery, result: Result, now_ms: int, dice: float
) -> Tried:
    """What follows from an attempt that ended now. `dice` is from 0 to 1, without 1."""
    attempt = Attempt(
        at_ms=now_ms - result.took_ms,
        took_ms=result.took_ms,
        status=result.status,
        error=result.error,
        answer=result.answer,
    )
    if succeeded(result):
        state = DeliveryState.DELIVERED
        return Tried(delivery=delivery, attempt=attempt, state=state, due_ms=None)
    tries = delivery.tries + 1
    given_up = tries >= len(SCHEDULE_S)
    due_ms = None if given_up else now_ms + _wait_ms(tries, result.retry_after_s, dice)
    return Tried(
        delivery=delivery,
        attempt=attempt,
        state=DeliveryState.FAILED if given_up else DeliveryState.WAITING,
        due_ms=due_ms,
        disable=_disable(webhook, result, now_ms, given_up=given_up),
    )


def _wait_ms(tries: int, asked_s: int | None, dice: float) -> int:
    wait_s = SCHEDULE_S[tries] * (1 + JITTER * dice)
    return int(1_000 * max(wait_s, min(asked_s or 0, RETRY_AFTER_S_MAX)))


def _disable(webhook: Webhook, result: Result, now_ms: int, *, given_up: bool) -> Disabled | None:
    if result.status == _GONE:
        return Disabled.GONE
    since_ms = webhook.failing_since_ms
    if given_up and since_ms is not None and now_ms - since_ms >= FAILING_MS_MAX:
        return Disabled.FAILING
    return None
