"""Conformance of the lucky draw."""

import asyncio
import json
import os
import subprocess
from collections import Counter
from collections.abc import Mapping
from math import sqrt
from pathlib import Path

import pytest
from raw_http import Response
from running import PROGRAM, Running, served
from shop import Json, Shop, a_reward, rfc3339, shop

DAY_MS = 86_400_000
SURE = 1_000_000


def a_chance(key: str, weight_ppm: int, **changes: object) -> Json:
    """A reward of a draw."""
    return a_reward(key=key, weight_ppm=weight_ppm, **changes)


async def a_draw(tenant: Shop, *chances: Json, **changes: object) -> str:
    """The id of a new draw that is open."""
    return await tenant.campaign(type="DRAW", rewards=list(chances), **changes)


async def draw(tenant: Shop, campaign: str, customer: str, key: str | None = None) -> Response:
    """A customer's draw; his key is his name unless another is given."""
    path, body = f"/campaigns/{campaign}/draws", {"customer_id": customer}
    return await tenant.ask("POST", path, body, Idempotency_Key=key or customer)


async def won(tenant: Shop, campaign: str, customer: str, key: str | None = None) -> str | None:
    """The reward that a customer's draw won, or None."""
    answer = await draw(tenant, campaign, customer, key)
    assert answer.status == 201, answer.body
    incentive = answer.json()["incentive"]
    return None if incentive is None else str(incentive["reward"])


async def left(tenant: Shop, campaign: str) -> tuple[int, int]:
    """How many of the first reward are left, in total and today."""
    stock = await tenant.stock(campaign)
    return stock["left"], stock["left_today"]


async def test_B01_weights_beyond_one(acme: Shop) -> None:
    """Rewards .5, .3, .3: 422, names the sum 1.1."""
    chances = [a_chance("A", 500_000), a_chance("B", 300_000), a_chance("C", 300_000)]
    answer = await acme.create(type="DRAW", rewards=chances)
    assert answer.status == 422
    assert "1.1" in answer.json()["detail"]
    assert answer.json()["pointer"] == "/rewards"


@pytest.mark.parametrize("weights", [(400_000, 300_000, 200_000, 100_000), (100_000,) * 10])
async def test_B02_weights_that_are_exactly_one(acme: Shop, weights: tuple[int, ...]) -> None:
    """Rewards .4, .3, .2, .1; ten times .1: accepted."""
    chances = [a_chance(f"R{at}", weight) for at, weight in enumerate(weights)]
    assert (await acme.create(type="DRAW", rewards=chances)).status == 201


async def test_B03_B05_a_sure_reward_and_two_without_weight(acme: Shop) -> None:
    """Wins; left 49 in total, 9 today. Another customer: 48, 8. The zero ones never win."""
    sure = a_chance("A", SURE, quota_total=50, quota_daily=10)
    campaign = await a_draw(acme, sure, a_chance("B", 0), a_chance("C", 0))

    assert await won(acme, campaign, "ann") == "A"
    assert await left(acme, campaign) == (49, 9)
    assert await won(acme, campaign, "bob") == "A"
    assert await left(acme, campaign) == (48, 8)
    rest = [await won(acme, campaign, f"u{number}") for number in range(10)]
    assert rest == ["A"] * 8 + [None] * 2


async def test_B04_once_a_day_also_when_two_hundred_come_at_once(
    acme: Shop, ledger: Mapping[str, str], tmp_path: Path
) -> None:
    """ALREADY_DRAWN, also after every cache is wiped, also at once: exactly one draw."""
    campaign = await a_draw(acme, a_chance("A", SURE))
    answers = await asyncio.gather(*(draw(acme, campaign, "ann", f"k{n}") for n in range(200)))
    assert Counter(one.status for one in answers) == {201: 1, 409: 199}
    assert {one.json()["code"] for one in answers if one.status == 409} == {"ALREADY_DRAWN"}

    with served(tmp_path, ledger) as running:
        async with shop(running.port) as first:
            campaign = await a_draw(first, a_chance("A", SURE))
            assert await won(first, campaign, "ann", "k") == "A"
    with served(tmp_path, ledger) as running:
        async with shop(running.port) as again:
            refused = await draw(again, campaign, "ann", "another")
            retried = await draw(again, campaign, "ann", "k")
    assert (refused.status, refused.json()["code"]) == (409, "ALREADY_DRAWN")
    assert (retried.status, retried.headers["idempotency-replayed"]) == (201, "true")


async def test_B06_the_next_local_day(timeless: Shop) -> None:
    """The same customer may draw."""
    campaign = await a_draw(timeless, a_chance("A", SURE))
    assert await won(timeless, campaign, "ann", "1") == "A"
    await timeless.advance(by_ms=DAY_MS)
    assert await won(timeless, campaign, "ann", "2") == "A"


async def test_B07_no_stock_at_all(timeless: Shop) -> None:
    """Draw recorded, no win, on every later day."""
    campaign = await a_draw(timeless, a_chance("A", SURE, quota_total=1))
    assert await won(timeless, campaign, "first") == "A"
    for day in range(3):
        answer = await draw(timeless, campaign, "ann", f"day {day}".replace(" ", "-"))
        assert (answer.status, answer.json()["won"]) == (201, False)
        assert answer.json()["draw"]["number"] == day + 2
        await timeless.advance(by_ms=DAY_MS)


async def test_B08_the_daily_stock(timeless: Shop) -> None:
    """Used up: no win; the next day wins again."""
    campaign = await a_draw(timeless, a_chance("A", SURE, quota_daily=1))
    assert [await won(timeless, campaign, who) for who in ("ann", "bob")] == ["A", None]
    await timeless.advance(by_ms=DAY_MS)
    assert await won(timeless, campaign, "cat") == "A"


async def test_B09_exactly_the_stock_is_won(acme: Shop) -> None:
    """N customers, stock k, probability 1: exactly k wins, and numbers without gaps."""
    campaign = await a_draw(acme, a_chance("A", SURE, quota_total=40))
    answers = await asyncio.gather(*(draw(acme, campaign, f"u{n}") for n in range(300)))
    drawn = [one.json() for one in answers]
    assert sum(one["won"] for one in drawn) == 40
    serials = [one["incentive"]["serial"] for one in drawn if one["won"]]
    assert sorted(serials) == list(range(1, 41))
    assert sorted(one["draw"]["number"] for one in drawn) == list(range(1, 301))
    assert (await acme.proof())["violations"] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_B10_frequencies(acme: Shop) -> None:
    """20,000 draws at .1, .2, .5 through HTTP; 200,000 of the rule are in tests/draws."""
    weights = {"A": 100_000, "B": 200_000, "C": 500_000}
    campaign = await a_draw(acme, *(a_chance(*item) for item in weights.items()))
    trials, found = 20_000, Counter[str | None]()
    for first in range(0, trials, 500):
        found.update(
            await asyncio.gather(*(won(acme, campaign, f"u{first + n}") for n in range(500)))
        )
    for key, weight in weights.items():
        share = weight / SURE
        assert abs(found[key] - trials * share) < 4 * sqrt(trials * share * (1 - share))


async def test_B12_an_exhausted_reward(acme: Shop) -> None:
    """LOSE: other odds unchanged; REDISTRIBUTE: scaled; FALLBACK: the named reward."""
    ends = {}
    for on_exhausted in ("LOSE", "REDISTRIBUTE", "FALLBACK"):
        more = {"fallback_reward": "C"} if on_exhausted == "FALLBACK" else {}
        chances = a_chance("A", 900_000, quota_total=1), a_chance("B", 100_000), a_chance("C", 0)
        campaign = await a_draw(acme, *chances, on_exhausted=on_exhausted, **more)
        customers = (f"u{number}" for number in range(300))
        ends[on_exhausted] = Counter(
            await asyncio.gather(*(won(acme, campaign, who) for who in customers))
        )
        assert ends[on_exhausted].pop("A") == 1
    lost, scaled, fallen = ends.values()
    assert set(lost) == {"B", None}
    assert set(scaled) == {"B"}
    assert set(fallen) == {"B", "C"}
    for one in (lost, fallen):
        assert abs(one["B"] - 30) < 5 * sqrt(300 * 0.1 * 0.9)


async def test_B13_phones(acme: Shop) -> None:
    """A duplicate phone: 409; missing where required: 422."""
    phone = "+821012345678"
    assert (await register(acme, "ann", phone=phone)).status == 201
    assert (await register(acme, "bob", phone=phone)).status == 409
    assert (await register(acme, "bob")).status == 201
    campaign = await a_draw(acme, a_chance("A", SURE), requires=["phone"])
    assert (await draw(acme, campaign, "bob")).status == 422
    assert await won(acme, campaign, "ann") == "A"


async def test_B14_the_winner_s_coupon(acme: Shop) -> None:
    """Redeem by somebody else: UNKNOWN_CODE; by the winner: 200; again: EXHAUSTED."""
    campaign = await a_draw(acme, a_chance("A", SURE))
    code = (await draw(acme, campaign, "ann")).json()["incentive"]["code"]

    async def redeem(customer: str, key: str) -> tuple[int, str]:
        said = {"customer_id": customer, "code": code}
        answer = await acme.ask("POST", "/redemptions", said, Idempotency_Key=key)
        told = answer.json()
        return answer.status, told.get("code", told.get("outcome"))

    assert await redeem("bob", "1") == (404, "UNKNOWN_CODE")
    assert await redeem("ann", "1") == (200, "REDEEMED")
    assert await redeem("ann", "2") == (409, "EXHAUSTED")
    assert await redeem("bob", "3") == (404, "UNKNOWN_CODE")


async def test_B15_unknown_customers_and_campaigns(acme: Shop) -> None:
    """404, draw and read."""
    campaign = await a_draw(acme, a_chance("A", SURE), customers="REGISTERED")
    for one in (campaign, "camp_unknown"):
        assert (await draw(acme, one, "eve")).status == 404
        assert (await acme.ask("GET", f"/campaigns/{one}/draws?customer_id=eve")).status == 404
    assert (await draw(acme, campaign, "eve")).json()["code"] == "UNKNOWN_CUSTOMER"
    await register(acme, "ann")
    assert await won(acme, campaign, "ann") == "A"
    assert not (await acme.get(f"/campaigns/{campaign}/draws?customer_id=ann"))["may_draw"]


async def test_B16_midnight_in_seoul(timeless: Shop) -> None:
    """Zone Asia/Seoul, 23:59:59.999 and 00:00:00.000 local: two days."""
    campaign = await a_draw(timeless, a_chance("A", SURE), time_zone="Asia/Seoul")
    now_ms = await timeless.advance(by_ms=0)
    midnight_ms = (now_ms + 9 * 3_600_000) // DAY_MS * DAY_MS + DAY_MS - 9 * 3_600_000
    await timeless.advance(to=rfc3339(midnight_ms - 1))
    last = await draw(timeless, campaign, "ann", "1")
    assert (await draw(timeless, campaign, "ann", "2")).status == 409
    await timeless.advance(by_ms=1)
    first = await draw(timeless, campaign, "ann", "2")
    dates = [one.json()["draw"]["date"] for one in (last, first)]
    assert dates[0] < dates[1]


async def register(tenant: Shop, customer: str, **said: object) -> Response:
    """Register a customer."""
    return await tenant.ask("POST", "/customers", {"customer_id": customer, **said})


async def test_B17_the_proof(server: Running, acme: Shop, tmp_path: Path) -> None:
    """Exported after the end: verifies; one byte changed: does not."""
    campaign = await a_draw(acme, a_chance("A", 500_000, quota_total=20))
    await asyncio.gather(*(draw(acme, campaign, f"u{number}") for number in range(60)))
    file, changed = tmp_path / "draw.proof", tmp_path / "changed.proof"
    assert largesse(server, acme, "draw", "proof", campaign, str(file)).returncode == 1
    await acme.ask("POST", f"/campaigns/{campaign}:end")

    taken = largesse(server, acme, "draw", "proof", campaign, str(file), "--json")
    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout)["draws"] == 60
    assert largesse(server, acme, "draw", "verify", str(file)).returncode == 0
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    assert largesse(server, acme, "draw", "verify", str(changed)).returncode == 1


def largesse(server: Running, tenant: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command, as that tenant."""
    said = {"LARGESSE_URL": f"http://127.0.0.1:{server.port}", "LARGESSE_KEY": tenant.api_key}
    return subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **said},
    )
