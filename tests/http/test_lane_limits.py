"""How long and how much a client may keep us busy; on the lane and on plain ASGI."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from lane_stage import ECHO, REQUEST_ID, TIGHT, Stage, Way, claim, reply, stage
from raw_http import RawClient, Response, request

from largesse.http.deadlines import LaneLimits

MIB = 1024 * 1024
EARLY_S = 2 * TIGHT.sweep_s
LATE_S = 1.0
"""For a busy machine; without a deadline nothing would come at all."""

pytestmark = pytest.mark.parametrize("way", ["lane", "asgi"])


async def seconds_until_the_end(client: RawClient) -> float:
    """How long the server keeps a connection on which we say nothing more."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    assert await client.is_ended()
    return loop.time() - start


async def dribble(client: RawClient, data: bytes, pause_s: float) -> Response:
    """Send byte by byte until an answer comes."""
    answer = asyncio.create_task(client.read())
    for byte in data:
        await client.send(bytes((byte,)))
        done, _ = await asyncio.wait([answer], timeout=pause_s)
        if done:
            break
    return await answer


def assert_problem(answer: Response, status: int, code: str, *, transient: bool = False) -> None:
    """A refusal is a complete problem document and the end of the connection."""
    problem = answer.json()
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem["transient"] is transient
    assert problem["request_id"] == REQUEST_ID
    assert problem["type"] == "/problems/" + code.lower().replace("_", "-")
    assert problem["title"]
    assert problem["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert "date" in answer.headers


async def test_a_silent_connection_is_closed(way: Way) -> None:
    """By itself uvicorn never closes a connection that sends nothing."""
    async with stage(way, TIGHT) as served, served.connect() as client:
        seconds = await seconds_until_the_end(client)
        assert TIGHT.idle_s_max - EARLY_S <= seconds <= TIGHT.idle_s_max + LATE_S


async def test_an_idle_connection_is_closed(way: Way) -> None:
    """The time counts from the last answer."""
    async with stage(way, TIGHT) as served, served.connect() as client:
        await client.ask(claim(b"{}", ECHO))
        seconds = await seconds_until_the_end(client)
        assert TIGHT.idle_s_max - EARLY_S <= seconds <= TIGHT.idle_s_max + LATE_S


async def test_a_connection_that_waits_for_us_is_not_idle(way: Way) -> None:
    """An answer may take longer than a client may be silent."""
    async with stage(way, TIGHT) as served, served.connect() as client:
        await client.send(claim())
        exchange = await served.desk.next()
        async with served.connect() as silent:
            assert await silent.is_ended()
        reply(exchange)
        assert (await client.read()).status == 201


@pytest.mark.parametrize("part", [b"P", b"POST /api", b"POST / HTTP/1.1\r\nHost: a\r\nX-Half: b"])
async def test_half_a_head_is_timed_out(way: Way, part: bytes) -> None:
    """A request that begins must get to the end of its headers."""
    async with stage(way, TIGHT) as served, served.connect() as client:
        assert_problem(await client.ask(part), 408, "REQUEST_TIMEOUT", transient=True)
        assert await client.is_ended()


async def test_a_timeout_waits_for_the_answers_before_it(way: Way) -> None:
    """Half a request behind a claim in flight: 408 comes, and comes second."""
    async with stage(way, TIGHT) as served, served.connect() as client:
        await client.send(claim(b"1") + b"POST /half")
        exchange = await served.desk.next()
        for _ in range(2):  # A silent connection lasts as long as half a head.
            async with served.connect() as silent:
                assert await silent.is_ended()
        reply(exchange)

        assert (await client.read()).body == b"1"
        assert_problem(await client.read(), 408, "REQUEST_TIMEOUT", transient=True)


async def test_the_time_of_a_head_begins_with_its_first_byte(way: Way) -> None:
    """A connection may have been quiet for longer than a head may take."""
    limits = LaneLimits(header_s_max=0.4, sweep_s=0.05)
    async with stage(way, limits) as served, served.connect() as client:
        answer = asyncio.create_task(client.read())
        for part in (b"", claim(b"{}", ECHO)[:20], claim(b"{}", ECHO)[20:]):
            await client.send(part)
            pause_s = 0.15 if part else 0.6
            await asyncio.wait([answer], timeout=pause_s)
        assert (await answer).status == 201


@pytest.mark.parametrize("header", ["X-Slow", "Connection"])
async def test_a_dribbled_head_gains_no_time(way: Way, header: str) -> None:
    """Each byte is progress, and too little."""
    async with stage(way, TIGHT) as served, served.connect() as client:
        data = claim(b"{}", ECHO, (header, "x" * 1_000))
        assert_problem(await dribble(client, data, 0.02), 408, "REQUEST_TIMEOUT", transient=True)
        assert served.desk.taken == 0


@pytest.mark.parametrize("target", [ECHO, "/page"])
async def test_a_dribbled_body_is_timed_out(way: Way, target: str) -> None:
    """A body that comes byte by byte is cut off; the application hears that the client has gone."""
    async with stage(way, TIGHT) as served, served.connect() as client:
        head, body = claim(b"x" * 1_000, target).split(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        answer = await dribble(client, body, 0.02)

        assert_problem(answer, 408, "REQUEST_TIMEOUT", transient=True)
        assert served.desk.taken == 0
        if served.app.started:
            await served.app.disconnected.wait()


async def test_a_steady_body_may_take_longer(way: Way) -> None:
    """Bytes buy time, so that a large import over an honest line arrives."""
    limits = LaneLimits(body_s_max=0.3, body_bytes_per_s_min=100, sweep_s=0.05)
    async with stage(way, limits) as served, served.connect() as client:
        head, body = claim(b"x" * 1_000, ECHO).split(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        answer = asyncio.create_task(client.read())
        for start in range(0, 1_000, 50):
            await client.send(body[start : start + 50])
            await asyncio.wait([answer], timeout=0.04)
        assert (await answer).status == 201


async def test_a_stalled_reader_is_cut_off(way: Way) -> None:
    """A client that asks and never reads must not fill our memory.

    Only the stall is short: a busy machine may take longer to read a body, which would end as 408.
    """
    patient = replace(TIGHT, header_s_max=10, body_s_max=10)
    async with stage(way, patient) as served, served.connect() as client:
        client.stall()
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(10):
                await client.send(claim(bytes(100_000), ECHO) * 200)
        assert served.desk.taken < 200


async def test_a_stalled_reader_of_a_stream_is_cut_off(way: Way) -> None:
    """The same where the application streams."""
    async with stage(way, TIGHT) as served, served.connect() as client:
        client.stall()
        await client.send(request("GET", "/flood"))
        async with asyncio.timeout(10):
            await served.app.disconnected.wait()


@pytest.mark.parametrize("lines", [1, 500])
@pytest.mark.parametrize("target", [ECHO, "/page"])
async def test_too_many_bytes_of_headers(way: Way, target: str, lines: int) -> None:
    """The parser collects without end, one line as well as five hundred."""
    more = [(f"X-{number}", "x" * (500_000 // lines)) for number in range(lines)]
    async with stage(way) as served, served.connect() as client:
        answer = await client.ask(claim(b"{}", target, *more))
        assert_problem(answer, 431, "HEADERS_TOO_LARGE")
        assert served.desk.taken == 0


async def test_endless_headers_are_refused_before_they_end(way: Way) -> None:
    """A head is measured while it comes; nobody waits for its end."""
    async with stage(way) as served, served.connect() as client:
        await client.send(b"POST " + ECHO.encode() + b" HTTP/1.1\r\nX-Endless: " + b"x" * 500_000)
        assert_problem(await client.read(), 431, "HEADERS_TOO_LARGE")


async def test_a_problem_names_the_callers_request_id(way: Way) -> None:
    """Where it is reasonably short; else it gets one of ours."""
    for given, told in (("mine", "mine"), ("x" * 200, REQUEST_ID)):
        async with stage(way) as served, served.connect() as client:
            more = (("X-Request-Id", given), ("Content-Length", str(10 * MIB)))
            answer = await client.ask(request("POST", "/page", more))
            assert (answer.status, answer.json()["request_id"]) == (413, told)


async def test_pipelined_heads_are_measured_one_by_one(way: Way) -> None:
    """Many small requests in one read are no large head."""
    async with stage(way) as served, served.connect() as client:
        client.writer.write(claim(b"{}", ECHO) * 2_000)
        assert {(await client.read()).status for _ in range(2_000)} == {201}


async def test_a_head_is_measured_from_its_own_first_byte(way: Way) -> None:
    """What came in the same read belongs to the request before it."""
    first, second = claim(bytes(10_000), ECHO), claim(b"2", ECHO, ("X", "x" * 65_000))
    async with stage(way) as served, served.connect() as client, served.connect() as other:
        assert (await client.ask(first + second[:10])).status == 201
        for start in range(10, len(second), 8_000):
            await client.send(second[start : start + 8_000])
            await other.ask(claim(b"{}", ECHO))  # So that each part is a read of its own.
        assert (await client.read()).body == b"2"


@pytest.mark.parametrize(("size", "status"), [(65_000, 201), (66_000, 431)])
async def test_the_limit_of_headers_holds_in_one_read(way: Way, size: int, status: int) -> None:
    """A head that is there at once is measured as well as one that trickles in."""
    async with stage(way) as served, served.connect() as client:
        assert (await client.ask(claim(b"{}", ECHO, ("X", "x" * size)))).status == status


async def chunks(count: int, size: int) -> AsyncIterator[bytes]:
    """A chunked body."""
    for _ in range(count):
        yield b"%x\r\n%b\r\n" % (size, bytes(size))
    yield b"0\r\n\r\n"


@pytest.mark.parametrize("target", [ECHO, "/page"])
async def test_a_huge_body_is_refused_readably(way: Way, target: str) -> None:
    """The client sends its 10 MB to the end and can still read why they were refused."""
    async with stage(way) as served, served.connect() as client:
        answer = await client.ask(claim(bytes(10 * MIB), target))
        assert_problem(answer, 413, "BODY_TOO_LARGE")
        assert await client.is_ended()
        assert served.desk.taken == 0


@pytest.mark.parametrize("target", [ECHO, "/page"])
async def test_a_huge_chunked_body_is_refused_readably(way: Way, target: str) -> None:
    """Without a length the body is measured as it comes, and taken away from the application."""
    async with stage(way) as served, served.connect() as client:
        await client.send(request("POST", target, (("Transfer-Encoding", "chunked"),)))
        async for chunk in chunks(100, 100_000):
            await client.send(chunk)
        assert_problem(await client.read(), 413, "BODY_TOO_LARGE")
        assert await client.is_ended()
        await served.app.disconnected.wait()


async def test_a_huge_body_is_refused_before_it_is_asked_for(way: Way) -> None:
    """Who expects a word first gets 413 instead of 100."""
    async with stage(way) as served, served.connect() as client:
        more = (("Expect", "100-continue"), ("Content-Length", str(10 * MIB)))
        answer = await client.ask(request("POST", ECHO, more))
        assert_problem(answer, 413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(("extra", "status"), [(0, 201), (1, 413)])
async def test_the_limit_of_a_body_is_exact(way: Way, extra: int, status: int) -> None:
    """1 MiB passes, one byte more does not."""
    async with stage(way) as served, served.connect() as client:
        assert (await client.ask(claim(bytes(MIB + extra), ECHO))).status == status


async def garbage(served: Stage) -> None:
    """Be a bad client."""
    async with served.connect() as client:
        assert (await client.ask(b"GARBAGE\r\n\r\n")).status == 400


async def keep_sending(served: Stage, client: RawClient) -> None:
    """Send until it fails, at the pace of requests on other connections."""
    async with asyncio.timeout(10):
        while True:
            await client.send(b"more")
            await garbage(served)


async def test_who_goes_on_after_a_refusal_is_cut_off(way: Way) -> None:
    """We hear a refused client out so that it reads the answer, but not for ever."""
    async with stage(way, TIGHT) as served, served.connect() as client:
        answer = await client.ask(b"GARBAGE\r\n\r\n")
        assert_problem(answer, 400, "MALFORMED")
        with pytest.raises(ConnectionError):
            await keep_sending(served, client)


def lines_about_refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of refused requests."""
    return [text for text in caplog.messages if text.startswith("Refused requests")]


async def test_bad_clients_do_not_fill_the_log(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    """Refusals are told per sweep, not per request."""
    async with stage(way) as served:
        await asyncio.gather(*(garbage(served) for _ in range(50)))
    lines = lines_about_refusals(caplog)
    assert len(lines) < 10
    assert all("MALFORMED" in line for line in lines)
