"""Calls over RPC, byte by byte, against an application without a socket."""

import gzip
import json
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

import httpx
from protobuf import Message
from raw_http import Response
from rest_stage import NOW, Caller, Json

from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb

SERVICE = "/largesse.v1.CouponService"
JSON = "application/json"
BINARY = "application/proto"
SALE: Json = {"name": "Launch", "startTime": NOW, "totalCoupons": "3"}


@dataclass
class Refusal:
    """A refusal as its caller reads it."""

    status: int
    code: str
    message: str
    problem: pb.Problem | None


async def call(
    caller: Caller, method: str, said: Json | Message[Any], **headers: str
) -> httpx.Response:
    """Call a method over Connect: a message goes as binary, a dictionary as JSON."""
    if isinstance(said, Message):
        body, content_type = said.to_binary(), "application/proto"
    else:
        body, content_type = json.dumps(said).encode(), "application/json"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await caller.http.post(
        f"{SERVICE}/{method}", content=body, headers={"content-type": content_type, **named}
    )


async def answered(caller: Caller, method: str, said: Json | Message[Any], **headers: str) -> Json:
    """The answer to a call that must succeed, as JSON."""
    answer = await call(caller, method, said, **headers)
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def refused(
    caller: Caller, method: str, said: Json | Message[Any], **headers: str
) -> Refusal:
    """How a call was refused that must be."""
    return refusal_in(await call(caller, method, said, **headers))


def refusal_in(answer: httpx.Response) -> Refusal:
    """What an answer of Connect says of why it refuses."""
    assert answer.status_code != 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    details = [
        pb.Problem.from_binary(b64decode(one["value"] + "=="))
        for one in said.get("details", ())
        if one["type"] == "largesse.v1.Problem"
    ]
    problem = details[0] if details else None
    return Refusal(answer.status_code, said["code"], said["message"], problem)


async def sale(caller: Caller, **changes: object) -> str:
    """The number of a new campaign, which differs from `SALE` in some fields, as JSON spells it."""
    made = await answered(caller, "CreateCampaign", {**SALE, **changes})
    number: str = made["campaignId"]
    return number


def framed(message: bytes, flags: int = 0) -> bytes:
    """A message in the envelope of gRPC and gRPC-Web; with the flag 1 it is packed."""
    packed = gzip.compress(message, mtime=0) if flags & 1 else message
    return bytes([flags]) + len(packed).to_bytes(4, "big") + packed


def meant(answer: Response) -> object:
    """What an answer means: the library adds a readable form of details, and headers of its own."""
    body: object = answer.body
    if answer.headers.get("content-type") == JSON:
        body = answer.json()
        for detail in body.get("details", ()) if isinstance(body, dict) else ():
            detail.pop("debug", None)
    kept = ("content-type", "x-request-id", "accept-post")
    return answer.status, {name: answer.headers.get(name) for name in kept}, body


def was_hot(answer: Response) -> bool:
    """Whether the lane itself answered: the library says of its answers that they may vary."""
    return "vary" not in answer.headers and "content-length" in answer.headers
