"""Channels to customers: the log, to try it out, and a webhook of the operator's own."""

from http import HTTPStatus

import msgspec
import structlog

from largesse.delivery.webhook import WebhookSender
from largesse.kernel.clock import Clock
from largesse.notifications.model import Heard, Notice
from largesse.webhooks.message import Body, message

_WORTH_ANOTHER_TRY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)

_log = structlog.get_logger(__name__)


class LogChannel:
    """Writes a line for each winner; neither phone nor code, which are nobody's to read there."""

    async def tell(self, notice: Notice) -> Heard:
        """See `Channel`."""
        _log.info(
            "winner",
            of=notice.type,
            notice=notice.id,
            tenant=notice.tenant_id,
            customer=notice.customer_id,
            campaign=notice.campaign_id,
            draw=notice.draw_number,
            reward=notice.reward,
        )
        return Heard.TAKEN

    async def close(self) -> None:
        """See `Channel`."""


class WebhookChannel:
    """Posts each notice to one address of the operator's, signed as Standard Webhooks says."""

    def __init__(self, sender: WebhookSender, url: str, secret: bytes, clock: Clock) -> None:
        self._sender = sender
        self._url = url
        self._secrets = [secret]
        self._clock = clock

    async def tell(self, notice: Notice) -> Heard:
        """See `Channel`. Another status of 4xx than 408 and 429 refuses this notice for good."""
        data = msgspec.to_builtins(notice)
        body = msgspec.json.encode(Body(data.pop("type"), notice.won_at, data))
        at_s = self._clock.now_ms() // 1000
        result = await self._sender.send(message(self._url, notice.id, at_s, body, self._secrets))
        status = result.status
        if status is None or status in _WORTH_ANOTHER_TRY:
            return Heard.LATER
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Heard.TAKEN
        is_theirs = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        return Heard.REFUSED if is_theirs else Heard.LATER

    async def close(self) -> None:
        """See `Channel`."""
        await self._sender.close()
