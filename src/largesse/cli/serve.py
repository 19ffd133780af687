"""`largesse serve`: a server from its settings to its clean end."""

import gc
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

import uvloop
from cyclopts import Parameter

from largesse.cli.documents import to_json
from largesse.cli.lean import left_out

with left_out("rich"):  # 3 MB in every server, for tracebacks that its log shows plainly
    import structlog  # here first, for all that import it below

from largesse.cli.listening import bind
from largesse.cli.logs import set_up_logs
from largesse.cli.options import KEY_VARIABLE, Chosen
from largesse.http.server import Companion, Listening, make_companion, make_server
from largesse.settings.tree import Settings
from largesse.wiring.application import Older, open_application

_log = structlog.get_logger(__name__)
_UNCHOSEN = Chosen()

_WELCOME = """
The ledger is new. This is its admin key, shown this once:

  {key}

A first campaign of a hundred coupons, and a first claim:

  export {variable}={key}
  CAMPAIGN=$(curl -s {url}/api/v1/campaigns \\
    -H "Authorization: Bearer ${variable}" -H "Idempotency-Key: first-campaign" \\
    -H "Content-Type: application/json" \\
    -d '{{"name":"First","starts_at":"2026-01-01T00:00:00Z","activate":true,"per_customer_max":1,
         "rewards":[{{"key":"STANDARD","kind":"COUPON","quota_total":100,
                     "value":{{"amount":500,"currency":"KRW"}}}}]}}' \\
    | grep -o 'camp_[0-9a-z]*' | head -n 1)
  curl {url}/api/v1/campaigns/$CAMPAIGN/claims \\
    -H "Authorization: Bearer ${variable}" -H "Idempotency-Key: first-claim" \\
    -H "Content-Type: application/json" -d '{{"customer_id":"u-1"}}'
"""


YOUNG_OBJECTS_MAX = 20_000
"""Objects made and not let go before a collection looks for cycles: several batches of claims."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server says on standard output once it listens; its first line is the address.

    `beside` are the addresses of the other listeners, by what they answer.
    """

    first_key: str | None
    beside: Mapping[str, str]
    json: bool

    def say(self, host: str, port: int) -> None:
        """Tell the address and, the first time, the admin key, in one piece.

        Whoever started the server may have left with the address: it serves all the same.
        """
        with suppress(BrokenPipeError):
            sys.stdout.write(self._text(_url(host, port)))
            sys.stdout.flush()
        # What exists now stays to the end: no collection needs to look at it again. And a batch of
        # claims holds some thousands of objects for a moment, none of them in a cycle.
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS_MAX)

    def _text(self, url: str) -> str:
        if self.json:
            beside = {f"{name}_url": url for name, url in self.beside.items()}
            return to_json({"url": url, **beside, "admin_key": self.first_key})
        lines = [url, *(f"{name}: {url}" for name, url in self.beside.items())]
        if self.first_key is not None:
            lines.append(_WELCOME.format(url=url, key=self.first_key, variable=KEY_VARIABLE))
        return "\n".join(lines) + ("\n" if self.first_key is None else "")


def _in_url(host: str) -> str:
    """An address as URLs spell it (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host


def _url(host: str, port: int) -> str:
    return f"http://{_in_url(host)}:{port}"


def serve(
    *, chosen: Chosen = _UNCHOSEN, json: Annotated[bool, Parameter(parse=False)] = False
) -> None:
    """Run a server until SIGTERM or Ctrl-C; the first line that it prints is its address."""
    settings = chosen.load().settings
    set_up_logs(settings.log, sys.stderr, [settings.admin_key] if settings.admin_key else [])
    server, rpc = settings.server, settings.rpc
    with ExitStack() as stack:
        main = stack.enter_context(closing(bind(server.host, server.port)))
        older = None
        if rpc.compat_port is not None:
            bound = bind(rpc.compat_host, rpc.compat_port, "--compat-port")
            older = stack.enter_context(closing(bound))
        uvloop.run(_serve(settings, main, older, json=json))


async def _serve(
    settings: Settings, main: socket.socket, older: socket.socket | None, *, json: bool
) -> None:
    listening = Listening(
        settings.server.host, settings.server.port, drain_s_max=settings.server.drain_s_max
    )
    async with open_application(settings) as application:
        companions: list[Companion] = []
        beside: dict[str, str] = {}
        if application.grpc is not None:
            companions.append(application.grpc)
            beside["grpc"] = _url(*application.grpc.address)
        if application.older is not None:
            assert older is not None
            companions.append(_companion(application.older, older, settings.server.drain_s_max))
            beside["compat"] = _url(*older.getsockname()[:2])
        greeting = Greeting(application.first_key, beside, json)
        server = make_server(
            application.asgi, application.desk, application.watch, listening, greeting.say
        )
        await server.serve_all(main, companions)


def _companion(older: Older, bound: socket.socket, drain_s_max: int) -> Companion:
    _warn_of_strangers(bound)
    return make_companion(older.asgi, older.desk, older.watch, bound, drain_s_max)


def _warn_of_strangers(bound: socket.socket) -> None:
    """Say in the log that whoever reaches the listener may claim and read without a key."""
    host = bound.getsockname()[0]
    if not ip_address(host).is_loopback:
        _log.warning("compat listener open", host=host, risk="it asks nobody for a key")
