"""The client before a real server: the whole API that exists, and its shapes."""

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import Struct
from running import ADMIN_KEY, served

from largesse.client import (
    audit,
    backups,
    campaigns,
    claims,
    codes,
    customers,
    draw_model,
    draws,
    incentives,
    jobs,
    keys,
    model,
    raffles,
    redemptions,
    tenants,
    test_clock,
    webhooks,
)
from largesse.client.asynchronous import AsyncClient
from largesse.client.blocking import Client
from largesse.client.call import Call
from largesse.client.errors import RefusedError
from largesse.client.model import (
    CampaignDefinition,
    Claimed,
    CodeFormat,
    CustomerDescription,
    Redeemed,
    Refusal,
    RewardDefinition,
    Wish,
)
from largesse.http import app, openapi

OPEN = "2026-01-01T00:00:00.000Z"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all."""
    with served(tmp_path_factory.mktemp("ledger")) as running:
        yield f"http://127.0.0.1:{running.port}"


def a_campaign(quota: int, **changes: Any) -> CampaignDefinition:  # noqa: ANN401 - any of its fields
    """Coupons, open since long ago, one per customer."""
    reward = RewardDefinition(
        key="A",
        kind="COUPON",
        value={"amount": 500, "currency": "KRW"},
        quota_total=quota,
        code=CodeFormat(pattern="####-####-**"),
    )
    described = CampaignDefinition(
        name="Launch", starts_at=OPEN, rewards=[reward], per_customer_max=1
    )
    return msgspec.structs.replace(described, **changes)


@pytest.fixture
def acme(url: str) -> Iterator[Client]:
    """A tenant of the test's own, in test mode."""
    with Client(url, ADMIN_KEY) as operator:
        made = operator.ask(tenants.create(f"Acme {secrets.token_hex(4)}", test_mode=True))
    assert made.admin_key is not None
    with Client(url, made.admin_key) as client:
        yield client


@pytest.mark.slow
def test_a_sale_from_its_draft_to_its_end(acme: Client) -> None:
    """Outcomes are values all along."""
    campaign = acme.ask(campaigns.create(a_campaign(2)))
    assert (campaign.status, campaign.rewards[0].stock.left) == ("DRAFT", 2)
    too_early = acme.ask(claims.claim(campaign.id, "mina"))
    assert isinstance(too_early, Refusal)
    assert too_early.outcome == "NOT_ACTIVE"
    acme.ask(campaigns.activate(campaign.id))

    wish = claims.claim(campaign.id, "mina", key="order-1")
    first, again = acme.ask(wish), acme.ask(wish)
    assert isinstance(first, Claimed)
    assert isinstance(again, Claimed)
    assert (first.outcome, first.replayed, again.replayed) == ("ISSUED", False, True)
    assert first.incentive == again.incentive

    results = acme.ask(claims.claim_all(campaign.id, [Wish("mina", "2"), Wish("jun", "3")]))
    assert [one.outcome for one in results] == ["CUSTOMER_LIMIT_REACHED", "ISSUED"]
    sold_out = acme.ask(claims.claim(campaign.id, "haneul"))
    assert isinstance(sold_out, Refusal)
    assert (sold_out.outcome, sold_out.transient) == ("SOLD_OUT", False)
    assert not acme.ask(claims.would_claim(campaign.id, "haneul")).accepted
    [verdict] = acme.ask(claims.would_claim_all(campaign.id, [Wish("haneul", "4")]))
    assert verdict.outcome == "SOLD_OUT"

    assert acme.ask(campaigns.pause(campaign.id)).status == "PAUSED"
    ended = acme.ask(campaigns.end(campaign.id))
    assert ended.rewards[0].stock == model.Stock(
        total=2, issued=2, reserved=0, left=0, left_today=None
    )
    assert acme.ask(campaigns.delete(campaign.id)) is not None


@pytest.mark.slow
def test_what_was_given(acme: Client) -> None:
    """Listed in pieces, found by its code, used once, taken back once."""
    campaign = acme.ask(campaigns.create(a_campaign(5), activate=True))
    wishes = [Wish(f"u-{number}", "k") for number in range(5)]
    acme.ask(claims.claim_all(campaign.id, wishes))
    listed = list(acme.walk(incentives.list_all(campaign.id, limit=2)))
    assert [one.customer_id for one in listed] == [wish.customer_id for wish in wishes]

    code = listed[0].code
    assert code is not None
    assert acme.ask(incentives.find_code(code.lower())) == listed[0]
    unknown = acme.ask(incentives.find_code("NEVER"))
    assert isinstance(unknown, Refusal)
    assert unknown.outcome == "UNKNOWN_CODE"

    assert acme.ask(redemptions.would_redeem("u-1", incentive=listed[1].id)).accepted
    use = redemptions.redeem("u-1", incentive=listed[1].id, key="order-1")
    used = acme.ask(use)
    assert isinstance(used, Redeemed)
    assert used.incentive.status == "REDEEMED"
    assert acme.ask(use) == used
    thief = acme.ask(redemptions.redeem("u-1", code=code))
    assert isinstance(thief, Refusal)
    assert thief.outcome == "UNKNOWN_CODE"

    assert acme.ask(incentives.would_revoke(listed[0].id)).accepted
    revoked = acme.ask(incentives.revoke(listed[0].id))
    assert not isinstance(revoked, Refusal)
    assert acme.ask(incentives.show(listed[0].id)) == revoked
    assert revoked.status == "REVOKED"
    assert acme.ask(campaigns.show(campaign.id)).rewards[0].stock.left == 1


@pytest.mark.slow
def test_customers(acme: Client) -> None:
    """Registered, found by phone, replaced, removed; a campaign asks who he is."""
    phone = "+821012345678"
    campaign = acme.ask(campaigns.create(a_campaign(5, requires=["verified"]), activate=True))
    ann = acme.ask(customers.register("ann", CustomerDescription(phone=phone)))
    refused = acme.ask(claims.claim(campaign.id, "ann"))
    assert isinstance(refused, Refusal)
    assert refused.outcome == "NOT_ELIGIBLE"
    assert acme.ask(customers.list_all(phone=phone)).items == [ann]
    changed = acme.ask(customers.replace("ann", {"verified": True}))
    assert changed == acme.ask(customers.show("ann"))
    assert isinstance(acme.ask(claims.claim(campaign.id, "ann")), Claimed)
    acme.ask(customers.remove("ann"))
    with pytest.raises(RefusedError, match="UNKNOWN_CUSTOMER"):
        acme.ask(customers.show("ann"))


@pytest.mark.slow
def test_draws(acme: Client) -> None:
    """Tried out, made, made again, read; a repeat is a refusal."""
    reward = RewardDefinition(
        key="A", kind="POINTS", value={"amount": 5}, weight_ppm=1_000_000, quota_total=1
    )
    wheel = a_campaign(1, type="DRAW", rewards=[reward], per_customer_max=None)
    campaign = acme.ask(campaigns.create(wheel, activate=True))
    assert acme.ask(draws.would_draw(campaign.id, "ann")).accepted
    wish = draws.draw(campaign.id, "ann", seed="mine")
    first, again = acme.ask(wish), acme.ask(wish)
    assert isinstance(first, draw_model.Drawn)
    assert (first, first.won, first.draw.client_seed) == (again, True, "mine")
    refused = acme.ask(draws.draw(campaign.id, "ann"))
    assert isinstance(refused, Refusal)
    assert (refused.outcome, refused.draw_id) == ("ALREADY_DRAWN", first.draw.id)
    lost = acme.ask(draws.draw(campaign.id, "bob"))
    assert isinstance(lost, draw_model.Drawn)
    assert (lost.won, lost.incentive) == (False, None)
    listed = acme.ask(draws.list_all(campaign.id, "ann"))
    assert (listed.items, listed.may_draw) == ([acme.ask(draws.show(first.draw.id))], False)


@pytest.mark.slow
def test_authors_and_their_mistakes(acme: Client) -> None:
    """Tried out, edited by whoever read the last version, listed; what makes no sense is raised."""
    assert acme.ask(campaigns.try_out(a_campaign(3))).accepted
    with pytest.raises(RefusedError, match=r"INVALID: .* \(at /name\)"):
        acme.ask(campaigns.create(a_campaign(3, name="")))
    campaign = acme.ask(campaigns.create(a_campaign(3)))
    edited = acme.ask(campaigns.edit(campaign.id, a_campaign(3, name="Second"), version=1))
    assert (edited.name, edited.version) == ("Second", 2)
    with pytest.raises(RefusedError, match="EDIT_CONFLICT"):
        acme.ask(campaigns.edit(campaign.id, a_campaign(3), version=1))
    assert acme.ask(campaigns.show_version(campaign.id, 1)).name == "Launch"
    found = acme.ask(campaigns.list_all(status="DRAFT", name="econ"))
    assert [one.id for one in found.items] == [campaign.id]
    assert acme.ask(campaigns.delete(campaign.id)) is None
    with pytest.raises(RefusedError, match="NOT_FOUND"):
        acme.ask(campaigns.show(campaign.id))


@pytest.mark.slow
def test_tenants_keys_clock_and_audit(acme: Client, url: str) -> None:
    """The rest of the API."""
    made = acme.ask(keys.create("till", ["issue", "read"]))
    assert made.key is not None
    [_, till] = acme.ask(keys.list_all()).items
    assert till.prefix == made.prefix
    assert acme.ask(keys.revoke(made.id)).revoked_at is not None
    with (
        Client(url, made.key) as revoked,
        pytest.raises(RefusedError, match="UNAUTHENTICATED"),
    ):
        revoked.ask(test_clock.show())

    before = acme.ask(test_clock.show())
    assert before.test_mode
    assert acme.ask(test_clock.advance_by(1_000)).now > before.now
    late = "2100-01-01T00:00:00.000Z"
    assert acme.ask(test_clock.advance_to(late)).now == late

    [newest, *_] = acme.ask(audit.entries(limit=1)).items
    assert newest.after is not None
    assert acme.ask(audit.conservation()).violations == []
    with Client(url, ADMIN_KEY) as operator:
        tenant = operator.ask(tenants.create("Shown"))
        assert operator.ask(tenants.show(tenant.id)).name == "Shown"


@pytest.mark.slow
async def test_a_crowd_over_one_client(url: str) -> None:
    """Five hundred customers at once for three hundred coupons: exactly so many get one."""
    async with AsyncClient(url, ADMIN_KEY, connections_max=50) as client:
        campaign = await client.ask(campaigns.create(a_campaign(300), activate=True))
        wishes = (client.ask(claims.claim(campaign.id, f"u-{n}")) for n in range(500))
        answers = await asyncio.gather(*wishes)
        given = [one.incentive for one in answers if isinstance(one, Claimed)]
        refused = {one.outcome for one in answers if isinstance(one, Refusal)}
        kept = [one async for one in client.walk(incentives.list_all(campaign.id, limit=200))]
    assert len(given) == 300
    assert refused == {"SOLD_OUT"}
    assert {one.code for one in given} == {one.code for one in kept}


SHAPES = {
    model.Tenant: "TenantView",
    model.NewTenant: "NewTenantView",
    model.Key: "KeyView",
    model.NewKey: "NewKeyView",
    model.CustomerDescription: "CustomerBody",
    model.Customer: "CustomerView",
    model.CustomerToken: "CustomerTokenView",
    model.Redeemed: "RedemptionView",
    model.RewardDefinition: "RewardInput",
    model.CampaignDefinition: "CampaignInput",
    model.Stock: "Stock",
    model.Reward: "RewardView",
    model.Campaign: "CampaignView",
    model.CampaignAccepted: "CampaignAccepted",
    model.Incentive: "IncentiveView",
    model.Wish: "BatchItem",
    model.Claimed: "Claimed",
    draw_model.Draw: "DrawView",
    draw_model.Drawn: "DrawnView",
    draw_model.ShownDraw: "ShownDrawView",
    draw_model.Draws: "DrawList",
    draw_model.Chance: "ChanceView",
    draw_model.Commitment: "CommitmentView",
    draw_model.Commitments: "CommitmentList",
    draw_model.ProofKey: "ProofKey",
    draw_model.Entry: "EntryView",
    draw_model.Winner: "WinnerView",
    draw_model.Raffle: "RaffleView",
    model.Refusal: "Problem",
    model.Verdict: "Accepted",
    model.Clock: "ClockView",
    model.AuditEntry: "AuditEntryView",
    model.Violation: "ViolationView",
    model.Conservation: "ConservationView",
    model.Webhook: "WebhookView",
    model.NewWebhook: "NewWebhookView",
    model.Attempt: "AttemptView",
    model.Delivery: "DeliveryView",
    model.Job: "JobView",
    model.CodePool: "PoolView",
    model.CodeFinding: "FindingView",
}
"""What the client calls a shape, and what the OpenAPI document calls it."""


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """The shapes of the OpenAPI document, by name."""
    document = msgspec.json.decode(openapi.encoded(app.OPERATIONS))
    found: dict[str, Any] = document["components"]["schemas"]
    return found


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_shapes_are_those_of_the_api(shape: type[Struct], schemas: dict[str, Any]) -> None:
    """Field by field: what the server learns, its client learns in the same commit."""
    name = SHAPES[shape]
    described = schemas[name]["properties"].keys()
    assert set(shape.__struct_encode_fields__) == described
    hints = get_type_hints(shape)
    for field, told in zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True):
        if told not in schemas[name].get("required", ()):
            continue
        nullable = "null" in str(schemas[name]["properties"][told])
        assert (type(None) in get_args(hints[field])) >= nullable, f"{name}.{told} may be null"


def test_every_shape_is_compared() -> None:
    """But lists of others, and what is read more freely than it is written."""
    structs = {
        thing
        for thing in vars(model).values()
        if isinstance(thing, type) and issubclass(thing, Struct) and thing is not Struct
        if get_origin(thing) is None
    }
    assert structs - SHAPES.keys() == {model.Page, model.CodeFormat}


EVERY_CALL: list[Call[Any]] = [
    backups.take(),
    tenants.create("x"),
    tenants.show("{tenant_id}"),
    keys.create("x", []),
    keys.list_all(),
    keys.revoke("{key_id}"),
    customers.register("x"),
    customers.list_all(),
    customers.show("{customer_id}"),
    customers.replace("{customer_id}", {}),
    customers.remove("{customer_id}"),
    customers.token("{customer_id}"),
    redemptions.redeem("x", code="y"),
    campaigns.create({}),
    campaigns.list_all(),
    campaigns.show("{campaign_id}"),
    campaigns.show_version("{campaign_id}", 1),
    campaigns.edit("{campaign_id}", {}, version=1),
    campaigns.delete("{campaign_id}"),
    campaigns.activate("{campaign_id}"),
    campaigns.pause("{campaign_id}"),
    campaigns.end("{campaign_id}"),
    claims.claim("{campaign_id}", "x"),
    claims.claim_all("{campaign_id}", []),
    draws.draw("{campaign_id}", "x"),
    draws.list_all("{campaign_id}", "x"),
    draws.show("{draw_id}"),
    draws.receipt("{draw_id}"),
    draws.commitments("{campaign_id}"),
    draws.proof("{campaign_id}"),
    draws.proof_key(),
    raffles.enter("{campaign_id}", "x"),
    raffles.show("{campaign_id}"),
    raffles.pick("{campaign_id}"),
    incentives.list_all("{campaign_id}"),
    incentives.show("{incentive_id}"),
    incentives.revoke("{incentive_id}"),
    incentives.find_code("{code}"),
    codes.generate("{campaign_id}", 1, "x"),
    codes.list_all(),
    codes.show("{pool_id}"),
    codes.export("{pool_id}"),
    codes.delete("{pool_id}"),
    codes.check(["x"]),
    jobs.list_all(),
    jobs.show("{job_id}"),
    jobs.cancel("{job_id}"),
    jobs.result("{job_id}"),
    test_clock.show(),
    test_clock.advance_by(1),
    audit.conservation(),
    audit.entries(),
    webhooks.create("x"),
    webhooks.list_all(),
    webhooks.show("{webhook_id}"),
    webhooks.change("{webhook_id}"),
    webhooks.delete("{webhook_id}"),
    webhooks.rotate("{webhook_id}"),
    webhooks.ping("{webhook_id}"),
    webhooks.deliveries("{webhook_id}"),
    webhooks.delivery("{webhook_id}", "{delivery_id}"),
    webhooks.resend("{webhook_id}", "{delivery_id}"),
]
"""One of each, with the names of the routes' places in its own."""


def test_every_route_has_its_call() -> None:
    """What can be asked of the API can be asked by the client."""
    asked = {(call.request.method, call.request.target.partition("?")[0]) for call in EVERY_CALL}
    routes = {
        (one.method, one.path.replace("{", "%7B").replace("}", "%7D").replace("%7Bversion%7D", "1"))
        for one in app.OPERATIONS
        if one.path.startswith("/api/v1/") and one.name != "list_campaigns_of_tenant"
    }
    assert asked == routes
