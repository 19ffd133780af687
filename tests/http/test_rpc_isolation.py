"""Nobody sees what is another tenant's over RPC: every method of the description, every wrong key.

The cases are made from the description, so that a new method is in them from its first day.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from rest_stage import Caller, Json, Town, opened_town
from rpc_stage import SALE, SERVICE, Refusal, answered, call, refusal_in, sale

from largesse.http.rpc.described import V1
from largesse.http.rpc.guard import spelled
from largesse.http.rpc.v1 import CouponService
from largesse.http.times import rfc3339
from largesse.tenants.model import Scope

DESCRIPTION = Path(__file__).parents[2] / "proto" / "largesse" / "v1" / "coupons.proto"
METHOD = re.compile(r"((?: *//.*\n)+) *rpc (\w+)")
SCOPES: dict[str, str] = {
    name: re.findall(r"Scope: (\w+)\.", comment)[-1]
    for comment, name in METHOD.findall(DESCRIPTION.read_text())
}
"""The scope that each method's comment names."""

MADE_NEW = {"CreateCampaign"}
"""Methods that name nothing which exists."""

pytestmark = pytest.mark.asyncio(loop_scope="module")
methods = pytest.mark.parametrize("method", sorted(SCOPES))


@dataclass
class Scene:
    """A town where acme has a sale with a coupon given."""

    town: Town
    number: str
    code: str

    def said(self, method: str) -> Json:
        """What to ask for, of acme's."""
        return SALE if method in MADE_NEW else {"campaignId": self.number}

    async def state(self) -> list[Json]:
        """All of acme."""
        shown = await answered(self.town.acme, "GetCampaign", {"campaignId": self.number})
        return [*await self.town.acme.state(), shown]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """One for all: nothing that is asked here may change it."""
    async with opened_town(tmp_path_factory.mktemp("isolation")) as town:
        number = await sale(town.acme)
        given = await answered(town.acme, "IssueCoupon", {"campaignId": number})
        yield Scene(town, number, given["couponCode"])


async def test_every_method_is_described_and_served() -> None:
    """The description, the door and the service know the same methods."""
    assert set(SCOPES) == V1.methods
    assert all(callable(getattr(CouponService, spelled(name))) for name in SCOPES)


@methods
async def test_keys_that_open_nothing(scene: Scene, method: str) -> None:
    """None, an unknown one, another scheme, one that has expired, one that was revoked."""
    town = scene.town
    expires_at = rfc3339(town.clock.now_ms() + 1_000)
    _, expired = await town.acme.with_scopes("admin", expires_at=expires_at)
    town.clock.advance(1_000)
    revoked_id, revoked = await town.acme.with_scopes("admin")
    await town.acme.ask("DELETE", f"/keys/{revoked_id}")
    before = await scene.state()
    bearers = ["lgs_unknown", "", "é", expired, revoked, f"{revoked} x"]
    for given in ("Basic YWRtaW46YWRtaW4=", *(f"Bearer {secret}" for secret in bearers)):
        for header in (given.encode(), given.encode("latin-1")):
            answer = await refused_with(town.caller(None), method, scene.said(method), header)
            assert (answer.code, answer.status) == ("unauthenticated", 401), given
    bare = refusal_in(await call(town.caller(None), method, scene.said(method)))
    assert (bare.code, bare.status) == ("unauthenticated", 401)
    assert await scene.state() == before


@methods
async def test_a_key_that_is_there_twice(scene: Scene, method: str) -> None:
    """Whichever of the two we took, a proxy on the way may have taken the other."""
    key = scene.town.acme.http.headers["authorization"].encode()
    stranger = scene.town.caller(None)
    refusal = await refused_with(stranger, method, scene.said(method), key, key)
    assert refusal.problem is not None
    assert (refusal.code, refusal.problem.code) == ("invalid_argument", "MALFORMED")


@methods
async def test_scopes_that_do_not_suffice(scene: Scene, method: str) -> None:
    """Every scope but the one that the description names; the answer names it."""
    before = await scene.state()
    wanted = SCOPES[method]
    for scope in set(Scope) - {Scope.OPERATOR, Scope.ADMIN, Scope(wanted)}:
        _, secret = await scene.town.rival.with_scopes(scope)
        caller = scene.town.caller(secret)
        refusal = refusal_in(await call(caller, method, scene.said(method)))
        assert (refusal.code, refusal.status) == ("permission_denied", 403), scope
        assert f"`{wanted}`" in refusal.message
    assert await scene.state() == before


@methods
async def test_other_tenants_find_nothing(scene: Scene, method: str) -> None:
    """A rival's admin is told the same of what is acme's as of what does not exist."""
    before = await scene.state()
    answer = await call(scene.town.rival, method, scene.said(method))
    if method in MADE_NEW:
        assert answer.json()["campaignId"] != scene.number
    else:
        foreign = refusal_in(answer)
        missing = refusal_in(await call(scene.town.rival, method, {"campaignId": "999999"}))
        assert (
            (foreign.code, foreign.status) == (missing.code, missing.status) == ("not_found", 404)
        )
        assert foreign.message.replace(scene.number, "999999") == missing.message
    assert scene.code not in answer.text
    assert await scene.state() == before


async def refused_with(caller: Caller, method: str, said: Json, *keys: bytes) -> Refusal:
    """How a call was refused with these very bytes in its headers."""
    headers = [(b"authorization", key) for key in keys]
    path = f"{SERVICE}/{method}"
    return refusal_in(await caller.http.post(path, json=said, headers=headers))
