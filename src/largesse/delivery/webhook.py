"""Sends a message to a webhook's receiver: once, within limits, to a checked address only.

The name in the address is looked up for each connection, and the connection is made to the very
address that was checked: a name that leads elsewhere at the second look gains nothing. Redirects
are not followed, no proxy is asked, no cookie is kept.
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from largesse.delivery.reaching import RefusedAddressError, Ways
from largesse.kernel.clock import stopwatch_s
from largesse.webhooks.message import Message
from largesse.webhooks.model import Result

ANSWER_BYTES_MAX = 1_024
"""More of an answer is not read: its beginning is kept to be looked at, and its rest is noise."""

ERROR_CHARACTERS_MAX = 200

if TYPE_CHECKING:
    from largesse.delivery.pool import Pools

USER_AGENT = b"largesse"


class WebhookSender:
    """See `Sender`. Its library is loaded with the first message: most servers send none."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._making: asyncio.Future[Pools] | None = None

    async def send(self, message: Message) -> Result:
        """See `Sender`."""
        pools = await self._pools()
        began_s = stopwatch_s()
        try:
            async with asyncio.timeout(self._ways.attempt_s_max):
                status, answer, retry_after_s = await _post(pools, message)
        except TimeoutError:
            error = f"no answer within {self._ways.attempt_s_max:g} s"
            return Result(took_ms=_since(began_s), error=error)
        except RefusedAddressError as refused:
            return Result(took_ms=_since(began_s), error=str(refused))
        except Exception as failed:  # noqa: BLE001 — whatever a stranger's server does is a result
            error = f"{type(failed).__name__}: {failed}"[:ERROR_CHARACTERS_MAX]
            return Result(took_ms=_since(began_s), error=error)
        redirect: str | None = None
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            redirect = "redirects are not followed: give the webhook its final address"
        return Result(
            took_ms=_since(began_s),
            status=status,
            error=redirect,
            answer=answer,
            retry_after_s=retry_after_s,
        )

    async def close(self) -> None:
        """Hang up."""
        making, self._making = self._making, None
        if making is not None:
            await (await making).close()

    async def _pools(self) -> "Pools":
        """The connections; the first message has them made, in a thread, and the others wait."""
        if self._making is None:
            self._making = asyncio.ensure_future(asyncio.to_thread(_make_pools, self._ways))
        return await asyncio.shield(self._making)


async def _post(pools: "Pools", message: Message) -> tuple[int, str, int | None]:
    """Status, beginning of the body, and the wait that the receiver asks for."""
    headers = [*message.headers, (b"user-agent", USER_AGENT), (b"accept", b"*/*")]
    async with pools.of(message.url).stream(
        "POST", message.url, headers=headers, content=message.body
    ) as response:
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_stream():
            parts.append(part)
            size += len(part)
            if size >= ANSWER_BYTES_MAX:
                break
        answer = b"".join(parts)[:ANSWER_BYTES_MAX].decode(errors="replace")
        asked = dict(response.headers).get(b"retry-after", b"")
        return response.status, answer, int(asked) if asked.isdigit() else None


def _since(began_s: float) -> int:
    return round(1_000 * (stopwatch_s() - began_s))


def _make_pools(ways: Ways) -> "Pools":
    from largesse.delivery.pool import Pools  # noqa: PLC0415 — loaded when it is needed

    return Pools(ways)
