"""The fast lane: hot requests answered in uvicorn's protocol, all others by the ASGI application.

`Lane` is uvicorn's protocol for one connection, with a second way through it. A request whose whole
target is in the desk's routes becomes a `HotExchange`, handed to its handler without scope, task or
framework. Whatever is unusual about a request sends it the long way, which answers the same.

Both ways keep one order. Hot requests run side by side and their answers wait in `waiting` for
those before them; behind an unfinished ASGI request they wait unstarted in uvicorn's `pipeline`
(RFC 9112 §9.3.2 forbids running unsafe requests in parallel), as do refusals such as 400.

What it relies on in uvicorn and httptools, which are pinned for it, is listed and checked in
`tests/http/test_lane_reliance.py`; why it exists, in `docs/decisions/0004-the-fast-lane.md`.
"""

import asyncio
import logging
import select
from collections import deque
from functools import partial
from typing import Any, ClassVar, Literal

import httptools
from msgspec import Struct
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from largesse.http import wire
from largesse.http.deadlines import Watch
from largesse.http.exchange import Desk, Exchange, Handler, Selective
from largesse.http.request_ids import REQUEST_ID, request_id_of
from largesse.http.rpc.refusals import of_server

_log = logging.getLogger(__name__)

UNUSUAL = frozenset(
    (b"expect", b"transfer-encoding", b"upgrade", b"content-encoding", b"te", b"trailer")
)
"""Headers that a hot request does not have: with one of them it goes to ASGI."""


class _Ended(Exception):  # noqa: N818 - no error: it stops the parser where we have heard enough
    """Nothing more is read from this connection."""


class _Unheard:
    """Where uvicorn wakes the reader of a request's body; a hot exchange has none."""

    def set(self) -> None:
        """Wake nobody."""


class HotExchange(Struct, eq=False):
    """A hot request on its connection: an exchange to its handler, a cycle to uvicorn."""

    message_event: ClassVar[_Unheard] = _Unheard()

    lane: "Lane"
    handler: Handler
    headers: dict[bytes, bytes]
    keep_alive: bool
    body: bytes = b""
    answered: tuple[bytes, bytes] | None = None
    response_complete: bool = False
    disconnected: bool = False

    def answer(self, head: bytes, body: bytes) -> None:
        """Send the answer when those of the requests before it are sent."""
        assert self.answered is None, "an exchange is answered once"
        self.answered = head, body
        waiting = self.lane.waiting
        if waiting and waiting[0] is self:
            self.lane.watch.send_soon(self.lane.send_answers, self.lane.loop)


def _answer(head: bytes, body: bytes, exchange: Exchange) -> None:
    exchange.answer(head, body)


def _has_unread(transport: asyncio.Transport) -> bool:
    """Whether something has come that the loop did not read yet.

    After a standstill its timers strike before it reads, and a close would destroy what is there.
    """
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Lane(HttpToolsProtocol):
    """One connection. Give uvicorn `http=functools.partial(Lane, desk, watch)`."""

    def __init__(self, desk: Desk, watch: Watch, **given: Any) -> None:  # noqa: ANN401 - what uvicorn passes
        super().__init__(**given)
        self.watch = watch
        self.limits = watch.limits
        self.feed_bytes_max = watch.limits.feed_bytes_max
        self.routes = desk.routes
        self.waiting: deque[HotExchange] = deque()
        # uvicorn's own queue, which holds hot exchanges and their handlers, too.
        self.queue: deque[tuple[Any, Any]] = self.pipeline
        self.hot: HotExchange | None = None
        self.asgi_running = False
        self.starting = False
        # Reading: what is being read, since when, and how much of it there was.
        self.phase: Literal["quiet", "head", "body"] = "quiet"
        self.since = 0.0
        self.head_bytes = 0
        self.body_bytes = 0
        self.stalled_since: float | None = None
        # Ending: `draining` lets one more request through, `ended` none. What is sent all the same
        # is heard out (`lingers`), because closing on it would destroy answers not yet read.
        self.draining = False
        self.ended = False
        self.lingers = False
        self.closing_since: float | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to watch the connection."""
        super().connection_made(transport)
        self.watch.join(self, self.loop)
        self.since = self.watch.now
        if self.watch.draining:
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; answers still to come find nobody waiting."""
        super().connection_lost(exc)
        self.watch.leave(self)
        self.waiting.clear()
        self.pipeline.clear()
        self.hot = None
        nothing: Any = None
        self.cycle = nothing  # A cycle and its connection would else hold each other.

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse; whatever goes wrong is answered in its turn."""
        if len(data) > self.feed_bytes_max:
            self._feed_in_pieces(memoryview(data))
            return
        if self.ended:
            self.lingers = True
            return
        headers = self.headers
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgrade()
        except httptools.HttpParserError as error:
            if not self.ended:
                self._refuse(self._problem_of(error))
        if self.phase == "head" and self.headers is headers:  # all of it belongs to one head
            self._count_head(len(data))

    def _feed_in_pieces(self, data: memoryview) -> None:
        step = self.feed_bytes_max
        for start in range(0, len(data), step):
            self.data_received(data[start : start + step])

    def _count_head(self, count: int) -> None:
        """Count what the parser keeps to itself until the headers are complete."""
        self.head_bytes += count
        if self.head_bytes > self.limits.header_bytes_max:
            self._refuse(wire.HEADERS_TOO_LARGE)

    def _problem_of(self, error: httptools.HttpParserError) -> wire.Problem:
        """Tell a bad client from a bug: the parser reports both as errors of its own."""
        cause = error.__context__
        is_ours = isinstance(error, httptools.HttpParserCallbackError) and not isinstance(
            cause, httptools.HttpParserError | UnicodeError
        )
        if is_ours:
            _log.error("A fault while a request was read", exc_info=cause)
        return wire.INTERNAL_ERROR if is_ours else wire.MALFORMED

    def _upgrade(self) -> None:
        """Leave the connection to the WebSocket, or answer what asked for another protocol."""
        self.ended = True  # What follows is no HTTP/1.1 to the parser.
        if self._should_upgrade():
            self.watch.leave(self)
            self.handle_websocket_upgrade()
        else:
            self.cycle.keep_alive = False

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """Collect anew."""
        self.url = b""
        self.headers = []
        self.head_bytes = 0
        self.phase = "head"
        self.since = self.watch.now

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect; nothing is decided before all headers are there."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Decide which way the request goes: here its target is whole for the first time."""
        handler = self.routes.get(self.url)
        if handler is not None:
            headers = dict(self.headers)
            if self._is_plain(headers) and (
                type(handler) is not Selective or handler.takes(headers)
            ):
                exchange: Any = HotExchange(self, handler, headers, not self.draining)
                self.cycle = self.hot = exchange
                self.phase = "body"
                self.since = self.watch.now
                return
        self.hot = None
        self._pass_to_asgi()

    def _is_plain(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a request to a hot target has nothing about it that only ASGI handles."""
        parser = self.parser
        return (
            len(headers) == len(self.headers)
            and self.head_bytes <= self.feed_bytes_max
            and UNUSUAL.isdisjoint(headers)
            and parser.get_method() == b"POST"
            and parser.should_keep_alive()
            and (
                b"connection" not in headers
                or (
                    headers[b"connection"].lower() == b"keep-alive"
                    and parser.get_http_version() == "1.1"
                )
            )
        )

    def _pass_to_asgi(self) -> None:
        """Let uvicorn see the request as if it had come straight from the parser."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        problem = self._problem_with(dict(headers))
        if problem is not None:
            self._refuse(problem)
            raise _Ended
        super().on_headers_complete()
        if self.draining and self._is_busy():
            self.cycle.keep_alive = False
        self.phase = "body"
        self.since = self.watch.now
        self.body_bytes = 0

    def _problem_with(self, headers: dict[bytes, bytes]) -> wire.Problem | None:
        """Why a request is refused by its head alone."""
        head_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head_bytes > self.limits.header_bytes_max:
            return wire.HEADERS_TOO_LARGE
        length = int(headers.get(b"content-length", b"0"))
        if length > self.limits.body_bytes_max:
            return wire.BODY_TOO_LARGE
        if self.parser.should_upgrade():
            # A body before a change of protocol is lost in uvicorn, and a WebSocket's handshake is
            # answered at once, before the answers that it would have to wait for.
            has_body = length > 0 or b"transfer-encoding" in headers
            would_overtake = self._should_upgrade() and self._is_busy()
            if has_body or would_overtake:
                return wire.UPGRADE_REFUSED
        return None

    def on_body(self, body: bytes) -> None:
        """Collect the body of a hot request, or pass it on."""
        exchange = self.hot
        if exchange is None:
            super().on_body(body)
            self.body_bytes += len(body)
            if self.body_bytes > self.limits.body_bytes_max:
                self._refuse(wire.BODY_TOO_LARGE)
                raise _Ended
            return
        if exchange.body:
            exchange.body += body
        else:
            exchange.body = body
        if len(exchange.body) > self.limits.body_bytes_max:
            self._refuse(wire.BODY_TOO_LARGE)
            raise _Ended

    def on_message_complete(self) -> None:
        """Hand a hot request over, or queue it behind an unfinished ASGI request."""
        self.phase = "quiet"
        exchange = self.hot
        if exchange is None:
            super().on_message_complete()
        else:
            self.hot = None
            self._take(exchange)
        if self.draining:
            self.ended = True
            raise _Ended

    # The order

    def _take(self, exchange: HotExchange) -> None:
        if self.asgi_running or self.pipeline:
            self.flow.pause_reading()
            self.queue.appendleft((exchange, exchange.handler))
            return
        self.waiting.append(exchange)
        self._hand_over(exchange)
        if len(self.waiting) >= self.limits.in_flight_max:
            self.flow.pause_reading()

    def _hand_over(self, exchange: HotExchange) -> None:
        try:
            exchange.handler(exchange)
        except Exception:  # noqa: BLE001 - a bug must reach the log and the client, not the parser
            _log.exception("A hot request met a fault")
            if exchange.answered is None:
                request_id = self._request_id(exchange)
                exchange.answer(*wire.problem_answer(wire.INTERNAL_ERROR, request_id))

    def send_answers(self) -> None:
        """Send what is answered, from the oldest request to the first that is not."""
        waiting, watch = self.waiting, self.watch
        while waiting and (answered := waiting[0].answered):
            exchange = waiting.popleft()
            exchange.response_complete = True
            self.server_state.total_requests += 1
            head, body = answered
            if watch.cross_origin is not None and b"origin" in exchange.headers:
                head += watch.cross_origin(exchange.headers)
            if not exchange.keep_alive:
                self._send_last(head, body)
                return
            self.transport.write(b"".join((head, watch.head_end, body)))
        self.since = watch.now
        if not waiting and self.pipeline:
            self._start_next()
        if self.flow.read_paused:
            self._resume_reading()

    def _start_next(self) -> None:
        """Start what waited, as far as the order allows."""
        if self.starting:  # An answer given at once comes back here from below.
            return
        self.starting = True
        while self.pipeline and not self.asgi_running:
            cycle, app = self.queue[-1]
            if isinstance(cycle, HotExchange):
                self.queue.pop()
                self.waiting.append(cycle)
                self._hand_over(cycle)
            elif self.waiting:
                break
            else:
                self.queue.pop()
                self._start_asgi_task(cycle, app)
        self.starting = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.asgi_running = True
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on after an answer of the ASGI application; the sweep replaces uvicorn's timer."""
        self.server_state.total_requests += 1
        self.asgi_running = False
        self.since = self.watch.now
        if not self.transport.is_closing():
            self._start_next()
            self._resume_reading()

    # Flow

    def pause_writing(self) -> None:
        """Take no more requests from a client that does not read our answers."""
        super().pause_writing()
        self.flow.pause_reading()
        self.stalled_since = self.watch.now

    def resume_writing(self) -> None:
        """Go on with a client that reads again."""
        super().resume_writing()
        self.stalled_since = None
        self._resume_reading()

    def _resume_reading(self) -> None:
        has_room = 2 * len(self.waiting) <= self.limits.in_flight_max and not self.pipeline
        if has_room and not self.flow.write_paused:
            self.flow.resume_reading()

    # Ends

    def check(self) -> None:
        """Act on whatever is overdue; the sweep's question to every connection."""
        overdue, limits = self.watch.overdue, self.limits
        if self.closing_since is not None:
            if overdue(self.closing_since, limits.linger_s_max):
                self.transport.abort()
        elif self.transport.is_closing():
            self.closing_since = self.watch.now
        elif self.stalled_since is not None:
            if overdue(self.stalled_since, limits.stall_s_max):
                self.transport.abort()
        elif self.phase == "quiet":
            if overdue(self.since, limits.idle_s_max):
                self._close_if_idle()
        elif self.flow.read_paused:
            self.since = self.watch.now  # We keep the client from sending.
        elif overdue(self.since, self._read_s_max()):
            self._refuse(wire.REQUEST_TIMEOUT)

    def _read_s_max(self) -> float:
        if self.phase == "head":
            return self.limits.header_s_max
        body_bytes = self.body_bytes if self.hot is None else len(self.hot.body)
        return self.limits.body_s_max + body_bytes / self.limits.body_bytes_per_s_min

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def send_400_response(self, msg: str) -> None:
        """Refuse in turn: written at once, it would pass for the answer to a claim in flight."""
        self._refuse(wire.MALFORMED)

    def _refuse(self, problem: wire.Problem) -> None:
        """Answer the request being read with a problem, in its turn, as the last one."""
        self.watch.refused[problem.code] += 1
        self.ended = self.lingers = True
        was_body, self.phase, self.hot = self.phase == "body", "quiet", None
        if was_body and isinstance(self.cycle, RequestResponseCycle) and not self._withdraw():
            return
        content_type = dict(self.headers or ()).get(b"content-type", b"")
        answer = of_server(problem, self._request_id(None), self.url, content_type)
        handler = partial(_answer, *answer)
        exchange: Any = HotExchange(self, handler, {}, keep_alive=False)
        self.cycle = exchange
        self._take(exchange)

    def _withdraw(self) -> bool:
        """Take the request being read back from ASGI; false where its answer has begun."""
        cycle = self.cycle
        if self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
            return True
        if cycle.response_started:
            self.transport.close()
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        self.asgi_running = False
        return True

    def _request_id(self, exchange: HotExchange | None) -> str:
        headers = dict(self.headers or ()) if exchange is None else exchange.headers
        return request_id_of(headers.get(REQUEST_ID), self.watch.new_request_id)

    def _send_last(self, head: bytes, body: bytes) -> None:
        """Send the last answer and end; what the client still sends is heard out if it must be.

        While draining it must be: whoever did not know may have sent more requests already, and
        a close upon unread bytes is a reset, which destroys answers that are on their way.
        """
        end = b"connection: close\r\n" + self.watch.head_end
        self.transport.write(b"".join((head, end, body)))
        if (self.lingers or self.draining) and self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
            self.closing_since = self.watch.now
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """End after the last request that has arrived, or that may be on its way."""
        self.draining = True
        if self._is_busy():
            self.cycle.keep_alive = False
            self.ended = self.phase != "body"
        else:
            self.loop.call_later(self.limits.drain_s_max, self._close_if_idle)

    def _close_if_idle(self) -> None:
        """Close where nothing is awaited, nothing has begun to come, and nothing lies unread."""
        is_idle = self.phase == "quiet" and not self._is_busy() and not self.transport.is_closing()
        if is_idle and not _has_unread(self.transport):
            self.transport.close()
