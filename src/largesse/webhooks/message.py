"""A message as it goes over the wire: Standard Webhooks, standardwebhooks.com.

The signature is HMAC-SHA256 over `id.timestamp.body`, in base 64, one for each live secret.
"""

import base64
import hmac
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from largesse.kernel.calendar import rfc3339
from largesse.kernel.fact import Fact

SECRET_PREFIX = "whsec_"  # noqa: S105 — how a secret begins is none
PING_TYPE = "webhook.ping"


class Body(Struct, frozen=True):
    """What a receiver reads: what happened, when, and the fact's payload."""

    type: str
    timestamp: str
    data: dict[str, Any]


class Message(Struct, frozen=True):
    """One request to a receiver."""

    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def body_of(fact: Fact) -> bytes:
    """The body of a fact, the same at each attempt."""
    return msgspec.json.encode(Body(fact.type, rfc3339(fact.at_ms), fact.payload))


def body_of_ping(webhook_id: str, now_ms: int) -> bytes:
    """The body of a ping, which tells of nothing that happened."""
    return msgspec.json.encode(Body(PING_TYPE, rfc3339(now_ms), {"webhook_id": webhook_id}))


def signed(message_id: str, at_s: int, body: bytes, secrets: Sequence[bytes]) -> list[str]:
    """A signature per secret: `v1,…`."""
    content = b"%s.%d.%s" % (message_id.encode(), at_s, body)
    digests = (hmac.digest(secret, content, "sha256") for secret in secrets)
    return ["v1," + base64.b64encode(digest).decode() for digest in digests]


def message(url: str, message_id: str, at_s: int, body: bytes, secrets: Sequence[bytes]) -> Message:
    """A request that carries a body, signed at a moment in whole seconds since the epoch."""
    signatures = " ".join(signed(message_id, at_s, body, secrets))
    return Message(
        url,
        (
            (b"content-type", b"application/json"),
            (b"webhook-id", message_id.encode()),
            (b"webhook-timestamp", b"%d" % at_s),
            (b"webhook-signature", signatures.encode()),
        ),
        body,
    )


def shown_secret(secret: bytes) -> str:
    """A secret as its owner is shown it, once."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()
