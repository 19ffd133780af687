"""RPC with clients that nobody here wrote: buf, grpcio, connect-es, and an old connect-go.

Each is built in a folder of the test from what `proto/` says; npm and Go keep what they fetched in
their own caches.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from connectrpc._gen.google.rpc.status_pb import Status
from protobuf import Message
from protobuf.wkt import Timestamp
from running import ADMIN_KEY, Running, served
from shop import shop

from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROTO = ROOT / "proto"
PROGRAMS = Path(sys.executable).parent
SERVICE = "largesse.v1.CouponService"
BEARER = (("authorization", f"Bearer {ADMIN_KEY}"),)
LONG_AGO = Timestamp(seconds=1)
SALE = 10_000

Json = dict[str, Any]


@dataclass(frozen=True)
class Listeners:
    """A server with all its listeners, by their addresses."""

    running: Running
    main: str
    grpc: str
    compat: str


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    """One server for all clients."""
    settings = {
        "LARGESSE_RPC_GRPC_PORT": "0",
        "LARGESSE_RPC_COMPAT_PORT": "0",
        "LARGESSE_RPC_COMPAT_TENANT": "default",
        "LARGESSE_AUDIT_PERIOD_S": "1",
    }
    with served(tmp_path_factory.mktemp("rpc"), settings) as running:
        assert running.process.stdout is not None
        lines = [running.process.stdout.readline().decode() for _ in range(2)]
        beside = dict(line.strip().split(": ") for line in lines)
        yield Listeners(
            running, f"http://127.0.0.1:{running.port}", beside["grpc"], beside["compat"]
        )


def run(
    folder: Path, *command: str | Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder to its good end, with those of this environment at hand."""
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4_000:]
    return ended


def copied(name: str, folder: Path) -> Path:
    """A client's sources, in a folder where it can be built."""
    return Path(shutil.copytree(HERE / name, folder / name))


def needs(program: str, how: str) -> None:
    """Leave the test out, aloud, where a program is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing: {how}")


# buf


def buf_curl(address: str, protocol: str, method: str, said: Json, *more: str) -> tuple[int, Json]:
    """What `buf curl` gets, with its exit status: 0, or 8 times the code's number in gRPC."""
    url = f"{address}/{SERVICE}/{method}"
    ended = subprocess.run(
        [
            PROGRAMS / "buf", "curl", "--schema", PROTO, "--protocol", protocol, "--data",
            json.dumps(said), "--header", f"Authorization: Bearer {ADMIN_KEY}", *more, url,
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    return ended.returncode, json.loads(ended.stdout or ended.stderr or "{}")


@pytest.mark.parametrize("protocol", ["connect", "grpcweb", "grpc"])
def test_buf_curl(listeners: Listeners, protocol: str) -> None:
    """A sale of one coupon, over each protocol."""
    address = listeners.main
    more: tuple[str, ...] = ()
    if protocol == "grpc":
        address, more = listeners.grpc, ("--http2-prior-knowledge",)
    wanted = {"name": "봄", "startTime": "2026-01-01T00:00:00Z", "totalCoupons": "1"}
    status, made = buf_curl(address, protocol, "CreateCampaign", wanted, *more)
    assert status == 0, made
    status, given = buf_curl(address, protocol, "IssueCoupon", made, *more)
    assert status == 0, given
    status, shown = buf_curl(address, protocol, "GetCampaign", made, *more)
    assert (status, shown["couponCodes"]) == (0, [given["couponCode"]])
    status, refused = buf_curl(address, protocol, "IssueCoupon", made, *more)
    assert (status, refused["code"]) == (8 * 8, "resource_exhausted")
    [detail] = refused["details"]
    assert detail["type"] == "largesse.v1.Problem"


# grpcio


class Grpc:
    """The service through grpcio, with the messages of our own generated code."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def call(
        self, said: Message[Any], answer: type[Any], timeout_s: float | None = None
    ) -> grpc.aio.UnaryUnaryCall[Any, Any]:
        """Call the method that takes such a message."""
        method = type(said).__name__.removesuffix("Request")
        ask: grpc.aio.UnaryUnaryMultiCallable[Any, Any] = self._channel.unary_unary(
            f"/{SERVICE}/{method}",
            request_serializer=lambda message: message.to_binary(),
            response_deserializer=answer.from_binary,
        )
        return ask(said, metadata=BEARER, timeout=timeout_s)

    async def sale(self, total: int) -> int:
        """The number of a new campaign."""
        wanted = pb.CreateCampaignRequest(name="g", start_time=LONG_AGO, total_coupons=total)
        made: pb.CreateCampaignResponse = await self.call(wanted, pb.CreateCampaignResponse)
        return made.campaign_id

    async def issue(self, number: int, customer: str = "", key: str = "") -> str:
        """A coupon's code."""
        wish = pb.IssueCouponRequest(campaign_id=number, customer_id=customer, idempotency_key=key)
        given: pb.IssueCouponResponse = await self.call(wish, pb.IssueCouponResponse)
        return given.coupon_code


@pytest.mark.slow
async def test_grpcio(listeners: Listeners) -> None:
    """Two thousand calls over one connection, a sell-out with its problem, all codes in pages."""
    target = listeners.grpc.removeprefix("http://")
    async with grpc.aio.insecure_channel(target) as channel:
        client = Grpc(channel)
        number = await client.sale(2_000)
        codes = await asyncio.gather(*(client.issue(number) for _ in range(2_000)))
        assert len(set(codes)) == 2_000
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.issue(number)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        trailers = dict(refused.value.trailing_metadata())
        status = Status.from_binary(trailers["grpc-status-details-bin"])
        [detail] = status.details
        problem = pb.Problem.from_binary(detail.value)
        assert problem.code == "SOLD_OUT"
        assert problem.request_id == trailers["x-request-id"]
        listed: list[str] = []
        token = ""
        while token or not listed:
            asked = pb.GetCampaignRequest(campaign_id=number, page_size=1_000, page_token=token)
            page: pb.GetCampaignResponse = await client.call(asked, pb.GetCampaignResponse)
            listed += page.coupon_codes
            token = page.next_page_token
        assert sorted(listed) == sorted(codes)


async def test_grpcio_gives_up(listeners: Listeners) -> None:
    """A deadline that has passed, and a call that is cancelled: the key tells."""
    target = listeners.grpc.removeprefix("http://")
    async with grpc.aio.insecure_channel(target) as channel:
        client = Grpc(channel)
        number = await client.sale(3)
        wish = pb.IssueCouponRequest(
            campaign_id=number, customer_id="u-1", idempotency_key="order-1"
        )
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await client.call(wish, pb.IssueCouponResponse, timeout_s=1e-9)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        call = client.call(wish, pb.IssueCouponResponse)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        code = await client.issue(number, "u-1", "order-1")
        assert await client.issue(number, "u-1", "order-1") == code
        shown: pb.GetCampaignResponse = await client.call(
            pb.GetCampaignRequest(campaign_id=number), pb.GetCampaignResponse
        )
        assert shown.coupon_codes == [code]


# connect-es


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_connect_es(listeners: Listeners, tmp_path: Path) -> None:
    """A sale over each of its five transports, told alike by all of them."""
    needs("npm", "install Node 20 or newer")
    folder = copied("connect_es", tmp_path)
    run(folder, "npm", "ci", "--no-audit", "--no-fund")
    descriptions = ("--path", PROTO / "largesse")
    run(folder, "buf", "generate", PROTO, "--template", "buf.gen.yaml", *descriptions)
    ended = run(folder, "node", "client.mjs", listeners.main, listeners.grpc, ADMIN_KEY)
    seen = json.loads(ended.stdout)
    assert set(seen) == {"connect json", "connect binary", "connect get", "grpc-web", "grpc"}
    for name, told in seen.items():
        assert told == {
            "replayed": [False, True, True],
            "listed": True,
            "light": [0, 2],
            "soldOut": {"code": "ResourceExhausted", "problem": "SOLD_OUT", "pointer": ""},
            "unknown": {"code": "NotFound", "problem": "NOT_FOUND", "pointer": ""},
            "invalid": {
                "code": "InvalidArgument", "problem": "INVALID", "pointer": "/total_coupons",
            },
            "deleted": "largesse.v1.DeleteCampaignResponse",
            "closed": {"code": "FailedPrecondition", "problem": "CLOSED", "pointer": ""},
        }, name  # fmt: skip


# connect-go, of the older service


@pytest.fixture(scope="module")
def older_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older service's client, built."""
    needs("go", "install Go 1.26 or newer")
    folder = copied("older_go", tmp_path_factory.mktemp("go"))
    run(folder, "go", "build", "-o", "bin/", "tool")
    descriptions = ("--path", PROTO / "couponpb")
    run(folder, "buf", "generate", PROTO, "--template", "buf.gen.yaml", *descriptions)
    run(folder, "go", "build", "-o", "bin/older", ".")
    return folder / "bin" / "older"


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_C11_a_whole_sale_by_an_unmodified_client(
    listeners: Listeners, older_client: Path
) -> None:
    """10,000 coupons, each given once and listed, by JSON, binary, packed and gRPC-Web in turn.

    Refused before the start and after the last with the texts that such clients compare.
    """
    ended = await asyncio.to_thread(
        run, older_client.parent, older_client, listeners.compat, str(SALE)
    )
    seen = json.loads(ended.stdout)
    not_yet = {"code": "unknown", "message": "coupon issuance not started yet"}
    no_more = {"code": "unknown", "message": "no more coupons available"}
    assert seen["before_start"] == [not_yet] * 4
    assert seen["after_last"] == [no_more] * 4
    assert seen["refused"] is None
    assert len(set(seen["given"])) == len(seen["given"]) == SALE
    assert sorted(seen["listed"]) == sorted(seen["given"])
    assert all(re.fullmatch(r"[가-힣]{2}\d{4}[가-힣]{2}\d{2}", code) for code in seen["given"])
    assert seen["read_own"]
    assert (seen["name"], seen["total"]) == ("older sale", SALE)
    assert seen["started_at_ms"] == seen["wanted_at_ms"]
    for name, begin in (
        ("unknown_issue", "failed to get campaign start time: "),
        ("unknown_read", "campaign not found: "),
        ("invalid_create", "say when the campaign opens"),
    ):
        assert seen[name]["code"] == "unknown"
        assert seen[name]["message"].startswith(begin)
    async with shop(listeners.running.port) as operator:
        listed = (await operator.ask("GET", "/campaigns?name=older")).json()["items"]
        [stock] = [one["rewards"][0]["stock"] for one in listed]
        assert (stock["issued"], stock["left"]) == (SALE, 0)
        entries = (await operator.ask("GET", "/audit/entries")).json()["items"]
        assert "compat" in {entry["actor"] for entry in entries}
        assert (await operator.ask("GET", "/audit/conservation")).json()["violations"] == []
