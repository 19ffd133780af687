"""Calls that nobody could understand or take: each is refused in its protocol's own words."""

import gzip
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from raw_http import Response, connected, request
from rpc_stage import SERVICE, framed
from running import ADMIN_KEY, hosted

from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb
from largesse.http.rpc.refusals import CODES
from largesse.kernel.clock import FakeClock
from largesse.testing.factories import NOW_MS

WEB = "application/grpc-web+proto"
MIB = 1 << 20
BOMB = gzip.compress(bytes(64 * MIB), mtime=0)
"""Sixty-four megabytes in sixty-four kilobytes."""

PACKED_BOMB = b"\1" + len(BOMB).to_bytes(4, "big") + BOMB
DEEP = b"[" * 100_000

GOOD = pb.IssueCouponRequest(campaign_id=1).to_binary()

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """The whole application on a socket."""
    folder: Path = tmp_path_factory.mktemp("bad")
    async with hosted(folder, FakeClock(NOW_MS)) as bound:
        yield bound


async def ask(port: int, body: bytes, method: str = "IssueCoupon", **headers: str) -> Response:
    """Call with these very bytes, over a connection of its own."""
    said = {"authorization": f"Bearer {ADMIN_KEY}", **headers}
    pairs = [(name.replace("_", "-"), value) for name, value in said.items()]
    async with connected(port) as client:
        return await client.ask(request("POST", f"{SERVICE}/{method}", pairs, body))


def code_of(answer: Response) -> str:
    """The code that a refusal has, in whichever protocol."""
    if not answer.headers["content-type"].startswith("application/grpc"):
        said = answer.json()
        assert answer.status == CODES[said["code"]].status
        return str(said["code"])
    assert answer.status == 200
    number = answer.headers.get("grpc-status") or trailers(answer.body)["grpc-status"]
    return next(name for name, code in CODES.items() if str(code.grpc) == number)


def trailers(body: bytes) -> dict[str, str]:
    """What the last frame of gRPC-Web says."""
    while body:
        flags, length = body[0], int.from_bytes(body[1:5], "big")
        frame, body = body[5 : 5 + length], body[5 + length :]
        if flags & 0x80:
            lines = frame.decode().strip().split("\r\n")
            return dict(line.split(": ", 1) for line in lines)
    raise AssertionError("no trailers")


@pytest.mark.parametrize("method", ["IssueCoupon", "GetCampaign"])
@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"content_type": "application/json"}, b"{", "invalid_argument"),
        ({"content_type": "application/json"}, DEEP, "invalid_argument"),
        ({"content_type": "application/proto"}, b"\xff", "invalid_argument"),
        ({"content_type": "application/json"}, b" " * (MIB + 1), "resource_exhausted"),
        ({"content_type": "application/proto", "content_encoding": "gzip"}, BOMB,
         "resource_exhausted"),
        ({"content_type": "application/proto", "content_encoding": "gzip"}, b"no gzip",
         "invalid_argument"),
        ({"content_type": "application/proto", "content_encoding": "gzip"}, BOMB[:1_000],
         "invalid_argument"),
        ({"content_type": "application/proto", "content_encoding": "snappy"}, GOOD,
         "unimplemented"),
        ({"content_type": "application/proto", "connect_timeout_ms": "0"}, GOOD,
         "deadline_exceeded"),
        ({"content_type": "application/proto", "connect_timeout_ms": "-5"}, GOOD,
         "invalid_argument"),
        ({"content_type": WEB}, b"", "unimplemented"),
        ({"content_type": WEB}, GOOD, "invalid_argument"),
        ({"content_type": WEB}, framed(GOOD)[:-1], "invalid_argument"),
        ({"content_type": WEB}, framed(GOOD) + framed(GOOD), "unimplemented"),
        ({"content_type": WEB}, framed(GOOD, flags=0x40), "invalid_argument"),
        ({"content_type": WEB}, framed(GOOD, flags=1), "internal"),
        ({"content_type": WEB}, b"\0\xff\xff\xff\xff" + GOOD, "resource_exhausted"),
        ({"content_type": WEB}, framed(b"\xff"), "invalid_argument"),
        ({"content_type": WEB}, framed(b" " * (MIB + 1)), "resource_exhausted"),
        ({"content_type": WEB, "grpc_encoding": "gzip"}, PACKED_BOMB,
         "resource_exhausted"),
        ({"content_type": WEB, "grpc_encoding": "snappy"}, framed(GOOD), "unimplemented"),
        ({"content_type": WEB, "grpc_timeout": "0m"}, framed(GOOD), "deadline_exceeded"),
        ({"content_type": WEB, "grpc_timeout": "soon"}, framed(GOOD), "invalid_argument"),
        ({"content_type": "application/grpc+proto"}, framed(GOOD), "unimplemented"),
    ],
    ids=lambda given: str(given)[:60],
)  # fmt: skip
async def test_the_protocols_own_error(
    port: int, method: str, headers: dict[str, str], body: bytes, code: str
) -> None:
    """Malformed, too large, too late, packed too well: an answer, never a reset without one."""
    assert code_of(await ask(port, body, method, **headers)) == code


@pytest.mark.parametrize("content_type", ["application/json", "application/proto", WEB])
async def test_unknown_methods(port: int, content_type: str) -> None:
    """They are not implemented; the answer names those that are."""
    answer = await ask(port, b"{}", "GiveMeOne", content_type=content_type)
    assert code_of(answer) == "unimplemented"
    assert "IssueCoupon" in answer.headers.get("grpc-message", answer.body.decode())


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", ""])
async def test_content_types_of_no_protocol(port: int, content_type: str) -> None:
    """As Connect has it: 415, and what would do."""
    answer = await ask(port, b"{}", "GetCampaign", content_type=content_type)
    assert answer.status == 415
    assert "application/json" in answer.headers["accept-post"]


async def test_a_large_message_of_unknown_length(port: int) -> None:
    """It is refused as soon as it is too large, with its problem, though more is on its way."""
    pairs = [
        ("authorization", f"Bearer {ADMIN_KEY}"), ("content-type", "application/json"),
        ("transfer-encoding", "chunked"),
    ]  # fmt: skip
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    async with connected(port) as client:
        await client.send(request("POST", f"{SERVICE}/IssueCoupon", pairs) + chunk * 32)
        answer = await client.read()
    assert code_of(answer) == "resource_exhausted"
    [detail] = json.loads(answer.body)["details"]
    assert pb.Problem.from_binary(b64decode(detail["value"] + "==")).code == "BODY_TOO_LARGE"
