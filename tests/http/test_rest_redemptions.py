"""Redemptions over HTTP."""

import asyncio
from typing import Any

import httpx
import pytest
from rest_stage import NOW, ON_ONE_LOOP, Caller, Json, Town

DAY_MS = 86_400_000


async def redeemed(
    caller: Caller, said: Json, key: str | None = "k", query: str = ""
) -> httpx.Response:
    """The answer to a wish to use a coupon."""
    return await caller.post(f"/redemptions{query}", said, key)


async def a_coupon(town: Town, customer: str = "ann", **changes: Any) -> Json:  # noqa: ANN401 — any field
    """A coupon of acme's that a customer holds."""
    campaign = await town.acme.campaign(**changes)
    return await town.acme.incentive(campaign["id"], customer)


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """How a use ended."""
    said = answer.json()
    return answer.status_code, said.get("code") or said["outcome"]


async def test_a_use_has_its_shape(town: Town) -> None:
    """All fields; a retry brings the same bytes; the coupon is shown as used from then on."""
    coupon = await a_coupon(town)
    said = {"customer_id": "ann", "code": coupon["code"]}

    first = await redeemed(town.acme, said)
    again = await redeemed(town.acme, said)

    used = {**coupon, "status": "REDEEMED"}
    assert first.status_code == 200
    assert first.json() == {"outcome": "REDEEMED", "incentive": used, "redeemed_at": NOW}
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert (await town.acme.get(f"/incentives/{coupon['id']}")).json() == used
    assert (await town.acme.get(f"/codes/{coupon['code']}")).json() == used


async def test_a_code_may_be_typed_in_many_ways(town: Town) -> None:
    """Which is one wish, whichever: also under the same key, and by the coupon's id."""
    coupon = await a_coupon(town)
    code = coupon["code"]
    typed = f" {code[:4].lower()}-{code[4:]}."

    answers = [
        await redeemed(town.acme, {"customer_id": "ann", "code": typed}),
        await redeemed(town.acme, {"customer_id": "ann", "code": code}),
        await redeemed(town.acme, {"customer_id": "ann", "incentive_id": coupon["id"]}),
    ]

    assert [one.status_code for one in answers] == [200] * 3
    assert len({one.content for one in answers}) == 1


async def test_a_coupon_is_used_once(town: Town) -> None:
    """EXHAUSTED for another key; the key of the use still brings it."""
    coupon = await a_coupon(town)
    said = {"customer_id": "ann", "code": coupon["code"]}
    first = await redeemed(town.acme, said, "first")
    assert outcome(await redeemed(town.acme, said, "second")) == (409, "EXHAUSTED")
    assert (await redeemed(town.acme, said, "first")).content == first.content


async def test_two_hundred_tills_at_once(town: Town) -> None:
    """Exactly one uses it."""
    coupon = await a_coupon(town)
    said = {"customer_id": "ann", "incentive_id": coupon["id"]}
    answers = await asyncio.gather(*(redeemed(town.acme, said, f"k{n}") for n in range(200)))
    ends = [outcome(one) for one in answers]
    assert (ends.count((200, "REDEEMED")), ends.count((409, "EXHAUSTED"))) == (1, 199)


async def test_what_is_not_his_is_unknown(town: Town) -> None:
    """One answer, byte for byte: never given, another customer's, another tenant's, no code."""
    coupon = await a_coupon(town)
    campaign = (await town.rival.campaign())["id"]
    foreign = await town.rival.incentive(campaign, "bob")
    wishes = [
        {"customer_id": "bob", "code": coupon["code"]},
        {"customer_id": "bob", "incentive_id": coupon["id"]},
        {"customer_id": "bob", "code": "NEVERGIVEN22"},
        {"customer_id": "bob", "code": ""},
        {"customer_id": "bob", "code": "😀"},
        {"customer_id": "bob", "incentive_id": "inc_x"},
        {"customer_id": "bob", "code": foreign["code"]},
        {"customer_id": "bob", "incentive_id": foreign["id"]},
    ]
    headers = {"x-request-id": "same", "idempotency-key": "k"}
    answers = [
        await town.acme.ask("POST", "/redemptions", wish, headers=headers) for wish in wishes
    ]
    assert {outcome(one) for one in answers} == {(404, "UNKNOWN_CODE")}
    assert len({one.content for one in answers}) == 1
    own = await redeemed(town.acme, {"customer_id": "ann", "code": coupon["code"]})
    assert outcome(own) == (200, "REDEEMED"), "nobody's guess used it, and the key was free"


async def test_what_was_taken_back_is_not_used(town: Town) -> None:
    """REVOKED, whether it has expired since or not."""
    coupon = await a_coupon(town)
    await town.acme.post(f"/incentives/{coupon['id']}:revoke", None, "r")
    answer = await redeemed(town.acme, {"customer_id": "ann", "code": coupon["code"]})
    assert outcome(answer) == (410, "REVOKED")


async def test_what_was_used_is_not_taken_back(town: Town) -> None:
    """ALREADY_REDEEMED; its stock stays where it is."""
    campaign = await town.acme.campaign()
    coupon = await town.acme.incentive(campaign["id"], "ann")
    await redeemed(town.acme, {"customer_id": "ann", "code": coupon["code"]})

    path = f"/incentives/{coupon['id']}:revoke"
    tried = await town.acme.post(f"{path}?dry_run=true")
    refused = await town.acme.post(path, None, "r")

    assert tried.json() == {"accepted": False, "outcome": "ALREADY_REDEEMED", "transient": False}
    assert outcome(refused) == (409, "ALREADY_REDEEMED")
    shown = (await town.acme.get(f"/campaigns/{campaign['id']}")).json()
    assert shown["rewards"][0]["stock"]["issued"] == 1


async def test_expiry_to_the_millisecond(town: Town) -> None:
    """Used one before, EXPIRED from its moment on; D05: used and expired is EXHAUSTED."""
    reward = {
        "key": "A",
        "kind": "COUPON",
        "value": {"amount": 1, "currency": "KRW"},
        "expires_after_s": 60,
    }
    campaign = (await town.acme.campaign(rewards=[reward]))["id"]
    ann, bob = [await town.acme.incentive(campaign, name) for name in ("ann", "bob")]

    await town.acme.post("/test-clock:advance", {"by_ms": 59_999})
    in_time = await redeemed(town.acme, {"customer_id": "ann", "code": ann["code"]})
    await town.acme.post("/test-clock:advance", {"by_ms": 1})
    late = await redeemed(town.acme, {"customer_id": "bob", "code": bob["code"]}, "b")
    both = await redeemed(town.acme, {"customer_id": "ann", "code": ann["code"]}, "another")

    assert outcome(in_time) == (200, "REDEEMED")
    assert outcome(late) == (410, "EXPIRED")
    assert outcome(both) == (409, "EXHAUSTED")
    assert (await town.acme.get(f"/incentives/{ann['id']}")).json()["status"] == "REDEEMED"


async def test_a_coupon_outlives_its_campaign(town: Town) -> None:
    """Paused and ended campaigns give nothing more; what they gave is good."""
    campaign = (await town.acme.campaign())["id"]
    coupons = [await town.acme.incentive(campaign, name) for name in ("ann", "bob")]
    for verb, coupon in zip(("pause", "end"), coupons, strict=True):
        await town.acme.post(f"/campaigns/{campaign}:{verb}")
        said = {"customer_id": coupon["customer_id"], "code": coupon["code"]}
        assert outcome(await redeemed(town.acme, said, verb)) == (200, "REDEEMED")


async def test_a_dry_run_uses_nothing(town: Town) -> None:
    """It needs no key, and tells the truth for each."""
    coupon = await a_coupon(town)
    said, query = {"customer_id": "ann", "code": coupon["code"]}, "?dry_run=true"
    yes = await redeemed(town.acme, said, None, query)
    others = await redeemed(town.acme, {**said, "customer_id": "bob"}, None, query)
    await redeemed(town.acme, said)
    no = await redeemed(town.acme, said, None, query)

    told = [one.json() for one in (yes, others, no)]
    assert [one.status_code for one in (yes, others, no)] == [200] * 3
    assert [one["accepted"] for one in told] == [True, False, False]
    assert [one["outcome"] for one in told] == ["REDEEMED", "UNKNOWN_CODE", "EXHAUSTED"]


@ON_ONE_LOOP
@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"code": "A"}, "/customer_id"),
        ({"customer_id": "ann"}, "/code"),
        ({"customer_id": "ann", "code": "A", "incentive_id": "inc_x"}, "/code"),
        ({"customer_id": "", "code": "A"}, "/customer_id"),
        ({"customer_id": "a\u0000", "code": "A"}, "/customer_id"),
        ({"customer_id": "ann", "code": 7}, "/code"),
        ({"customer_id": "ann", "code": "A", "order": "7"}, "/order"),
    ],
)
async def test_what_makes_no_sense(still_town: Town, said: Json, pointer: str) -> None:
    """422, pointing at it."""
    answer = await redeemed(still_town.acme, said)
    assert (answer.status_code, answer.json().get("pointer")) == (422, pointer)


async def test_only_coupons_are_used(town: Town) -> None:
    """Points have no code; a use without a key is refused."""
    points = {"key": "P", "kind": "POINTS", "value": {"amount": 5}}
    given = await a_coupon(town, rewards=[points])
    said = {"customer_id": "ann", "incentive_id": given["id"]}
    assert outcome(await redeemed(town.acme, said)) == (422, "NO_COUPON")
    assert outcome(await redeemed(town.acme, said, None)) == (400, "KEY_REQUIRED")


async def test_a_key_is_one_wish_s(town: Town) -> None:
    """Another coupon under it is refused, and stays as it was."""
    campaign = (await town.acme.campaign())["id"]
    ann, bob = [await town.acme.incentive(campaign, name) for name in ("ann", "bob")]
    await redeemed(town.acme, {"customer_id": "ann", "code": ann["code"]})
    reused = await redeemed(town.acme, {"customer_id": "bob", "code": bob["code"]})
    assert outcome(reused) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (await town.acme.get(f"/incentives/{bob['id']}")).json()["status"] == "ISSUED"


async def test_guessing_does_not_pay(town: Town) -> None:
    """A customer's wrong codes are counted; right ones, refused or not, and others' are not."""
    coupon = await a_coupon(town)
    used = {"customer_id": "ann", "code": coupon["code"]}
    await redeemed(town.acme, used, "use")
    for n in range(60):
        assert outcome(await redeemed(town.acme, used, f"u{n}")) == (409, "EXHAUSTED")
    answers = [
        await redeemed(town.acme, {"customer_id": "ann", "code": f"22222222{n:02}"})
        for n in range(61)
    ]
    assert [one.status_code for one in answers] == [404] * 60 + [429]
    assert answers[-1].json()["code"] == "TOO_MANY_GUESSES"
    others = await redeemed(town.acme, {"customer_id": "bob", "code": "2222222222"})
    assert outcome(others) == (404, "UNKNOWN_CODE")
