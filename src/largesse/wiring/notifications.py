"""Who tells winners, by the channel that the settings name."""

import base64
import binascii
import time

from largesse.delivery.notices import LogChannel, WebhookChannel
from largesse.delivery.reaching import Ways
from largesse.delivery.webhook import WebhookSender
from largesse.http.services import Services
from largesse.kernel.errors import StartError
from largesse.notifications.model import Lateness
from largesse.notifications.ports import Channel
from largesse.notifications.winners import Patience, Registers, Winners
from largesse.settings.tree import Notifications
from largesse.webhooks.addresses import Allowed
from largesse.webhooks.message import SECRET_PREFIX
from largesse.wiring.storage import Storage

_EVERYWHERE = ("0.0.0.0/0", "::/0")
"""The operator's own address may be anywhere: no tenant has a say in it."""


def make_winners(storage: Storage, services: Services) -> Winners:
    """Who tells winners, by a channel that is not `none`.

    Raises `StartError` where the channel cannot be what they say.
    """
    wanted = services.settings.notifications
    registers = Registers(
        storage.telling.outbox,
        services.tenants,
        services.customers,
        services.issuance,
        services.clocks,
    )
    lateness = Lateness(wanted.late_s_max, wanted.raffle_late_s_max)
    patience = Patience(wanted.in_flight_max, lateness)
    return Winners(registers, _channel(wanted, services), patience, time.monotonic)


def _channel(wanted: Notifications, services: Services) -> Channel:
    if wanted.channel == "log":
        return LogChannel()
    if wanted.url is None or wanted.secret is None:
        message = "notifications.channel webhook needs notifications.url and notifications.secret"
        raise StartError(message)
    if not wanted.url.startswith(("http://", "https://")):
        raise StartError("notifications.url begins with http:// or https://")
    ways = Ways(float(wanted.attempt_s_max), wanted.in_flight_max, Allowed(_EVERYWHERE))
    secret = _secret(wanted.secret.reveal())
    return WebhookChannel(WebhookSender(ways), wanted.url, secret, services.clock)


def _secret(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        message = "notifications.secret is whsec_ and base64, as Standard Webhooks has it"
        raise StartError(message) from error
