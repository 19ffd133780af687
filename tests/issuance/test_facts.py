"""Facts as they are published: the same words and the same id whenever they are told."""

from msgspec.structs import replace

from largesse.campaigns.model import Campaign, Reward, Status
from largesse.issuance.facts import PAYLOADS, fact, fact_id
from largesse.issuance.model import Incentive, IncentiveStatus, Issued, Told
from largesse.kernel.fact import FactKind, Position
from largesse.testing.factories import NOW_MS, a_campaign, a_definition, a_reward

NOON = "2026-12-01T12:00:00.000Z"
ISSUED = Issued(4, 7, 3, "ann", "key", NOW_MS, 2)
TOLD = Told(
    position=Position(0, 90),
    kind=FactKind.INCENTIVE_ISSUED,
    at_ms=NOW_MS,
    tenant=1,
    campaign=4,
    campaign_id="camp_launch",
    version=2,
    reward=7,
    serial=3,
    issued=ISSUED,
    sequence=1,
)
INCENTIVE = Incentive(
    id="inc_1",
    campaign_id="camp_launch",
    version=2,
    reward="STANDARD",
    customer_id="ann",
    code="A12",
    serial=3,
    status=IncentiveStatus.ISSUED,
    value={"amount": 500, "currency": "KRW"},
    issued_at_ms=NOW_MS,
    expires_at_ms=None,
)


def launch() -> Campaign:
    """The campaign that all of them are about."""
    campaign = a_campaign(a_definition(a_reward()), number=4, version=2, status=Status.PAUSED)
    return replace(campaign, rewards=(Reward(7, campaign.definition.rewards[0]),))


def test_an_incentive_issued() -> None:
    """In the columns of the EventRouter, with all that the API would show of it."""
    told = fact(TOLD, launch(), INCENTIVE)
    assert (told.aggregatetype, told.aggregateid) == ("incentive", "inc_1")
    assert (told.type, told.tenant, told.at_ms) == ("incentive.issued", 1, NOW_MS)
    assert told.payload == {
        "sequence": 1,
        "incentive": {
            "id": "inc_1",
            "campaign_id": "camp_launch",
            "reward": "STANDARD",
            "customer_id": "ann",
            "code": "A12",
            "serial": 3,
            "status": "ISSUED",
            "value": {"amount": 500, "currency": "KRW"},
            "issued_at": NOON,
            "expires_at": None,
        },
    }


def test_an_incentive_that_ended() -> None:
    """Its status is what the fact made of it."""
    for kind, status in (
        (FactKind.INCENTIVE_REVOKED, "REVOKED"),
        (FactKind.INCENTIVE_EXPIRED, "EXPIRED"),
    ):
        told = fact(TOLD._replace(kind=kind, sequence=2), launch(), INCENTIVE)
        assert told.type == f"incentive.{status.lower()}"
        assert told.payload["incentive"]["status"] == status
        assert told.payload["sequence"] == 2


def test_stock_exhausted() -> None:
    """About the campaign, because the reward has no id of its own."""
    told = TOLD._replace(kind=FactKind.STOCK_EXHAUSTED, issued=None, sequence=0)
    shown = fact(told, launch(), None)
    assert (shown.aggregatetype, shown.aggregateid) == ("campaign", "camp_launch")
    assert shown.type == "stock.exhausted"
    assert shown.payload == {"campaign_id": "camp_launch", "reward": "STANDARD", "last_serial": 3}


def test_a_campaign_changed() -> None:
    """With the status that the row says, not the one that it has when it is told."""
    row = TOLD._replace(
        kind=FactKind.CAMPAIGN_CHANGED, reward=None, serial=None, issued=None, status="ACTIVE"
    )
    assert fact(row, launch(), None).payload == {
        "campaign_id": "camp_launch",
        "number": 4,
        "name": "Launch",
        "version": 2,
        "status": "ACTIVE",
        "starts_at": "2026-12-01T11:00:00.000Z",
        "ends_at": None,
    }


def test_a_draw_made() -> None:
    """What was won, or nothing."""
    told = TOLD._replace(kind=FactKind.DRAW_MADE, issued=None, sequence=0, draw=17, customer="ann")
    won = fact(told, launch(), None)
    lost = fact(told._replace(reward=None, serial=None), launch(), None)
    assert (won.aggregatetype, won.aggregateid, won.type) == (
        "campaign",
        "camp_launch",
        "draw.made",
    )
    shared = {"campaign_id": "camp_launch", "number": 17, "customer_id": "ann"}
    assert won.payload == {**shared, "reward": "STANDARD", "serial": 3}
    assert lost.payload == {**shared, "reward": None, "serial": None}


def test_ids_are_stable_and_distinct() -> None:
    """The same row, the same id; whatever differs between two rows makes another one."""
    others = [
        TOLD,
        TOLD._replace(position=Position(0, 91)),
        TOLD._replace(position=Position(1, 90)),
        TOLD._replace(kind=FactKind.INCENTIVE_REVOKED),
        TOLD._replace(at_ms=NOW_MS + 1),
        TOLD._replace(campaign_id="camp_other"),
        TOLD._replace(serial=4),
    ]
    assert len({fact_id(told) for told in others}) == len(others)
    assert fact_id(TOLD) == fact_id(TOLD._replace()) == "fact_2v473j2gt3ar2hsqy4p3dbt2vv"


def test_every_kind_has_its_payload() -> None:
    """A new fact says what it brings."""
    assert set(PAYLOADS) == set(FactKind)
