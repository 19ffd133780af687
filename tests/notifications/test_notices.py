"""Winners are told: at least once under one id, never in the draw's way, and not for ever."""

import base64
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from receiver import LOOPBACK, OK, Received, Receiver, Reply, receiving
from rest_stage import NOW_MS, Json, Town, on, opened_town

from largesse.campaigns.model import CampaignType
from largesse.delivery.notices import LogChannel, WebhookChannel
from largesse.delivery.reaching import Ways
from largesse.delivery.webhook import WebhookSender
from largesse.issuance.model import Piece, Told, Wanted
from largesse.kernel.calendar import rfc3339
from largesse.kernel.clock import FakeClock
from largesse.kernel.errors import BusyError, StartError
from largesse.kernel.fact import START, FactKind, Position
from largesse.kernel.lease import Lease
from largesse.notifications import decide
from largesse.notifications.model import DRAW_WON, Heard, Lateness, Notice
from largesse.notifications.winners import Patience, Registers, Winners
from largesse.storage.memory.outbox import MemoryOutboxStore
from largesse.storage.memory.state import KeptLease, MemoryState
from largesse.testing.factories import HOUR_MS, a_campaign, a_definition
from largesse.webhooks.addresses import Allowed

SECRET = b"a secret of twenty-four by"
SHOWN = "whsec_" + base64.b64encode(SECRET).decode()
LEASE = Lease("winners", 0, "a process", 1, START)
LATE_S = 60
RAFFLE_LATE_S = 3_600
LATENESS = Lateness(LATE_S, RAFFLE_LATE_S)
CHANCE: Json = {
    "key": "A",
    "kind": "COUPON",
    "value": {"amount": 500, "currency": "KRW"},
    "weight_ppm": 1_000_000,
}
A_NOTICE = Notice(
    type=DRAW_WON,
    id="fact_1",
    tenant_id="ten_1",
    test_mode=False,
    customer_id="ann",
    phone="+821012345678",
    campaign_id="camp_1",
    campaign_name="Wheel",
    draw_number=1,
    incentive_id="inc_1",
    reward="A",
    value={"amount": 500},
    code="7K2M",
    won_at="2027-01-15T08:00:00.000Z",
    expires_at=None,
)


@dataclass
class Gateway:
    """A channel that does as it is told, in turn, and takes everything from then on."""

    will: list[Heard] = field(default_factory=list)
    told: list[Notice] = field(default_factory=list)

    async def tell(self, notice: Notice) -> Heard:
        """Write it down."""
        self.told.append(notice)
        return self.will.pop(0) if self.will else Heard.TAKEN

    async def close(self) -> None:
        """Nothing is held."""


@dataclass
class Scene:
    """A town with a draw that everybody wins, and who tells its winners."""

    town: Town
    campaign: str
    gateway: Gateway
    winners: Winners
    state: MemoryState
    now_s: list[float]
    rows: list[Told] = field(default_factory=list)

    async def wins(self, customer: str) -> Json:
        """A customer draws, and wins; the fact of it is at hand."""
        path = f"/campaigns/{self.campaign}/draws"
        answer = await self.town.rival.post(path, {"customer_id": customer}, customer)
        won: Json = answer.json()
        services = self.town.application.services
        campaign = services.issuance.offers.campaign(self.campaign)
        assert campaign is not None
        place = services.issuance.place_of_id(campaign.tenant, won["incentive"]["id"])
        assert place is not None
        self.rows.append(
            Told(
                position=Position(0, len(self.rows) + 1),
                kind=FactKind.DRAW_MADE,
                at_ms=self.town.clock.now_ms(),
                tenant=campaign.tenant,
                campaign=campaign.number,
                campaign_id=campaign.id,
                version=1,
                reward=place.reward,
                serial=place.serial,
                draw=won["draw"]["number"],
                customer=customer,
            )
        )
        return won

    async def tell(self) -> None:
        """Hand over all facts so far, as the relay does after a failure, too."""
        upto = Position(0, len(self.rows))
        await self.winners.take(LEASE, Piece(list(self.rows), START, upto, more=False))

    @property
    def kept(self) -> Position:
        """How far the relay would go on from after a crash."""
        return self.state.leases["winners", 0].position


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Winners are told two at a time."""
    state, gateway, now_s = MemoryState(), Gateway(), [0.0]
    state.leases["winners", 0] = KeptLease("a process", 1, 0, START)
    async with opened_town(tmp_path) as town:
        campaign = await town.rival.campaign(type="DRAW", name="Wheel", rewards=[CHANCE])
        services = town.application.services
        registers = Registers(
            MemoryOutboxStore(state, FakeClock()),
            services.tenants,
            services.customers,
            services.issuance,
            services.clocks,
        )
        winners = Winners(registers, gateway, Patience(2, LATENESS), lambda: now_s[0])
        yield Scene(town, campaign["id"], gateway, winners, state, now_s)


async def test_a_winner_is_told(scene: Scene) -> None:
    """Who he is, how he is reached, and what he has won."""
    phone = "+821012345678"
    await scene.town.rival.post("/customers", {"customer_id": "ann", "phone": phone})
    won = await scene.wins("ann")
    await scene.wins("bob")

    await scene.tell()

    ann, bob = scene.gateway.told
    assert (ann.customer_id, ann.phone, ann.campaign_name) == ("ann", phone, "Wheel")
    assert (ann.incentive_id, ann.code) == (won["incentive"]["id"], won["incentive"]["code"])
    assert (ann.draw_number, ann.reward, ann.won_at) == (1, "A", won["draw"]["drawn_at"])
    assert (bob.customer_id, bob.phone) == ("bob", None)
    assert ann.id != bob.id
    assert scene.kept == Position(0, 2)


async def test_who_was_told_is_not_told_again(scene: Scene) -> None:
    """Only those of the failure and what follows it, under the ids that they had."""
    for name in ("ann", "bob", "cat", "dan"):
        await scene.wins(name)
    scene.gateway.will = [Heard.TAKEN, Heard.TAKEN, Heard.TAKEN, Heard.LATER]

    with pytest.raises(BusyError):
        await scene.tell()
    assert scene.kept == Position(0, 2)
    await scene.tell()

    names = [notice.customer_id for notice in scene.gateway.told]
    assert names == ["ann", "bob", "cat", "dan", "cat", "dan"]
    assert [one.id for one in scene.gateway.told[2:4]] == [one.id for one in scene.gateway.told[4:]]
    assert scene.kept == Position(0, 4)


async def test_a_channel_that_is_down_is_left_alone(scene: Scene) -> None:
    """Longer each time, then it is asked again; a success forgets it."""
    await scene.wins("ann")
    assert await scene.winners.wanted(0) == Wanted(
        scene.town.application.services.tenants.numbers, frozenset({FactKind.DRAW_MADE}), START
    )
    for rest_s in (1.0, 2.0, 4.0):
        scene.gateway.will = [Heard.LATER]
        with pytest.raises(BusyError):
            await scene.tell()
        scene.now_s[0] += rest_s - 0.01
        assert await scene.winners.wanted(0) is None
        scene.now_s[0] += 0.01
        assert await scene.winners.wanted(0) is not None
    await scene.tell()
    assert decide.rest_s(1) == 1.0
    assert decide.rest_s(100) == decide.REST_S_MAX


async def test_one_that_is_refused_holds_up_nobody(scene: Scene) -> None:
    """A number that the gateway will never reach."""
    for name in ("ann", "bob", "cat"):
        await scene.wins(name)
    scene.gateway.will = [Heard.REFUSED]
    await scene.tell()
    assert [notice.customer_id for notice in scene.gateway.told] == ["ann", "bob", "cat"]
    assert scene.kept == Position(0, 3)


async def test_what_is_no_prize_any_more_is_not_told(scene: Scene) -> None:
    """Taken back meanwhile; or won longer ago than anybody wants to hear of."""
    late = await scene.wins("late")
    scene.town.clock.advance(LATE_S * 1000 + 1)
    revoked = await scene.wins("revoked")
    await scene.wins("ann")
    await scene.town.rival.post(f"/incentives/{revoked['incentive']['id']}:revoke", None, "r")
    await scene.tell()
    assert [notice.customer_id for notice in scene.gateway.told] == ["ann"]
    assert late["won"]


def test_who_lost_is_told_nothing() -> None:
    """Only a win has a serial."""
    campaign = a_campaign(a_definition())
    row = Told(START, FactKind.DRAW_MADE, 0, 1, 1, "camp_1", 1, draw=1, customer="ann")
    won = row._replace(reward=1, serial=1)
    assert not decide.worth_telling(row, campaign, 0, LATENESS)
    assert decide.worth_telling(won, campaign, LATE_S * 1000, LATENESS)
    assert not decide.worth_telling(won, campaign, LATE_S * 1000 + 1, LATENESS)


def test_whoever_claimed_is_told_nothing() -> None:
    """A gift is told where it is a raffle's, and for longer: winners may be picked late."""
    gift = Told(START, FactKind.INCENTIVE_ISSUED, 0, 1, 1, "camp_1", 1, reward=1, serial=1)
    raffle = a_campaign(a_definition(type=CampaignType.RAFFLE, ends_at_ms=1))
    assert not decide.worth_telling(gift, a_campaign(a_definition()), 0, LATENESS)
    assert decide.worth_telling(gift, raffle, RAFFLE_LATE_S * 1000, LATENESS)
    assert not decide.worth_telling(gift, raffle, RAFFLE_LATE_S * 1000 + 1, LATENESS)
    assert decide.tells_of_raffle(raffle, RAFFLE_LATE_S * 1000 + 1, LATENESS)
    assert not decide.tells_of_raffle(raffle, RAFFLE_LATE_S * 1000 + 2, LATENESS)
    assert not decide.tells_of_raffle(a_campaign(a_definition()), 0, LATENESS)


def the_notice(received: Received) -> Json:
    """What came, once its signature is found right."""
    headers = received.headers
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    digest = hmac.new(SECRET, content, sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    said: Json = msgspec.json.decode(received.body)
    assert headers["webhook-id"] == said["data"]["id"]
    return said


def by_webhook(receiver: Receiver, ledger: Mapping[str, str]) -> dict[str, object]:
    """The settings of a town whose winners are told by a receiver."""
    return {
        **on(ledger),
        "notifications.channel": "webhook",
        "notifications.url": receiver.url,
        "notifications.secret": SHOWN,
    }


@pytest.mark.parametrize("first", [OK, Reply(500), Reply(429), Reply(0)])
@pytest.mark.slow
async def test_the_webhook_of_the_operator(
    tmp_path: Path, own_ledger: Mapping[str, str], first: Reply
) -> None:
    """The whole way: a draw is answered, and its winner told; a gateway that fails is retried."""
    answers = [first]

    def decide_on(_: Received) -> Reply:
        return answers.pop() if answers else OK

    async with (
        receiving(decide_on) as receiver,
        opened_town(tmp_path, **by_webhook(receiver, own_ledger)) as town,
    ):
        campaign = (await town.rival.campaign(type="DRAW", rewards=[CHANCE]))["id"]
        path = f"/campaigns/{campaign}/draws"
        won = (await town.rival.post(path, {"customer_id": "ann"}, "k")).json()
        came = await receiver.until(1 if first is OK else 2)
    said = [the_notice(one) for one in came]
    assert said[0] == said[-1]
    assert (said[0]["type"], said[0]["timestamp"]) == ("draw.won", won["draw"]["drawn_at"])
    assert said[0]["data"]["incentive_id"] == won["incentive"]["id"]
    assert said[0]["data"]["test_mode"] is False


@pytest.mark.slow
async def test_the_winners_of_a_raffle(tmp_path: Path, own_ledger: Mapping[str, str]) -> None:
    """Each once, however often they are picked; who claims beside it is told nothing."""
    async with (
        receiving() as receiver,
        opened_town(tmp_path, **by_webhook(receiver, own_ledger)) as town,
    ):
        raffle = (await town.acme.campaign(**a_raffle(prizes=3)))["id"]
        for name in ("ann", "bob", "cat", "dan", "eve"):
            await town.acme.post(f"/campaigns/{raffle}/entries", {"customer_id": name}, name)
        await town.acme.post("/test-clock:advance", {"by_ms": HOUR_MS + 10_000})
        await town.acme.incentive((await town.acme.campaign())["id"], "claimed")

        for _ in range(3):
            picked = await town.acme.post(f"/campaigns/{raffle}:pick")
            assert picked.status_code == 200, picked.text
        wheel = (await town.acme.campaign(type="DRAW", rewards=[CHANCE]))["id"]
        await town.acme.post(f"/campaigns/{wheel}/draws", {"customer_id": "last"}, "k")

        await receiver.until(4)
        given = (await town.acme.get(f"/campaigns/{raffle}/incentives")).json()["items"]

    said = [the_notice(one) for one in receiver.received]
    assert sorted(one["type"] for one in said) == ["draw.won", *["raffle.won"] * 3]
    told = [one for one in said if one["type"] == "raffle.won"]
    assert sorted((one["data"]["customer_id"], one["data"]["code"]) for one in told) == sorted(
        (one["customer_id"], one["code"]) for one in given
    )
    assert {one["data"]["won_at"] for one in told} == {rfc3339(NOW_MS + HOUR_MS - 1)}
    assert {one["data"]["draw_number"] for one in told} == {None}


def a_raffle(prizes: int) -> Json:
    """A raffle that is open for an hour."""
    prize = {name: value for name, value in CHANCE.items() if name != "weight_ppm"}
    return {
        "type": "RAFFLE",
        "ends_at": rfc3339(NOW_MS + HOUR_MS),
        "rewards": [{**prize, "quota_total": prizes}],
    }


@pytest.mark.parametrize(
    ("status", "heard"),
    [
        (200, Heard.TAKEN),
        (204, Heard.TAKEN),
        (400, Heard.REFUSED),
        (410, Heard.REFUSED),
        (408, Heard.LATER),
        (429, Heard.LATER),
        (302, Heard.LATER),
        (503, Heard.LATER),
        (0, Heard.LATER),
    ],
)
async def test_what_an_answer_means(status: int, heard: Heard) -> None:
    """4xx is about this one alone, anything else about the channel."""
    async with receiving(lambda _: Reply(status)) as receiver:
        sender = WebhookSender(Ways(5.0, 1, Allowed([LOOPBACK])))
        channel = WebhookChannel(sender, receiver.url, SECRET, FakeClock(NOW_MS))
        assert await channel.tell(A_NOTICE) is heard
        await channel.close()


async def test_the_log_tells_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """Who has won what; neither how he is reached nor his code."""
    channel = LogChannel()
    assert await channel.tell(A_NOTICE) is Heard.TAKEN
    await channel.close()
    line = capsys.readouterr().out
    assert "winner" in line
    assert A_NOTICE.customer_id in line
    assert str(A_NOTICE.phone) not in line
    assert str(A_NOTICE.code) not in line


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"notifications.channel": "webhook"}, "notifications.url"),
        (
            {
                "notifications.channel": "webhook",
                "notifications.url": "sms.example",
                "notifications.secret": SHOWN,
            },
            "https://",
        ),
        (
            {
                "notifications.channel": "webhook",
                "notifications.url": "http://127.0.0.1:1",
                "notifications.secret": "whsec_" + "!" * 32,
            },
            "base64",
        ),
    ],
)
async def test_a_channel_that_cannot_be(
    tmp_path: Path, settings: dict[str, object], complaint: str
) -> None:
    """The server says so at its start, and not when the first winner is to be told."""
    with pytest.raises(StartError, match=complaint):
        async with opened_town(tmp_path, **settings):
            pass
