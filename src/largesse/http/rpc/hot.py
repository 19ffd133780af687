"""`IssueCoupon` on the fast lane: a plain Connect call, as JSON or binary, without the libraries.

What is regular about a call is read here: its fields, its key, its campaign. Whatever is not goes
the long way through the ASGI application, body and all, so that each mistake has one answer.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from msgspec import Struct

from largesse.campaigns.model import Campaign
from largesse.http import wire
from largesse.http.auth import Callers, authorize
from largesse.http.errors import Known, problem_of_error, problem_of_outcome
from largesse.http.exchange import Exchange, Selective
from largesse.http.request_ids import REQUEST_ID, request_id_of
from largesse.http.rpc.coupons import Coupons, Wanted
from largesse.http.rpc.described import V1
from largesse.http.rpc.long_way import LongWay
from largesse.http.rpc.messages import (
    IrregularError,
    issued_binary,
    issued_json,
    read_binary,
    read_json,
)
from largesse.http.rpc.refusals import Protocol, Refusal, of_error, of_outcome, refuse
from largesse.http.services import Services
from largesse.http.wishes import known_of
from largesse.issuance.model import Incentive
from largesse.issuance.service import Ending
from largesse.kernel.errors import LargesseError
from largesse.tenants.model import Scope

TARGET = f"{V1.prefix}/IssueCoupon".encode()

_TIMEOUT = b"connect-timeout-ms"
_TIMEOUT_DIGITS_MAX = 10
_HEAD = b"content-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n"
_LATE = Refusal("deadline_exceeded", "Request timed out")


class _Form(Struct, frozen=True):
    """A content type with its way to read a wish and to write what was given."""

    content_type: bytes
    read: Callable[[bytes], Wanted]
    write: Callable[[Incentive, bool], bytes]


_FORMS: Mapping[bytes, _Form] = {
    form.content_type: form
    for form in (
        _Form(b"application/json", read_json, issued_json),
        _Form(b"application/proto", read_binary, issued_binary),
    )
}


def takes(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a call's head is one that the fast lane knows."""
    return (
        headers.get(b"content-type") in _FORMS
        and headers.get(b"connect-protocol-version", b"1") == b"1"
        and (_TIMEOUT not in headers or _is_timeout(headers[_TIMEOUT]))
    )


def _is_timeout(text: bytes) -> bool:
    return text.isdigit() and len(text) <= _TIMEOUT_DIGITS_MAX and int(text) > 0


class HotCoupons:
    """Gives coupons to callers on the fast lane."""

    def __init__(self, services: Services, long_way: LongWay) -> None:
        self._services = services
        self._coupons = Coupons(services)
        self._callers = Callers(services.tenants, partial(authorize, scopes=(Scope.ISSUE,)))
        self._long_way = long_way
        self._new_request_id = services.request_ids.new
        self.handler = Selective(self.issue, takes)

    def issue(self, asked: Exchange) -> None:
        """Answer one call, now or later."""
        headers = asked.headers
        try:
            principal = self._callers.admit(headers)
            form = _FORMS[headers[b"content-type"]]
            campaign, wish = self._coupons.wish(principal.tenant.number, form.read(asked.body))
        except (LargesseError, IrregularError):
            self._long_way.take(TARGET.decode("ascii"), asked)
            return
        request_id = request_id_of(headers.get(REQUEST_ID), self._new_request_id)
        call = _Call(asked, form, campaign, request_id)
        if _TIMEOUT in headers:
            call.expire_in(int(headers[_TIMEOUT]))
        try:
            self._services.issuance.submit(wish, call.deliver)
        except LargesseError as error:
            call.deliver(error)


class _Call:
    """A call whose wish is on its way."""

    __slots__ = ("_asked", "_campaign", "_form", "_is_over", "_request_id", "_timer")

    def __init__(self, asked: Exchange, form: _Form, campaign: Campaign, request_id: str) -> None:
        self._asked = asked
        self._form = form
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
        if isinstance(ending, LargesseError):
            self._refuse(of_error(ending, problem_of_error(ending, self._request_id)))
        elif ending.outcome.success:
            assert ending.incentive is not None
            body = self._form.write(ending.incentive, ending.replayed)
            self._answer(200, self._form.content_type, body)
        else:
            known = known_of(ending, self._campaign) or Known()
            problem = problem_of_outcome(ending.outcome, self._request_id, known=known)
            self._refuse(of_outcome(ending.outcome, problem))

    def _refuse(self, refusal: Refusal) -> None:
        refused = refuse(refusal, Protocol.CONNECT)
        self._answer(refused.status, b"application/json", refused.body)

    def _answer(self, status: int, content_type: bytes, body: bytes) -> None:
        if self._is_over:
            return
        self._is_over = True
        head = _HEAD % (content_type, len(body), self._request_id.encode("ascii"))
        self._asked.answer(wire.STATUS_LINES[status] + head, body)
