"""Answers leave in the order of the requests, whatever kind they are."""

import asyncio
import dataclasses
import random
from typing import Any

import pytest
from lane_stage import CLAIMS, ECHO, TIGHT, Stage, claim, reply, stage
from raw_http import RawClient, request

from largesse.http.deadlines import LaneLimits

WEBSOCKET = request(
    "GET",
    "/ws",
    (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("Sec-WebSocket-Version", "13"),
    ),
)


class Switched(asyncio.Protocol):
    """Stands for a WebSocket library: says that it took over, and echoes."""

    def __init__(self, **_: object) -> None:
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Agree to the handshake, echo afterwards."""
        is_handshake = data.startswith(b"GET /ws ")
        self.transport.write(b"HTTP/1.1 101 Switched\r\n\r\n" if is_handshake else data)


async def test_hot_requests_run_side_by_side_and_are_answered_in_order() -> None:
    """A later claim may be settled first; its answer waits for the earlier ones."""
    async with stage() as served, served.connect() as client:
        await client.send(b"".join(claim(b"%d" % number) for number in range(3)))
        first, second, third = [await served.desk.next() for _ in range(3)]
        for exchange in (third, second, first):
            reply(exchange)

        assert [(await client.read()).body for _ in range(3)] == [b"0", b"1", b"2"]


async def test_five_hundred_pipelined_claims_in_any_order_of_settling() -> None:
    """The deque holds under load: 500 claims, settled in a random order, answered in theirs."""
    async with stage(limits=LaneLimits(in_flight_max=1_000)) as served, served.connect() as client:
        await client.send(b"".join(claim(b"%d" % number) for number in range(500)))
        exchanges = [await served.desk.next() for _ in range(500)]
        random.Random(7).shuffle(exchanges)
        for exchange in exchanges:
            reply(exchange)

        assert [int((await client.read()).body) for _ in range(500)] == list(range(500))


async def test_three_hundred_mixed_requests() -> None:
    """Hot at once, hot and held, ASGI and chunked, all in one stream: answered in order."""
    kinds = (
        lambda body: claim(body, ECHO),
        lambda body: claim(body, CLAIMS),
        lambda body: request("POST", "/page", (), body),
        lambda body: claim(body, ECHO, ("TE", "trailers")),
    )
    dice = random.Random(11)
    data = [dice.choice(kinds)(b"%d" % number) for number in range(300)]

    async def settle(served: Stage) -> None:
        while True:
            reply(await served.desk.arrived.get())

    async with stage() as served, served.connect() as client:
        settling = asyncio.create_task(settle(served))
        client.writer.write(b"".join(data))
        bodies = [(await client.read()).body for _ in range(300)]
        settling.cancel()

    seen = [
        int(body) if body.isdigit() else int(body.split(b'"body": "')[1][:-2]) for body in bodies
    ]
    assert seen == list(range(300))


async def test_a_hot_request_waits_for_the_asgi_request_before_it() -> None:
    """Unsafe requests on one connection do not run in parallel."""
    async with stage() as served, served.connect() as client:
        await client.send(request("POST", "/hold", (), b"x") + claim(b"1", ECHO))
        assert await served.app.requests.get() == "/hold"
        async with served.connect() as other:  # Both requests have been read by now.
            await other.ask(claim(b"2", ECHO))
        assert served.desk.taken == 1
        served.app.go_on.set()

        assert (await client.read()).json()["path"] == "/hold"
        assert (await client.read()).body == b"1"


async def test_an_asgi_request_waits_for_the_hot_requests_before_it() -> None:
    """The application is not even started before the claims ahead are answered."""
    async with stage() as served, served.connect() as client:
        await client.send(claim(b"1") + claim(b"2") + request("GET", "/page") + claim(b"3"))
        first, second = await served.desk.next(), await served.desk.next()
        reply(second)
        async with served.connect() as other:
            await other.ask(request("GET", "/other"))
        assert served.app.started == 1
        reply(first)

        assert [(await client.read()).body for _ in range(2)] == [b"1", b"2"]
        assert (await client.read()).json()["path"] == "/page"
        reply(await served.desk.next())
        assert (await client.read()).body == b"3"


async def test_an_asgi_request_waits_for_hot_requests_that_waited_themselves() -> None:
    """Asgi, hot, asgi: the last does not start with the second, it follows its answer."""
    async with stage() as served, served.connect() as client:
        page = request("GET", "/page")
        await client.send(request("POST", "/hold", (), b"x") + claim(b"1") + page)
        assert await served.app.requests.get() == "/hold"
        served.app.go_on.set()
        exchange = await served.desk.next()
        async with served.connect() as other:
            await other.ask(request("GET", "/other"))
        assert served.app.started == 2
        reply(exchange)

        assert (await client.read()).json()["path"] == "/hold"
        assert (await client.read()).body == b"1"
        assert (await client.read()).json()["path"] == "/page"


async def test_many_queued_hot_requests_do_not_deepen_the_stack() -> None:
    """A thousand echoes behind one page are started in a loop, not by recursion."""
    async with stage() as served, served.connect() as client:
        await client.send(request("POST", "/hold", (), b"x"))
        await served.app.requests.get()
        client.writer.write(b"".join(claim(b"%d" % number, ECHO) for number in range(1_500)))
        served.app.go_on.set()

        assert (await client.read()).status == 200
        assert [int((await client.read()).body) for _ in range(1_500)] == list(range(1_500))


@pytest.mark.parametrize(
    "held", [claim(b"1"), request("POST", "/hold", (), b"x")], ids=["hot", "asgi"]
)
async def test_a_bad_request_is_refused_in_its_turn(held: bytes) -> None:
    """Written at once, the 400 would pass for the answer to the claim in flight."""
    async with stage() as served, served.connect() as client:
        await client.send(held + b"GARBAGE\r\n\r\n" + claim(b"2", ECHO))
        async with served.connect() as other:
            await other.ask(claim(b"3", ECHO))
        if held.startswith(b"POST /hold"):
            served.app.go_on.set()
            assert (await client.read()).json()["path"] == "/hold"
        else:
            reply(await served.desk.next())
            assert (await client.read()).body == b"1"

        assert (await client.read()).json()["code"] == "MALFORMED"
        assert await client.is_ended()
        assert served.desk.taken <= 2


async def test_a_websocket_alone_is_taken_over() -> None:
    """Without anything in flight an upgrade works, also after requests on the same connection."""
    async with stage() as served:
        served.server.config.ws_protocol_class = Switched
        async with served.connect() as client:
            await client.ask(claim(b"1", ECHO))
            assert (await client.ask(WEBSOCKET)).status == 101
            await client.send(b"frame")
            assert await client.reader.readexactly(5) == b"frame"


async def test_what_follows_a_websocket_handshake_is_not_parsed() -> None:
    """More than one feed of it in the same read: nobody answers it with 400 on a WebSocket."""
    async with stage() as served:
        served.server.config.ws_protocol_class = Switched
        async with served.connect() as client:
            assert (await client.ask(WEBSOCKET + b"x" * 60_000)).status == 101
            await client.send(b"frame")
            assert await client.reader.readexactly(5) == b"frame"


async def test_a_websocket_behind_a_claim_is_refused() -> None:
    """Its 101 would overtake the claim's answer."""
    async with stage() as served:
        served.server.config.ws_protocol_class = Switched
        async with served.connect() as client:
            await client.send(claim(b"1") + WEBSOCKET)
            reply(await served.desk.next())

            assert (await client.read()).body == b"1"
            assert (await client.read()).json()["code"] == "UPGRADE_REFUSED"
            assert await client.is_ended()


async def taken_at_rest(served: Stage, client: RawClient) -> int:
    """How many claims the server takes of a client that sends far more than it may."""
    client.writer.write(claim(b"1") * 20_000)
    await served.desk.next()
    taken = 0
    async with served.connect() as other:
        while taken < served.desk.taken:
            taken = served.desk.taken
            for _ in range(10):
                await other.ask(request("GET", "/page"))
    return taken


async def test_reading_stops_with_too_much_in_flight() -> None:
    """What one client can have waiting is bounded: the limit, and the rest of one read."""
    most = 128 + 256 * 1024 // len(claim(b"1")) + 1
    async with stage(limits=LaneLimits(in_flight_max=128)) as served, served.connect() as client:
        assert 128 <= await taken_at_rest(served, client) <= most

    control = LaneLimits(in_flight_max=1_000_000)
    async with stage(limits=control) as served, served.connect() as client:
        assert await taken_at_rest(served, client) > most


async def test_reading_goes_on_when_half_is_answered() -> None:
    """A paused client is heard again, and all of its claims are answered."""
    total = 5_000
    async with stage() as served, served.connect() as client:
        client.writer.write(claim(b"1") * total)

        async def settle() -> None:
            for _ in range(total):
                reply(await served.desk.next())

        settling = asyncio.create_task(settle())
        answers = [(await client.read()).status for _ in range(total)]
        await settling
        assert answers == [201] * total


async def test_a_client_that_we_do_not_read_is_not_late() -> None:
    """While too much is in flight we stop reading; what is late then is late through us."""
    limits = dataclasses.replace(TIGHT, in_flight_max=1)
    async with stage(limits=limits) as served, served.connect() as client:
        await client.send(claim(b"1") + claim(b"2", ECHO)[:-1])
        exchange = await served.desk.next()
        for _ in range(2):  # Each takes as long as a body may.
            async with served.connect() as silent:
                assert await silent.is_ended()
        await client.send(b"2")
        reply(exchange)

        assert [(await client.read()).body for _ in range(2)] == [b"1", b"2"]
