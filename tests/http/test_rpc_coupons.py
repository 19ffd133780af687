"""The coupon service over Connect: what each method does, and how it refuses."""

import asyncio
import re

import pytest
from rest_stage import NOW, NOW_MS, ON_ONE_LOOP, REWARD, Town
from rpc_stage import SALE, answered, call, refused, sale

from largesse.http.rpc.coupons import PAGE_MAX
from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb

CLASSIC = re.compile(r"[가-힣]{2}\d{4}[가-힣]{2}\d{2}")


async def test_a_campaign_is_made_open(town: Town) -> None:
    """Active, with one reward of the classic codes and no cap; REST shows the same campaign."""
    number = await sale(town.acme)
    shown = (await answered(town.acme, "GetCampaign", {"campaignId": number}))["campaign"]
    assert shown == {
        "id": number, "name": "Launch", "startTime": "2027-01-15T08:00:00Z", "totalCoupons": "3",
        "phase": "OPEN", "restId": shown["restId"],
    }  # fmt: skip
    seen = (await town.acme.get(f"/campaigns/{shown['restId']}")).json()
    assert (seen["number"], seen["status"]) == (int(number), "ACTIVE")
    assert seen["per_customer_max"] is None
    [reward] = seen["rewards"]
    assert reward["code"]["pattern"] == "가가9999가가99"
    assert reward["stock"]["total"] == 3


@ON_ONE_LOOP
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"startTime": None}, "/start_time"),
        ({"startTime": "1969-12-31T23:59:59Z"}, "/start_time"),
        ({"totalCoupons": 0}, "/total_coupons"),
        ({"totalCoupons": -1}, "/total_coupons"),
        ({"totalCoupons": str(10**12 + 1)}, "/total_coupons"),
        ({"idempotencyKey": "two words"}, "/idempotency_key"),
        ({"idempotencyKey": "x" * 256}, "/idempotency_key"),
    ],
)
async def test_campaigns_that_make_no_sense(
    still_town: Town, changes: dict[str, object], pointer: str
) -> None:
    """Each is invalid, with a pointer to the field; nothing is made."""
    refusal = await refused(still_town.acme, "CreateCampaign", {**SALE, **changes})
    assert (refusal.status, refusal.code) == (400, "invalid_argument")
    assert refusal.problem is not None
    assert (refusal.problem.code, refusal.problem.pointer) == ("INVALID", pointer)
    assert refusal.problem.request_id.startswith("req_")
    assert (await still_town.acme.get("/campaigns")).json()["items"] == []


async def test_codes_that_run_out_are_about_the_number_of_coupons(town: Town) -> None:
    """The classic pattern has room for three trillion codes: the fourth trillion is refused."""
    for _ in range(3):
        await sale(town.acme, totalCoupons=str(10**12))
    refusal = await refused(town.acme, "CreateCampaign", {**SALE, "totalCoupons": str(10**12)})
    assert refusal.problem is not None
    assert (refusal.problem.code, refusal.problem.pointer) == (
        "PATTERN_TOO_SMALL",
        "/total_coupons",
    )


async def test_a_creation_is_repeated_by_its_key(town: Town) -> None:
    """The same number; another content under the key is refused."""
    one, two = [await sale(town.acme, idempotencyKey="k") for _ in range(2)]
    assert one == two
    assert await sale(town.acme) != one
    refusal = await refused(
        town.acme, "CreateCampaign", {**SALE, "totalCoupons": 4, "idempotencyKey": "k"}
    )
    assert refusal.problem is not None
    assert (refusal.code, refusal.problem.code) == ("invalid_argument", "IDEMPOTENCY_KEY_REUSED")


async def test_without_a_customer_everybody_is_somebody_new(town: Town) -> None:
    """Three calls, three codes; the fourth comes too late."""
    number = await sale(town.acme)
    codes = [(await answered(town.acme, "IssueCoupon", {"campaignId": number})) for _ in range(3)]
    assert len({one["couponCode"] for one in codes}) == 3
    assert all(CLASSIC.fullmatch(one["couponCode"]) for one in codes)
    refusal = await refused(town.acme, "IssueCoupon", {"campaignId": number})
    assert (refusal.status, refusal.code) == (429, "resource_exhausted")
    assert refusal.problem is not None
    assert (refusal.problem.code, refusal.problem.status) == ("SOLD_OUT", 409)
    assert refusal.message == refusal.problem.detail
    customers = [
        (await town.acme.get(f"/incentives/{one['incentiveId']}")).json()["customer_id"]
        for one in codes
    ]
    assert len(set(customers)) == 3
    assert all(customer.startswith("anon_") for customer in customers)


@pytest.mark.parametrize("customer", ["", "u-1", "민아"])
async def test_a_key_brings_the_first_answer_again(town: Town, customer: str) -> None:
    """Also without a customer, also two at once, also after the sell-out."""
    number = await sale(town.acme, totalCoupons=1)
    said = {"campaignId": number, "customerId": customer, "idempotencyKey": "order-1"}
    one, two = await asyncio.gather(*(answered(town.acme, "IssueCoupon", said) for _ in range(2)))
    three = await answered(town.acme, "IssueCoupon", said)
    assert {one["couponCode"], two["couponCode"], three["couponCode"]} == {one["couponCode"]}
    assert sorted(answer.get("replayed", False) for answer in (one, two, three)) == [
        False,
        True,
        True,
    ]
    other = await refused(town.acme, "IssueCoupon", {**said, "idempotencyKey": "order-2"})
    assert other.problem is not None
    assert other.problem.code == "SOLD_OUT"


async def test_a_claim_over_rest_and_one_over_rpc_are_the_same_wish(town: Town) -> None:
    """The same customer and key: whichever came first is answered twice."""
    campaign = await town.acme.campaign()
    first = await town.acme.incentive(campaign["id"], "u-1")
    said = {
        "campaignId": campaign["number"], "customerId": "u-1", "idempotencyKey": "key-of-u-1",
    }  # fmt: skip
    again = await answered(town.acme, "IssueCoupon", said)
    assert again == {
        "couponCode": first["code"],
        "incentiveId": first["id"],
        "replayed": True,
    }


async def test_what_a_refused_caller_may_know(town: Town) -> None:
    """When it opens, how long to wait, which coupon is held already."""
    later = await sale(town.acme, startTime="2027-01-15T08:00:01.500Z")
    refusal = await refused(town.acme, "IssueCoupon", {"campaignId": later})
    assert (refusal.status, refusal.code) == (400, "failed_precondition")
    problem = refusal.problem
    assert problem is not None
    assert problem.opens_at is not None
    assert (problem.code, problem.transient, problem.retry_after) == ("NOT_OPEN_YET", True, 2)
    assert problem.opens_at.to_nanos() == (NOW_MS + 1_500) * 1_000_000

    capped = await town.acme.campaign(per_customer_max=1)
    held = await town.acme.incentive(capped["id"], "u-1")
    wish = {"campaignId": capped["number"], "customerId": "u-1"}
    refusal = await refused(town.acme, "IssueCoupon", wish)
    assert (refusal.status, refusal.code) == (409, "already_exists")
    assert refusal.problem is not None
    assert refusal.problem.incentive_id == held["id"]


async def test_drafts_and_ended_campaigns(town: Town) -> None:
    """What REST made and ended is refused for the same reasons."""
    draft = await town.acme.campaign(activate=False)
    refusal = await refused(town.acme, "IssueCoupon", {"campaignId": draft["number"]})
    assert refusal.problem is not None
    assert (refusal.code, refusal.problem.code) == ("failed_precondition", "NOT_ACTIVE")
    number = await sale(town.acme)
    won = await answered(town.acme, "IssueCoupon", {"campaignId": number})
    assert await answered(town.acme, "DeleteCampaign", {"campaignId": number}) == {}
    refusal = await refused(town.acme, "IssueCoupon", {"campaignId": number})
    assert refusal.problem is not None
    assert (refusal.code, refusal.problem.code) == ("failed_precondition", "CLOSED")
    shown = await answered(town.acme, "GetCampaign", {"campaignId": number})
    assert shown["campaign"]["phase"] == "ENDED"
    assert shown["couponCodes"] == [won["couponCode"]]


async def test_a_draft_is_deleted_for_good(town: Town) -> None:
    """Then there is no such number."""
    draft = await town.acme.campaign(activate=False)
    said = {"campaignId": draft["number"]}
    await answered(town.acme, "DeleteCampaign", said)
    for method in ("GetCampaign", "IssueCoupon", "DeleteCampaign"):
        refusal = await refused(town.acme, method, said)
        assert (refusal.status, refusal.code) == (404, "not_found"), method


async def test_one_of_several_rewards_is_named(town: Town) -> None:
    """Unnamed, or misnamed, the wish is refused with their names; a reward needs no code."""
    points = {"key": "POINTS", "kind": "POINTS", "value": {"amount": 5}, "quota_total": 1}
    campaign = await town.acme.campaign(rewards=[REWARD, points])
    wish = {"campaignId": campaign["number"]}
    for said, code in ((wish, "REWARD_REQUIRED"), ({**wish, "reward": "GOLD"}, "INVALID")):
        refusal = await refused(town.acme, "IssueCoupon", said)
        assert refusal.problem is not None
        assert (refusal.problem.code, refusal.problem.pointer) == (code, "/reward")
        assert "STANDARD, POINTS" in refusal.message
    given = await answered(town.acme, "IssueCoupon", {**wish, "reward": "POINTS"})
    assert set(given) == {"incentiveId"}


@pytest.mark.parametrize("customer", ["x" * 256, "민" * 86, "a\x00b", "a\x7f"])
async def test_customers_that_cannot_be(town: Town, customer: str) -> None:
    """At most 255 bytes, no control characters."""
    number = await sale(town.acme)
    refusal = await refused(
        town.acme, "IssueCoupon", {"campaignId": number, "customerId": customer}
    )
    assert refusal.problem is not None
    assert (refusal.problem.code, refusal.problem.pointer) == ("INVALID", "/customer_id")


async def test_pages_hold_each_code_once(town: Town) -> None:
    """In the order of giving; a code that was taken back is left out; the light form has none."""
    number = await sale(town.acme, totalCoupons=5)
    given = [await answered(town.acme, "IssueCoupon", {"campaignId": number}) for _ in range(5)]
    path = f"/incentives/{given[1]['incentiveId']}:revoke"
    await town.acme.post(path, key="back")
    said = {"campaignId": number, "pageSize": 2}
    codes, token = [], ""
    for _ in range(3):
        page = await answered(town.acme, "GetCampaign", {**said, "pageToken": token})
        codes.append(page.get("couponCodes", []))
        token = page.get("nextPageToken", "")
    assert codes == [
        [given[0]["couponCode"]],
        [given[2]["couponCode"], given[3]["couponCode"]],
        [given[4]["couponCode"]],
    ]
    assert not token
    light = await answered(town.acme, "GetCampaign", {**said, "view": "CAMPAIGN_VIEW_BASIC"})
    assert set(light) == {"campaign"}
    assert light["campaign"]["issuedCoupons"] == "4"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"pageSize": -1}, "/page_size"),
        ({"pageSize": PAGE_MAX + 1}, "/page_size"),
        ({"pageToken": "made-up"}, "/page_token"),
    ],
)
async def test_pages_that_cannot_be(town: Town, changes: dict[str, object], pointer: str) -> None:
    """A token belongs to the campaign that gave it."""
    number = await sale(town.acme)
    refusal = await refused(town.acme, "GetCampaign", {"campaignId": number, **changes})
    assert refusal.problem is not None
    assert (refusal.code, refusal.problem.pointer) == ("invalid_argument", pointer)


async def test_C11_binary_says_the_same(town: Town) -> None:
    """Bytes in, bytes out, with the same meaning as JSON."""
    wanted = pb.CreateCampaignRequest.from_json(
        f'{{"name": "봄", "startTime": "{NOW}", "totalCoupons": 2}}'
    )
    made = await call(town.acme, "CreateCampaign", wanted)
    assert made.headers["content-type"] == "application/proto"
    number = pb.CreateCampaignResponse.from_binary(made.content).campaign_id
    given = await call(town.acme, "IssueCoupon", pb.IssueCouponRequest(campaign_id=number))
    code = pb.IssueCouponResponse.from_binary(given.content).coupon_code
    assert CLASSIC.fullmatch(code)
    answer = await call(town.acme, "GetCampaign", pb.GetCampaignRequest(campaign_id=number))
    shown = pb.GetCampaignResponse.from_binary(answer.content)
    assert shown.campaign is not None
    assert (shown.campaign.name, shown.campaign.total_coupons) == ("봄", 2)
    assert shown.coupon_codes == [code]


async def test_C11_whole_numbers_are_texts_or_numbers(town: Town) -> None:
    """In, both, and both spellings of a name; out, texts: JavaScript counts to 2^53."""
    number = await sale(town.acme)
    for said in ({"campaignId": number}, {"campaign_id": int(number)}):
        assert "couponCode" in await answered(town.acme, "IssueCoupon", said)


async def test_a_read_may_be_a_get(town: Town) -> None:
    """As Connect has it for methods without side effects; what changes something may not."""
    number = await sale(town.acme)
    query = {"encoding": "json", "message": f'{{"campaignId":"{number}"}}', "connect": "v1"}
    path = "/largesse.v1.CouponService"
    read = await town.acme.http.get(f"{path}/GetCampaign", params=query)
    assert read.json()["campaign"]["id"] == number
    changed = await town.acme.http.get(f"{path}/IssueCoupon", params=query)
    assert changed.status_code == 405
    assert changed.headers["allow"] == "POST"


async def test_a_passed_deadline_issues_nothing(town: Town) -> None:
    """The wish is refused before it is made."""
    number = await sale(town.acme)
    for method in ("IssueCoupon", "GetCampaign", "DeleteCampaign"):
        refusal = await refused(town.acme, method, {"campaignId": number}, connect_timeout_ms="0")
        assert (refusal.status, refusal.code) == (504, "deadline_exceeded"), method
    shown = await answered(town.acme, "GetCampaign", {"campaignId": number})
    assert shown["campaign"]["phase"] == "OPEN"
    assert "issuedCoupons" not in shown["campaign"]
    given = await answered(
        town.acme, "IssueCoupon", {"campaignId": number}, connect_timeout_ms="60000"
    )
    assert given["couponCode"]


async def test_every_change_is_in_the_audit(town: Town) -> None:
    """With the key that made it and the id of its request."""
    answer = await call(town.acme, "CreateCampaign", SALE, x_request_id="mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    [entry, *_] = (await town.acme.get("/audit/entries")).json()["items"]
    assert entry["request_id"] == "mine-1"
    assert entry["actor"].startswith("key_")
