"""Which requests the lane answers itself, and which it hands to the ASGI application."""

import pytest
from lane_stage import BROKEN, CLAIMS, ECHO, Stage, Way, claim, reply, stage
from raw_http import request

from largesse.http.exchange import Handler

KEYS = (("Authorization", "Bearer lgs_x"), ("Idempotency-Key", "k"))
WAYS: tuple[Way, ...] = ("lane", "asgi")


async def taken_by_lane(served: Stage, data: bytes, status: int) -> bool:
    """Send a request on a connection of its own; whether the lane's handler took it."""
    before = served.desk.taken_by_lane
    async with served.connect() as client:
        assert (await client.ask(data)).status == status
    return served.desk.taken_by_lane > before


@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_has_head_date_and_body(way: Way) -> None:
    """Both ways send what the handler said, and the date."""
    async with stage(way) as served, served.connect() as client:
        answer = await client.ask(claim(b'{"customer_id":"u-1"}', ECHO))

        assert (answer.status, answer.body) == (201, b'{"customer_id":"u-1"}')
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-length"] == "21"
        assert answer.headers["date"].endswith(" GMT")
        assert served.desk.taken_by_lane == (way == "lane")


@pytest.mark.parametrize("size", [1, 2, 7, 40])
async def test_a_request_in_pieces_is_one_request(size: int) -> None:
    """A target that arrives as `…/cla` and `ims` is whole before anything is decided."""
    async with stage() as served, served.connect() as client:
        data = claim(b'{"customer_id":"u-1"}', ECHO)
        for start in range(0, len(data), size):
            await client.send(data[start : start + size])

        assert (await client.read()).body == b'{"customer_id":"u-1"}'
        assert served.desk.taken_by_lane == 1


async def test_half_a_target_is_another_target() -> None:
    """`…/claims` is the beginning of `…/claims:batch`, which is not hot."""
    async with stage() as served, served.connect() as client:
        await client.send(b"POST " + ECHO.encode())
        await client.send(b":batch HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]")

        assert (await client.read()).json()["path"] == ECHO + ":batch"
        assert served.desk.taken == 0


@pytest.mark.parametrize(
    "target", [ECHO + "?dry_run=true", ECHO + "/", ECHO.replace("claims", "%63laims"), "/unknown"]
)
async def test_other_targets_go_to_asgi(target: str) -> None:
    """Queries, escapes and unknown targets are not in the dictionary."""
    async with stage() as served:
        assert not await taken_by_lane(served, claim(b"{}", target), 200)


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "DELETE"])
async def test_other_methods_go_to_asgi(method: str) -> None:
    """Only POST decides anything."""
    async with stage() as served:
        assert not await taken_by_lane(served, request(method, ECHO), 200)


async def test_head_goes_to_asgi() -> None:
    """HEAD has a length without a body, which the lane does not know how to say."""
    async with stage() as served, served.connect() as client:
        await client.send(request("HEAD", ECHO))
        status, headers = await client.read_head()
        assert (status, headers["content-length"] != "0", served.desk.taken) == (200, True, 0)


@pytest.mark.parametrize(
    "more",
    [
        ("Connection", "close"),
        ("Connection", "keep-alive, x-hop"),
        ("Content-Encoding", "identity"),
        ("TE", "trailers"),
        ("Trailer", "x"),
        ("Upgrade", "h2c"),
        ("X-Twice", "1"),
    ],
)
async def test_unusual_requests_go_to_asgi_and_are_answered(more: tuple[str, str]) -> None:
    """What only ASGI understands is answered by the same handler there."""
    async with stage() as served:
        data = claim(b"{}", ECHO, ("X-Twice", "1"), more)
        if more[0] != "X-Twice":
            data = claim(b"{}", ECHO, more)
        assert not await taken_by_lane(served, data, 201)
        assert served.desk.taken == 1


async def test_keep_alive_said_aloud_is_usual() -> None:
    """Old clients and load generators say what HTTP/1.1 assumes."""
    async with stage() as served:
        data = claim(b"{}", ECHO, ("Connection", "Keep-Alive"))
        assert await taken_by_lane(served, data, 201)


@pytest.mark.parametrize("connection", [(), (("Connection", "keep-alive"),)])
async def test_http_1_0_goes_to_asgi(connection: tuple[tuple[str, str], ...]) -> None:
    """HTTP/1.0 is answered and its connection closed, also where it asks for keep-alive."""
    async with stage() as served, served.connect() as client:
        data = claim(b"{}", ECHO, *connection).replace(b"HTTP/1.1", b"HTTP/1.0")
        answer = await client.ask(data)

        assert (answer.status, answer.headers["connection"]) == (201, "close")
        assert await client.is_ended()
        assert (served.desk.taken, served.desk.taken_by_lane) == (1, 0)


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "Authorization"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_doubled_key_is_no_claim(way: Way, name: str) -> None:
    """Of two keys neither is taken: a proxy may have looked at the other one."""
    async with stage(way) as served:
        assert not await taken_by_lane(served, claim(b"{}", ECHO, (name, "other")), 400)
        assert served.desk.taken == 0


@pytest.mark.parametrize("way", WAYS)
async def test_expect_is_answered_before_the_body_is_sent(way: Way) -> None:
    """A client that asks first is told to continue, then answered."""
    async with stage(way) as served, served.connect() as client:
        head, body = claim(b"{}", ECHO, ("Expect", "100-continue")).split(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        assert (await client.read()).status == 100
        await client.send(body)
        assert (await client.read()).status == 201


@pytest.mark.parametrize("way", WAYS)
async def test_a_chunked_claim_is_a_claim(way: Way) -> None:
    """Without a length a claim takes the long way to the same answer."""
    async with stage(way) as served:
        head = request("POST", ECHO, (*KEYS, ("Transfer-Encoding", "chunked")))
        assert not await taken_by_lane(served, head + b"2\r\n{}\r\n0\r\n\r\n", 201)
        assert served.desk.taken == 1


@pytest.mark.parametrize(
    "framing",
    [
        (("Transfer-Encoding", "chunked"), ("Content-Length", "2")),
        (("Content-Length", "2"), ("Content-Length", "2")),
        (("Content-Length", "2"), ("Content-Length", "3")),
        (("Content-Length", "+5"),),
        (("Content-Length", "-1"),),
    ],
)
@pytest.mark.parametrize("way", WAYS)
async def test_an_ambiguous_length_is_malformed(
    way: Way, framing: tuple[tuple[str, str], ...]
) -> None:
    """Where two readers could disagree on where a request ends, there is no request."""
    async with stage(way) as served, served.connect() as client:
        answer = await client.ask(request("POST", ECHO, (*KEYS, *framing)) + b"{}")

        assert (answer.status, answer.json()["code"]) == (400, "MALFORMED")
        assert answer.headers["content-type"] == "application/problem+json"
        assert await client.is_ended()
        assert served.desk.taken == 0


@pytest.mark.parametrize("way", WAYS)
async def test_an_upgrade_with_a_body_is_refused(way: Way) -> None:
    """`Upgrade: h2c` loses its body in uvicorn, so it must never end as a claim."""
    upgrade = (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"))
    async with stage(way) as served, served.connect() as client:
        answer = await client.ask(claim(b"{}", ECHO, *upgrade, ("HTTP2-Settings", "AAMAAABk")))

        assert (answer.status, answer.json()["code"]) == (400, "UPGRADE_REFUSED")
        assert await client.is_ended()
        assert served.desk.taken == 0


async def test_an_upgrade_without_a_body_is_ignored() -> None:
    """A server may decline to upgrade by answering; what follows on the connection is not read."""
    upgrade = (("Connection", "Upgrade"), ("Upgrade", "h2c"))
    async with stage() as served, served.connect() as client:
        answer = await client.ask(request("GET", "/page", upgrade) + claim(b"{}", ECHO))

        assert (answer.status, answer.json()["path"]) == (200, "/page")
        assert answer.headers["connection"] == "close"
        assert await client.is_ended()
        assert served.desk.taken == 0


async def test_routes_come_and_go() -> None:
    """The desk's dictionary is looked at for every request, also on open connections."""
    async with stage() as served, served.connect() as client:
        handler = served.desk.routes.pop(ECHO.encode())
        assert (await client.ask(claim(b"{}", ECHO))).status == 200
        served.desk.routes[ECHO.encode()] = handler
        assert (await client.ask(claim(b"{}", ECHO))).status == 201


async def test_a_fault_of_a_handler_is_ours(caplog: pytest.LogCaptureFixture) -> None:
    """A bug is answered 500 and logged, and the connection goes on."""
    async with stage() as served, served.connect() as client:
        answer = await client.ask(claim(b"{}", BROKEN, ("X-Request-Id", "req_1")))

        assert (answer.status, answer.json()["code"]) == (500, "INTERNAL_ERROR")
        assert answer.json()["request_id"] == "req_1"
        assert "ZeroDivisionError" in caplog.text
        assert (await client.ask(claim(b"{}", ECHO))).status == 201


class FaultyRoutes(dict[bytes, Handler]):
    """Routes with a bug in them."""

    def get(self, key: bytes, default: Handler | None = None) -> Handler | None:  # type: ignore[override]  # one form of it is enough here
        """Be the bug."""
        raise ZeroDivisionError


async def test_a_fault_while_parsing_is_ours(caplog: pytest.LogCaptureFixture) -> None:
    """The parser makes an error of its own of each exception: a bug must not look like a 400."""
    async with stage() as served:
        served.desk.routes = FaultyRoutes()
        async with served.connect() as client:
            answer = await client.ask(claim(b"{}", ECHO))

            assert (answer.status, answer.json()["code"]) == (500, "INTERNAL_ERROR")
            assert "ZeroDivisionError" in caplog.text
            assert await client.is_ended()


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_leaves_changes_nothing(way: Way) -> None:
    """Its wish was taken; the answer finds nobody, and others are served."""
    async with stage(way) as served:
        async with served.connect() as client:
            await client.send(claim(b"{}", CLAIMS))
            exchange = await served.desk.next()
            client.abort()
        async with served.connect() as other:
            await other.ask(claim(b"{}", ECHO))
            reply(exchange)
            assert (await other.ask(claim(b"{}", ECHO))).status == 201
