"""Nobody sees what is another tenant's: every operation of the OpenAPI document, every wrong key.

The cases are made from the document, so that a new operation is in them from its first day.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from rest_stage import CAMPAIGN, Caller, Json, Town, opened_town

from largesse.http import openapi
from largesse.http.app import OPERATIONS
from largesse.http.times import rfc3339
from largesse.tenants.model import Scope

DOCUMENT = openapi.document(OPERATIONS)
SECURED = [
    (path, method, described)
    for path, methods in DOCUMENT["paths"].items()
    for method, described in methods.items()
    if described["security"]
]
OPEN_TO_EVERYBODY = {
    *("check_alive", "check_ready", "read_metrics", "read_openapi"),
    *("list_commitments", "read_proof_key", "read_raffle"),  # unseen, a promise is none
}

BODIES: dict[str, Json] = {
    "create_tenant": {"name": "New"},
    "create_key": {"name": "new", "scopes": ["read"]},
    "advance_test_clock": {"by_s": 1},
    "create_campaign": CAMPAIGN,
    "edit_campaign": CAMPAIGN,
    "create_code_pool": {"count": 1, "name": "Another"},
    "export_code_pool": {"again": True},
    "check_codes": {"codes": ["hello"]},
    "draw": {"customer_id": "u-9"},
    "enter": {"customer_id": "u-9"},
    "register_customer": {"customer_id": "u-9"},
    "make_customer_token": {},
    "redeem": {"customer_id": "customer-of-acme", "code": "hello"},
    "replace_customer": {},
    "create_webhook": {"url": "https://new.example"},
    "change_webhook": {"enabled": False},
    "rotate_webhook_secret": {"overlap_s": 0},
    "claim": {"customer_id": "u-9"},
    "claim_batch": {"claims": [{"customer_id": "u-9", "key": "k"}]},
}

NAMES_ITS_OWN = {"make_customer_token"}
"""Paths with a name that the caller chooses: whatever it is, it means his own tenant's."""

QUERIES = {"list_draws": "?customer_id=u-9"}
"""What a route asks for before it looks at anything."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Scene:
    """A town where acme owns one of everything."""

    town: Town
    owned: dict[str, str]

    async def ask(self, caller: Caller, path: str, method: str, name: str) -> httpx.Response:
        """Ask for something of acme's."""
        filled = re.sub(r"{(\w+)}", lambda found: self.owned[found[1]], path)
        headers = {"idempotency-key": f"{name}-of-{id(caller)}", "if-match": '"1"'}
        filled += QUERIES.get(name, "")
        return await caller.http.request(method, filled, json=BODIES.get(name), headers=headers)

    async def state(self) -> list[Json]:
        """All of acme, its stock included."""
        campaign = await self.town.acme.get(f"/campaigns/{self.owned['campaign_id']}")
        return [*await self.town.acme.state(), campaign.json()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """One for all: nothing that is asked here may change it."""
    async with opened_town(tmp_path_factory.mktemp("isolation")) as town:
        campaign = await town.acme.campaign()
        incentive = await town.acme.incentive(campaign["id"])
        await town.acme.post("/customers", {"customer_id": "customer-of-acme"})
        chance = {**CAMPAIGN["rewards"][0], "weight_ppm": 0}
        wheel = await town.acme.campaign(type="DRAW", rewards=[chance])
        wish = {"customer_id": "customer-of-acme"}
        made = await town.acme.post(f"/campaigns/{wheel['id']}/draws", wish, "k")
        key_id, _ = await town.acme.with_scopes("read")
        pool = await town.acme.pool(campaign["id"])
        job = await town.acme.exported(pool["id"])
        webhook_id, delivery_id = await town.acme.webhook()
        yield Scene(
            town,
            {
                "tenant_id": town.acme_id,
                "campaign_id": campaign["id"],
                "version": "1",
                "customer_id": "customer-of-acme",
                "draw_id": made.json()["draw"]["id"],
                "incentive_id": incentive["id"],
                "code": incentive["code"],
                "key_id": key_id,
                "pool_id": pool["id"],
                "job_id": job["id"],
                "webhook_id": webhook_id,
                "delivery_id": delivery_id,
            },
        )


async def test_all_but_these_need_a_key() -> None:
    """Whoever opens another route to everybody says so here."""
    secured = {described["operationId"] for _, _, described in SECURED}
    assert {operation.name for operation in OPERATIONS} - secured == OPEN_TO_EVERYBODY


def by_name(case: object) -> str | None:
    """A test's name."""
    return case["operationId"] if isinstance(case, dict) else None


@pytest.mark.parametrize(("path", "method", "described"), SECURED, ids=by_name)
async def test_keys_that_open_nothing(
    scene: Scene, path: str, method: str, described: Json
) -> None:
    """None, an unknown one, another scheme, one that has expired, one that was revoked: 401."""
    town = scene.town
    expiry = town.clock.now_ms() + 1_000
    _, expired = await town.acme.with_scopes("admin", expires_at=rfc3339(expiry))
    town.clock.advance(1_000)
    revoked_id, revoked = await town.acme.with_scopes("admin")
    await town.acme.ask("DELETE", f"/keys/{revoked_id}")
    before = await scene.state()
    for secret in (None, "lgs_unknown", "", "é", expired, revoked, f"{revoked} x"):
        answer = await scene.ask(quoted(town, secret), path, method, described["operationId"])
        assert answer.status_code == 401, secret
        assert answer.json()["code"] == "UNAUTHENTICATED"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    basic = town.caller(None)
    basic.http.headers["authorization"] = "Basic YWRtaW46YWRtaW4="
    assert (await scene.ask(basic, path, method, described["operationId"])).status_code == 401
    assert await scene.state() == before


@pytest.mark.parametrize(("path", "method", "described"), SECURED, ids=by_name)
async def test_scopes_that_do_not_suffice(
    scene: Scene, path: str, method: str, described: Json
) -> None:
    """403 for every scope but those that the document names; it names which would do."""
    named = set(re.findall(r"`(\w+)`", described["description"].partition("\n\nScope: ")[2]))
    assert named
    before = await scene.state()
    for scope in set(Scope) - {Scope.OPERATOR, Scope.ADMIN} - named:
        _, secret = await scene.town.rival.with_scopes(scope)
        caller = scene.town.caller(secret)
        answer = await scene.ask(caller, path, method, described["operationId"])
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), scope
        assert all(f"`{one}`" in answer.json()["detail"] for one in named)
    assert await scene.state() == before


@pytest.mark.parametrize(("path", "method", "described"), SECURED, ids=by_name)
async def test_other_tenants_find_nothing(
    scene: Scene, path: str, method: str, described: Json
) -> None:
    """A rival's admin gets 404 for what is acme's, the same as for what does not exist.

    Where the path names nothing, the answer has nothing of acme's in it.
    """
    name = described["operationId"]
    before = await scene.state()
    answer = await scene.ask(scene.town.rival, path, method, name)
    if name in NAMES_ITS_OWN:
        assert answer.status_code == 201
    elif "{" in path:
        assert answer.status_code == 404
        unknown = Scene(scene.town, dict.fromkeys(scene.owned, "unknown"))
        other = await unknown.ask(scene.town.rival, path, method, name)
        assert answer.json()["code"] == other.json()["code"]
        assert answer.json()["title"] == other.json()["title"]
    else:
        told = [owned for owned in scene.owned.values() if len(owned) > 1 and owned in answer.text]
        assert not told
    assert await scene.state() == before


@pytest.mark.parametrize(("path", "method", "described"), SECURED, ids=by_name)
async def test_customers_ask_for_what_is_their_own(
    scene: Scene, path: str, method: str, described: Json
) -> None:
    """A customer token opens what the document says, and there nothing of another customer's."""
    name, before = described["operationId"], await scene.state()
    made = await scene.town.acme.post("/customers/somebody-else:token", {})
    answer = await scene.ask(scene.town.caller(made.json()["token"]), path, method, name)
    wanted = (404, 403) if {"customer": []} in described["security"] else (403,)
    assert answer.status_code in wanted, answer.text
    assert await scene.state() == before


def quoted(town: Town, secret: str | None) -> Caller:
    """A caller with this key, whatever characters it has."""
    caller = town.caller(None)
    if secret is not None:
        caller.http.headers = httpx.Headers({b"authorization": f"Bearer {secret}".encode()})
    return caller
