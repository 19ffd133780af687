"""Webhooks over HTTP, with a receiver on this machine; standardwebhooks verifies what it gets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from receiver import LOOPBACK, OK, Received, Receiver, Reply, receiving
from rest_stage import OPERATOR_KEY, REWARD, Caller, Json
from standardwebhooks import Webhook, WebhookVerificationError

from largesse.settings.load import load
from largesse.wiring.application import open_application

STARTED = "2026-01-01T00:00:00Z"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Caller]:
    """A tenant in the time of the machine, whose webhooks may lead to this machine."""
    environment = {
        "LARGESSE_ADMIN_KEY": OPERATOR_KEY,
        "LARGESSE_DATABASE": f"sqlite:///{tmp_path}/largesse.db",
        "LARGESSE_RELAY_POLL_S": "0.02",
        "LARGESSE_WEBHOOKS_NETWORKS_ALLOWED": LOOPBACK,
    }
    async with open_application(load(environment, folder=tmp_path).settings) as application:
        yield Caller(application, OPERATOR_KEY)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody who takes everything."""
    async with receiving() as receiver:
        yield receiver


async def hooked(shop: Caller, url: str, *types: str) -> Json:
    """A webhook that leads to an address."""
    answer = await shop.post("/webhooks", {"url": url} | ({"types": types} if types else {}))
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def read(secret: str, received: Received) -> Json:
    """What a receiver reads once it has checked signature and age."""
    body: Json = Webhook(secret).verify(received.body, received.headers)
    return body


async def ended(shop: Caller, webhook: Json, receiver: Receiver, count: int) -> list[Json]:
    """The deliveries to a webhook, the oldest first, once so many attempts are recorded."""
    await receiver.until(count)
    path = f"/webhooks/{webhook['id']}/deliveries"
    while True:
        items: list[Json] = (await shop.get(path)).json()["items"]
        if sum(len(one["attempts"]) for one in items) >= count:
            return items[::-1]


async def test_a_claim_arrives(shop: Caller, receiver: Receiver) -> None:
    """Signed, with the incentive as the API shows it, under the fact's id."""
    webhook = await hooked(shop, receiver.url, "incentive.issued", "stock.exhausted")
    reward = {**REWARD, "quota_total": 1}
    campaign = await shop.campaign(starts_at=STARTED, rewards=[reward])
    incentive = await shop.incentive(campaign["id"])

    issued, exhausted = sorted(
        (read(webhook["secret"], one) for one in await receiver.until(2)),
        key=lambda body: str(body["type"]),
    )

    assert issued["type"] == "incentive.issued"
    assert issued["data"] == {"sequence": 1, "incentive": incentive}
    assert issued["timestamp"] == incentive["issued_at"]
    assert exhausted["type"] == "stock.exhausted"
    assert exhausted["data"]["campaign_id"] == campaign["id"]
    deliveries = await ended(shop, webhook, receiver, 2)
    assert {one["status"] for one in deliveries} == {"DELIVERED"}
    ids = {one.headers["webhook-id"] for one in receiver.received}
    assert {one["message_id"] for one in deliveries} == ids
    assert all(one.startswith("fact_") for one in ids)


async def test_a_wrong_secret_is_noticed(shop: Caller, receiver: Receiver) -> None:
    """Negative control: the library does refuse what is not signed by the secret."""
    webhook = await hooked(shop, receiver.url)
    other = await hooked(shop, "https://elsewhere.example")
    await shop.post(f"/webhooks/{webhook['id']}:ping")
    [received] = await receiver.until(1)
    with pytest.raises(WebhookVerificationError):
        read(other["secret"], received)
    assert read(webhook["secret"], received)["type"] == "webhook.ping"


async def test_two_secrets_while_rotating(shop: Caller, receiver: Receiver) -> None:
    """Old and new both verify; after another rotation, or without an overlap, only the last."""
    webhook = await hooked(shop, receiver.url)
    path = f"/webhooks/{webhook['id']}"
    old = webhook["secret"]
    rotated = (await shop.post(f"{path}:rotate", {"overlap_s": 3600}, "rotation-1")).json()
    assert rotated["old_secret_until"] is not None
    again = await shop.post(f"{path}:rotate", {"overlap_s": 3600}, "rotation-1")
    assert again.json()["secret"] is None

    await shop.post(f"{path}:ping")
    [received] = await receiver.until(1)
    assert read(old, received) == read(rotated["secret"], received)
    assert received.headers["webhook-signature"].count("v1,") == 2

    last = (await shop.post(f"{path}:rotate", {"overlap_s": 0})).json()
    await shop.post(f"{path}:ping")
    received = (await receiver.until(2))[1]
    assert read(last["secret"], received)
    for gone in (old, rotated["secret"]):
        with pytest.raises(WebhookVerificationError):
            read(gone, received)


async def test_a_failure_is_shown_and_sent_again(shop: Caller) -> None:
    """With what was answered; the next attempt is 5 seconds away, a person may be quicker."""
    replies = [Reply(500, b"no such table"), OK]
    async with receiving(lambda _: replies.pop(0)) as receiver:
        webhook = await hooked(shop, receiver.url)
        path = f"/webhooks/{webhook['id']}"
        made = (await shop.post(f"{path}:ping")).json()
        [failed] = await ended(shop, webhook, receiver, 1)
        [attempt] = failed["attempts"]
        assert (failed["status"], failed["id"]) == ("WAITING", made["id"])
        assert (attempt["status"], attempt["answer"]) == (500, "no such table")
        assert (await shop.get(path)).json()["failing_since"] is not None

        again = await shop.post(f"{path}/deliveries/{made['id']}:resend")
        assert again.status_code == 202
        [delivered] = await ended(shop, webhook, receiver, 2)

    assert delivered["status"] == "DELIVERED"
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == made["message_id"]
    assert first.body == second.body
    now = (await shop.get(path)).json()
    assert (now["failing_since"], now["waiting"]) == (None, 0)
    listed = await shop.get(f"{path}/deliveries?status=FAILED")
    assert listed.json() == {"items": [], "next": None}


async def test_a_redirect_is_a_failure(shop: Caller) -> None:
    """And nobody follows it."""
    async with receiving() as elsewhere:
        reply = Reply(302, headers=(f"location: {elsewhere.url}",))
        async with receiving(lambda _: reply) as receiver:
            webhook = await hooked(shop, receiver.url)
            await shop.post(f"/webhooks/{webhook['id']}:ping")
            [delivery] = await ended(shop, webhook, receiver, 1)
        assert elsewhere.received == []
    assert delivery["attempts"][0]["status"] == 302
    assert "redirects" in delivery["attempts"][0]["error"]


async def test_410_disables(shop: Caller) -> None:
    """Nothing more is sent until somebody enables it; then comes what it missed."""
    replies = [Reply(410)]
    async with receiving(lambda _: replies.pop() if replies else OK) as receiver:
        webhook = await hooked(shop, receiver.url, "incentive.issued")
        path = f"/webhooks/{webhook['id']}"
        await shop.post(f"{path}:ping")
        await ended(shop, webhook, receiver, 1)
        disabled = (await shop.get(path)).json()
        assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "GONE")
        campaign = await shop.campaign(starts_at=STARTED)
        incentive = await shop.incentive(campaign["id"])
        assert (await shop.post(f"{path}:ping")).json()["code"] == "WRONG_STATUS"
        assert len(receiver.received) == 1

        enabled = (await shop.ask("PATCH", path, {"enabled": True})).json()
        assert enabled["enabled"] is True
        issued = [read(webhook["secret"], one) for one in await receiver.until(2)][1]
    assert issued["data"]["incentive"] == incentive


async def test_changes_and_their_trace(shop: Caller, receiver: Receiver) -> None:
    """What is named changes and the rest stays; the audit knows, and knows no secret."""
    webhook = await hooked(shop, "https://one.example", "incentive.issued")
    path = f"/webhooks/{webhook['id']}"
    changed = await shop.ask("PATCH", path, {"url": receiver.url, "description": "till 4"})
    assert changed.json()["types"] == ["incentive.issued"]
    assert changed.json()["url"] == receiver.url
    assert (await shop.get("/webhooks")).json()["items"] == [changed.json()]
    assert (await shop.ask("DELETE", path)).status_code == 204
    assert (await shop.get(path)).status_code == 404
    entries = (await shop.get("/audit/entries")).json()["items"]
    mine = [entry for entry in entries if entry["subject"] == webhook["id"]]
    assert [entry["operation"] for entry in mine] == [
        "delete_webhook",
        "change_webhook",
        "create_webhook",
    ]
    assert "secret" not in str(mine).replace("old_secret_until", "")


async def test_the_creation_is_replayed_without_its_secret(shop: Caller) -> None:
    """It is shown once."""
    body = {"url": "https://one.example"}
    first = await shop.post("/webhooks", body, "same")
    again = await shop.post("/webhooks", body, "same")
    assert first.json()["secret"].startswith("whsec_")
    assert again.json() == {**first.json(), "secret": None}
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await shop.get("/webhooks")).json()["items"]) == 1


async def test_there_is_a_limit(shop: Caller) -> None:
    """Each fact goes to all of them."""
    for number in range(20):
        await hooked(shop, f"https://n{number}.example")
    answer = await shop.post("/webhooks", {"url": "https://one-more.example"})
    assert answer.status_code == 422
    assert "at most 20" in answer.json()["detail"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://one.example",
        "https://",
        "https://user:password@one.example",
        "https://one.example/#part",
        "https://one.example:99999",
        "https://one example",
        "https://éxample.example",
        "https://10.0.0.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:192.168.0.1]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://100.64.0.1/",
        "http://93.184.215.14/",
        "https://" + "a" * 2_048 + ".example",
    ],
)
async def test_addresses_that_nobody_may_have(shop: Caller, url: str) -> None:
    """Each is refused with a pointer, and nothing is made."""
    answer = await shop.post("/webhooks", {"url": url})
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/url"), answer.text
    assert (await shop.get("/webhooks")).json()["items"] == []


async def test_other_bad_input(shop: Caller) -> None:
    """Unknown types of facts, unknown fields, ids of nothing."""
    good = {"url": "https://one.example"}
    unknown = await shop.post("/webhooks", {**good, "types": ["incentive.issued", "coupon.won"]})
    assert (unknown.status_code, unknown.json()["pointer"]) == (422, "/types/1")
    assert (await shop.post("/webhooks", {**good, "secret": "mine"})).status_code == 422
    assert (await shop.post("/webhooks", {**good, "types": []})).status_code == 422
    webhook = await hooked(shop, "https://one.example")
    for delivery in ("dlv_x", "dlv_" + "0" * 26, "dlv_" + "7" * 26):
        path = f"/webhooks/{webhook['id']}/deliveries/{delivery}"
        assert (await shop.get(path)).status_code == 404
        assert (await shop.post(f"{path}:resend")).status_code == 404
