"""The ceiling of the bench: the lane, a parse and a constant answer, with no ledger behind it."""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
import uvloop

from largesse.http import wire
from largesse.http.deadlines import LaneLimits, Watch
from largesse.http.exchange import Exchange, Handler
from largesse.http.server import Listening, make_server

Loose = Any  # ASGI's dictionaries and callables

TARGET = b"/api/v1/campaigns/camp_00000000000000000000000000/claims"

_BODY = msgspec.json.encode(
    {
        "outcome": "ISSUED",
        "incentive": {
            "id": "inc_00000000000000000000000000",
            "campaign_id": "camp_00000000000000000000000000",
            "reward": "STANDARD",
            "customer_id": "abcdefghijklmnopqr",
            "code": "나사4831바코07",
            "serial": 1,
            "status": "ISSUED",
            "value": {"amount": 500, "currency": "KRW"},
            "issued_at": "2026-12-01T00:00:00.000Z",
            "expires_at": None,
        },
    }
)
_HEAD = wire.head(
    201,
    (
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(_BODY)),
    ),
)
_NO_KEY = wire.Problem(400, "KEY_REQUIRED", "Key required", "A claim has an API key and its own.")
_BAD_BODY = wire.Problem(
    422, "INVALID", "Invalid body", "The body is not an object with a customer_id."
)


class ClaimBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a claim."""

    customer_id: str
    reward: str | None = None


class EchoDesk:
    """A desk that reads a claim as carefully as the true one and answers always the same."""

    def __init__(self) -> None:
        self.routes: Mapping[bytes, Handler] = {TARGET: self.claim}
        self._decode = msgspec.json.Decoder(ClaimBody).decode

    def claim(self, exchange: Exchange) -> None:
        """Answer 201; 400 without a key of either kind, 422 where the body is no claim."""
        headers = exchange.headers
        if b"authorization" not in headers or b"idempotency-key" not in headers:
            exchange.answer(*wire.problem_answer(_NO_KEY, "req_echo"))
            return
        try:
            self._decode(exchange.body)
        except msgspec.MsgspecError:
            exchange.answer(*wire.problem_answer(_BAD_BODY, "req_echo"))
            return
        exchange.answer(_HEAD, _BODY)


async def _nothing(_scope: Loose, receive: Loose, send: Loose) -> None:
    """The application beside the desk: it starts and ends, and has no routes."""
    if (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    head = (b"content-length", b"0")
    await send({"type": "http.response.start", "status": 404, "headers": [head]})
    await send({"type": "http.response.body", "body": b""})


async def main() -> None:
    """Serve on a free port, told on standard output, until a signal."""
    watch = Watch(LaneLimits(), lambda: "req_" + secrets.token_hex(13))
    server = make_server(
        _nothing,
        EchoDesk(),
        watch,
        Listening(port=0),
        lambda host, port: print(f"http://{host}:{port}", flush=True),  # noqa: T201 - for the bench
    )
    await server.serve()


if __name__ == "__main__":
    uvloop.run(main())
