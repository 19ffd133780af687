"""The listener for clients of the older service: one tenant, two refusals, no key."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from rest_stage import NOW, Json, Town, opened_town
from rpc_stage import SERVICE, sale

from largesse.kernel.errors import StartError

OLDER = "/couponpb.CouponService"
SALE: Json = {"name": "Launch", "startTime": NOW, "totalCoupons": 2}
NOT_YET = {"code": "unknown", "message": "coupon issuance not started yet"}
NO_MORE = {"code": "unknown", "message": "no more coupons available"}


@dataclass
class Older:
    """A client of the older service, and the town beside it; its tenant is the operator's."""

    town: Town
    http: httpx.AsyncClient

    async def call(self, method: str, said: Json) -> httpx.Response:
        """Call a method, as JSON, without a key."""
        return await self.http.post(f"{OLDER}/{method}", json=said)

    async def sale(self, **changes: object) -> str:
        """The number of a new campaign."""
        made = await self.call("CreateCampaign", {**SALE, **changes})
        assert made.status_code == 200, made.text
        number: str = made.json()["campaignId"]
        return number


@pytest.fixture
async def older(tmp_path: Path) -> AsyncIterator[Older]:
    """The application with that listener."""
    named = {"rpc.compat_port": 0, "rpc.compat_tenant": "default"}
    async with opened_town(tmp_path, **named) as town:
        assert town.application.older is not None
        transport = httpx.ASGITransport(town.application.older.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://largesse") as http:
            yield Older(town, http)


async def test_C11_a_sale(older: Older) -> None:
    """Codes until there are no more; all of them listed, those just given, too."""
    number = await older.sale()
    codes = []
    for said in ({"campaignId": number}, {"campaign_id": int(number), "unknown": [1]}):
        answer = await older.call("IssueCoupon", said)
        assert set(answer.json()) == {"couponCode"}
        codes.append(answer.json()["couponCode"])
        shown = (await older.call("GetCampaign", {"campaignId": number})).json()
        assert shown["couponCodes"] == codes
    assert shown["campaign"] == {
        "id": number, "name": "Launch", "startTime": "2027-01-15T08:00:00Z", "totalCoupons": "2",
    }  # fmt: skip
    answer = await older.call("IssueCoupon", {"campaignId": number})
    assert (answer.status_code, answer.json()) == (500, NO_MORE)


async def test_C11_every_refusal_is_one_of_two(older: Older) -> None:
    """Before the start and while paused: not yet; after the end: no more."""
    later = await older.sale(startTime="2027-01-15T08:00:01Z")
    assert (await older.call("IssueCoupon", {"campaignId": later})).json() == NOT_YET
    number = await older.sale()
    [found] = [
        one
        for one in (await older.town.operator.get("/campaigns")).json()["items"]
        if one["number"] == int(number)
    ]
    await older.town.operator.post(f"/campaigns/{found['id']}:pause")
    assert (await older.call("IssueCoupon", {"campaignId": number})).json() == NOT_YET
    await older.town.operator.post(f"/campaigns/{found['id']}:end")
    answer = await older.call("IssueCoupon", {"campaignId": number})
    assert (answer.status_code, answer.json()) == (500, NO_MORE)


async def test_other_tenants_campaigns_are_not_there(older: Older) -> None:
    """By their numbers no more than any that does not exist; nor by a key."""
    foreign = await sale(older.town.acme)
    for number in (foreign, "999999"):
        issue = await older.call("IssueCoupon", {"campaignId": number})
        read = await older.call("GetCampaign", {"campaignId": number})
        assert (issue.status_code, read.status_code) == (500, 500)
        text = f"there is no campaign {number} here"
        assert issue.json()["message"] == f"failed to get campaign start time: {text}"
        assert read.json()["message"] == f"campaign not found: {text}"
    key = older.town.acme.http.headers["authorization"]
    body = {"campaignId": foreign}
    answer = await older.http.post(
        f"{OLDER}/GetCampaign", json=body, headers={"authorization": key}
    )
    assert answer.status_code == 500


async def test_nothing_else_is_served_there(older: Older) -> None:
    """Neither today's service nor REST; nor is the older one on the main port."""
    key = {"authorization": older.town.operator.http.headers["authorization"]}
    for path in (f"{SERVICE}/GetCampaign", "/api/v1/campaigns", f"{OLDER}/DeleteCampaign"):
        answer = await older.http.post(path, json={}, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (501, "unimplemented"), path
    answer = await older.town.operator.http.post(f"{OLDER}/IssueCoupon", json={})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("name", "complaint"),
    [(None, "--compat-tenant"), ("Nobody", "there is no tenant 'Nobody'"), ("Twin", "2 tenants")],
)
async def test_a_tenant_must_be_named(tmp_path: Path, name: str | None, complaint: str) -> None:
    """One that exists, and by its id where several have its name."""
    async with opened_town(tmp_path) as town:
        for _ in range(2):
            await town.operator.post("/tenants", {"name": "Twin"})
    named: Json = {"rpc.compat_port": 0, **({"rpc.compat_tenant": name} if name else {})}
    with pytest.raises(StartError, match=complaint):
        async with opened_town(tmp_path, **named):
            pass
