"""`IssueCoupon` on the fast lane: a plain Connect call, as JSON or binary, without the libraries.

What is regular about a call is read here: its fields, its key, its campaign. Whatever is not goes
the long way through the ASGI application, body and all, so that each mistake has one answer.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from largesse.campaigns.model import Campaign
from largesse.http import wire
from largesse.http.auth import Callers, authorize
from largesse.http.exchange import Exchange, Selective
from largesse.http.request_ids import REQUEST_ID, request_id_of
from largesse.http.rpc.coupons import Coupons
from largesse.http.rpc.long_way import LongWay
from largesse.http.rpc.manners import BINARY, JSON, Manner
from largesse.http.rpc.messages import IrregularError
from largesse.http.rpc.refusals import Protocol, Refusal, refuse
from largesse.http.services import Services
from largesse.issuance.service import Ending
from largesse.kernel.errors import LargesseError
from largesse.tenants.model import Scope
from largesse.tenants.service import Tenants

_TIMEOUT = b"connect-timeout-ms"
_TIMEOUT_DIGITS_MAX = 10
_HEAD = b"content-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n"
_LATE = Refusal("deadline_exceeded", "Request timed out")

Asker = Callable[[Mapping[bytes, bytes]], int]
"""Headers → the number of the tenant whose coupons are asked for; raises `LargesseError`."""


def by_key(tenants: Tenants) -> Asker:
    """The tenant of the caller's key, which may issue."""
    callers = Callers(tenants, partial(authorize, scopes=(Scope.ISSUE,)))
    return lambda headers: callers.admit(headers).tenant.number


def takes(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a call's head is one that the fast lane knows."""
    return (
        headers.get(b"content-type") in (JSON, BINARY)
        and headers.get(b"connect-protocol-version", b"1") == b"1"
        and (_TIMEOUT not in headers or _is_timeout(headers[_TIMEOUT]))
    )


def _is_timeout(text: bytes) -> bool:
    return text.isdigit() and len(text) <= _TIMEOUT_DIGITS_MAX and int(text) > 0


class HotCoupons:
    """Gives coupons to callers on the fast lane, in the manner of one service."""

    def __init__(
        self, services: Services, manner: Manner, tenant_of: Asker, long_way: LongWay
    ) -> None:
        self._services = services
        self._manner = manner
        self._tenant_of = tenant_of
        self._coupons = Coupons(services)
        self._long_way = long_way
        self._new_request_id = services.request_ids.new
        self.handler = Selective(self.issue, takes)

    @property
    def target(self) -> bytes:
        """Where its calls go."""
        return self._manner.target.encode("ascii")

    def issue(self, asked: Exchange) -> None:
        """Answer one call, now or later."""
        headers = asked.headers
        try:
            tenant = self._tenant_of(headers)
            wanted = self._manner.forms[headers[b"content-type"]].read(asked.body)
            campaign, wish = self._coupons.wish(tenant, wanted)
        except (LargesseError, IrregularError):
            self._long_way.take(self._manner.target, asked)
            return
        request_id = request_id_of(headers.get(REQUEST_ID), self._new_request_id)
        call = _Call(asked, self._manner, campaign, request_id)
        if _TIMEOUT in headers:
            call.expire_in(int(headers[_TIMEOUT]))
        try:
            self._services.issuance.submit(wish, call.deliver)
        except LargesseError as error:
            call.deliver(error)


class _Call:
    """A call whose wish is on its way."""

    __slots__ = ("_asked", "_campaign", "_is_over", "_manner", "_request_id", "_timer")

    def __init__(
        self, asked: Exchange, manner: Manner, campaign: Campaign, request_id: str
    ) -> None:
        self._asked = asked
        self._manner = manner
        self._campaign = campaign
        self._request_id = request_id
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    def expire_in(self, timeout_ms: int) -> None:
        """Tell the caller that it took too long, unless it is answered by then."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(timeout_ms / 1000, partial(self._refuse, _LATE))

    def deliver(self, ending: Ending) -> None:
        """Answer with how the wish ended."""
        if self._timer is not None:
            self._timer.cancel()
        if isinstance(ending, LargesseError) or not ending.outcome.success:
            self._refuse(self._manner.refusal(ending, self._campaign, self._request_id))
            return
        assert ending.incentive is not None
        content_type = self._asked.headers[b"content-type"]
        body = self._manner.forms[content_type].write(ending.incentive, ending.replayed)
        self._answer(200, content_type, body)

    def _refuse(self, refusal: Refusal) -> None:
        refused = refuse(refusal, Protocol.CONNECT)
        self._answer(refused.status, b"application/json", refused.body)

    def _answer(self, status: int, content_type: bytes, body: bytes) -> None:
        if self._is_over:
            return
        self._is_over = True
        head = _HEAD % (content_type, len(body), self._request_id.encode("ascii"))
        self._asked.answer(wire.STATUS_LINES[status] + head, body)
