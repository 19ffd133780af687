"""The end: everything taken is answered, nothing more is taken, and the server returns."""

import asyncio
import gc
import signal
import sys
import weakref
from typing import cast

import pytest
from lane_stage import CLAIMS, ECHO, TIGHT, Stage, Way, claim, reply, stage
from raw_http import connected, request

from largesse.bench.echo import TARGET
from largesse.http.deadlines import LaneLimits
from largesse.http.lane import Lane

both_ways = pytest.mark.parametrize("way", ["lane", "asgi"])


def connections_of(served: Stage) -> list[Lane]:
    """All connections, as the server has them."""
    return [cast("Lane", connection) for connection in served.server.server_state.connections]


def begin_to_end(served: Stage) -> None:
    """What uvicorn's server does first: ask every connection to end."""
    for connection in connections_of(served):
        connection.shutdown()


@both_ways
async def test_what_is_in_flight_is_answered(way: Way) -> None:
    """Pipelined requests too; the last answer says that the connection ends."""
    async with stage(way) as served, served.connect() as client, served.connect() as other:
        await client.send(claim(b"1") + claim(b"2"))
        exchanges = [await served.desk.next()]
        await other.send(request("POST", "/hold", (), b"x"))
        while await served.app.requests.get() != "/hold":
            pass
        begin_to_end(served)
        ending = asyncio.create_task(served.end())
        reply(exchanges[0])
        reply(await served.desk.next())
        served.app.go_on.set()

        first, second = await client.read(), await client.read()
        assert (first.body, second.body) == (b"1", b"2")
        assert "connection" not in first.headers
        assert second.headers["connection"] == "close"
        assert (await other.read()).headers["connection"] == "close"
        assert await client.is_ended()
        await ending


@both_ways
async def test_a_request_on_its_way_is_served(way: Way) -> None:
    """An idle connection has a moment: its client could not know."""
    async with stage(way) as served, served.connect() as client:
        await client.ask(claim(b"1", ECHO))
        begin_to_end(served)
        answer = await client.ask(claim(b"2", ECHO))

        assert (answer.status, answer.headers["connection"]) == (201, "close")
        assert await client.is_ended()


@both_ways
async def test_an_idle_connection_ends_after_its_moment(way: Way) -> None:
    """Nothing came, so nothing is lost; the long idle limit plays no part."""
    limits = LaneLimits(drain_s_max=0.2)
    async with stage(way, limits) as served, served.connect() as client:
        await client.ask(claim(b"1", ECHO))
        loop = asyncio.get_running_loop()
        start = loop.time()
        begin_to_end(served)
        assert await client.is_ended()
        assert 0.15 <= loop.time() - start < 2


@both_ways
async def test_what_came_during_a_standstill_is_served(way: Way) -> None:
    """The moment is over before the loop has read what came in it: timers strike first."""
    async with stage(way) as served, served.connect() as client:
        await client.ask(claim(b"1", ECHO))
        [connection] = connections_of(served)
        connection.shutdown()
        client.writer.write(claim(b"2", ECHO))  # sent, and the loop has had no turn to read it
        connection._close_if_idle()

        answer = await client.read()
        assert (answer.status, answer.headers["connection"]) == (201, "close")
        assert await client.is_ended()


@both_ways
async def test_a_head_that_has_begun_is_waited_for(way: Way) -> None:
    """The rest of it is on its way; a slow client has the usual time."""
    async with stage(way) as served, served.connect() as client:
        data = claim(b"1", ECHO)
        await client.send(data[:20])
        async with served.connect() as other:
            await other.ask(request("GET", "/page"))
        begin_to_end(served)
        for connection in connections_of(served):
            connection._close_if_idle()

        answer = await client.ask(data[20:])
        assert (answer.status, answer.headers["connection"]) == (201, "close")


@both_ways
async def test_what_follows_the_last_request_is_not_taken(way: Way) -> None:
    """A wish that could not be answered any more is not taken at all."""
    async with stage(way) as served, served.connect() as client:
        await client.send(claim(b"1"))
        exchange = await served.desk.next()
        begin_to_end(served)
        await client.send(claim(b"2", ECHO))
        async with served.connect() as other:  # The second claim has been read by now.
            await other.ask(request("GET", "/page"))
        reply(exchange)

        assert (await client.read()).headers["connection"] == "close"
        assert await client.is_ended()
        assert served.desk.taken == 1


@both_ways
async def test_a_late_pair_ends_with_its_first_request(way: Way) -> None:
    """The moment of an idle connection is for one request, not for all that was pipelined."""
    async with stage(way) as served, served.connect() as client:
        await client.ask(claim(b"1", ECHO))
        begin_to_end(served)
        await client.send(claim(b"2", ECHO) + claim(b"3", ECHO))

        assert (await client.read()).headers["connection"] == "close"
        assert await client.is_ended()
        assert served.desk.taken == 2


@both_ways
async def test_a_half_sent_body_may_be_completed(way: Way) -> None:
    """Its head was there before the end began."""
    async with stage(way) as served, served.connect() as client:
        data = claim(b"{}", ECHO)
        await client.send(data[:-1])
        async with served.connect() as other:
            await other.ask(request("GET", "/page"))
        begin_to_end(served)
        answer = await client.ask(data[-1:])

        assert (answer.status, answer.headers["connection"]) == (201, "close")


@both_ways
async def test_a_connection_made_while_we_end_gets_one_answer(way: Way) -> None:
    """The system had accepted it before we stopped listening."""
    async with stage(way) as served:
        served.watch.draining = True
        async with served.connect() as client:
            answer = await client.ask(claim(b"1", ECHO))
            assert (answer.status, answer.headers["connection"]) == (201, "close")
            assert await client.is_ended()


async def test_the_end_is_known_where_nobody_is_connected() -> None:
    """Who is accepted in the tick of the signal is no connection yet that could be asked to end."""
    async with stage() as served:
        await served.end()
        assert served.watch.draining


@both_ways
async def test_the_end_waits_for_wishes_whose_clients_have_gone(way: Way) -> None:
    """Nobody holds them but the desk; the lifespan's end is where it finishes them."""
    async with stage(way, TIGHT) as served:
        served.app.settled.clear()
        async with served.connect() as client:
            await client.send(claim(b"1"))
            exchange = await served.desk.next()
            client.abort()
        served.server.should_exit = True
        done, _ = await asyncio.wait([served.run], timeout=0.5)
        assert not done
        reply(exchange)
        served.app.settled.set()
        await served.end()


@both_ways
async def test_under_full_load_answers_equal_wishes(way: Way) -> None:
    """Of thirty busy clients each gets an answer to all that was taken of it, to the last."""
    answered = 0

    async def keep_asking(served: Stage) -> None:
        nonlocal answered
        async with served.connect() as client:
            while True:
                answer = await client.ask(claim(b"1"))
                answered += answer.status == 201
                if "connection" in answer.headers:
                    return

    async def settle(served: Stage) -> None:
        loop = asyncio.get_running_loop()
        while True:
            loop.call_soon(reply, await served.desk.arrived.get())

    async with stage(way) as served:
        settling = asyncio.create_task(settle(served))
        asking = [asyncio.create_task(keep_asking(served)) for _ in range(30)]
        while served.desk.taken < 2_000:
            await asyncio.wait(asking, timeout=0.01)
        await served.end()
        await asyncio.gather(*asking)
        settling.cancel()
        assert answered == served.desk.taken


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_cleanly(number: signal.Signals) -> None:
    """Status 0 after the last answer: uvicorn alone would die of the signal it has handled."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "largesse.bench.echo", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    address = (await process.stdout.readline()).decode()
    async with connected(int(address.rsplit(":", 1)[1])) as client:
        data = claim(b'{"customer_id":"u-1"}', TARGET.decode())
        assert (await client.ask(data)).json()["outcome"] == "ISSUED"
        process.send_signal(number)
        assert await client.is_ended()
    assert await process.wait() == 0


@both_ways
async def test_a_connection_leaves_nothing_behind(way: Way) -> None:
    """Also without a garbage collector, which a server that counts microseconds may switch off."""
    gc.disable()
    try:
        async with stage(way) as served:
            async with served.connect() as client:
                await client.send(claim(b"1", ECHO) + request("GET", "/page") + claim(b"2"))
                (connection,) = served.server.server_state.connections
                gone = asyncio.Event()
                weakref.finalize(connection, gone.set)
                del connection
                exchange = await served.desk.next()
            async with served.connect() as other:
                await other.ask(claim(b"3", ECHO))
            reply(exchange)
            del exchange
            async with asyncio.timeout(10):
                await gone.wait()
    finally:
        gc.enable()


async def test_claims_go_on_during_a_drain_elsewhere() -> None:
    """One connection that ends leaves the others' order alone."""
    async with stage() as served, served.connect() as client, served.connect() as other:
        await client.send(claim(b"1", CLAIMS))
        exchange = await served.desk.next()
        await other.ask(claim(b"2", ECHO))
        begin_to_end(served)
        assert (await other.ask(claim(b"3", ECHO))).body == b"3"
        reply(exchange)
        assert (await client.read()).body == b"1"


async def test_bytes_unread_at_the_end_destroy_no_answer() -> None:
    """A request that nobody reads any more makes no reset of the end: the answer before it stays.

    A close upon unread bytes would be one, and would take along what the client has not read yet.
    """
    async with stage(limits=LaneLimits(in_flight_max=1)) as served, served.connect() as client:
        await client.send(claim())
        held = await served.desk.next()
        await client.send(claim())
        begin_to_end(served)
        reply(held)
        assert (await client.read()).headers["connection"] == "close"
        assert await client.reader.read() == b""
