"""Promise: stock is never exceeded and never stranded."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from crowd import Connection, crowd
from exactness import answered, check_distinct, check_sale, check_stock, issued
from lane_stage import NoDesk
from running import WATCHFUL, Running, served
from shop import Shop, a_reward, new_tenant, shop

from largesse.http.deadlines import LaneLimits, Watch
from largesse.http.server import Listening, make_server

ROUNDS_OF_ONE = 1_000
CUSTOMERS_FOR_ONE = 50
AT_ONCE = 20
"""Rounds that run side by side."""

LARGE_ROUNDS = 20
CUSTOMERS = 20_000
STOCK = 5_000
CONNECTIONS = 32
REVOKED_IN_A_LARGE_ROUND = 100


@pytest.fixture(scope="module")
def server(
    ledger: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A running `largesse serve`, once on each kind of ledger."""
    with served(tmp_path_factory.mktemp("oversell"), {**WATCHFUL, **ledger}) as running:
        yield running


async def one_round(tenant: Shop, stock: int, customers: int) -> str:
    """A sale that all customers enter at once, checked; its id."""
    sale = await tenant.sale(stock)
    ended = await asyncio.gather(*(tenant.claim(sale, f"c{n}") for n in range(customers)))
    check_sale(answered(ended), stock)
    return sale


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_fifty_want_the_only_one(server: Running, told: Callable[[str], None]) -> None:
    """1,000 rounds of 50 concurrent claims on stock 1: exactly one winner each."""
    async with shop(server.port, CONNECTIONS) as tenant:
        for _ in range(ROUNDS_OF_ONE // AT_ONCE):
            rounds = (one_round(tenant, 1, CUSTOMERS_FOR_ONE) for _ in range(AT_ONCE))
            for sale in await asyncio.gather(*rounds):
                check_stock(await tenant.stock(sale), rows=1)
        proof = await tenant.proof()
    assert proof["violations"] == []
    assert proof["campaigns"] >= ROUNDS_OF_ONE
    told(
        f"no oversell: {ROUNDS_OF_ONE} rounds of {CUSTOMERS_FOR_ONE} claims on stock 1: "
        f"{ROUNDS_OF_ONE} exact, 0 violations"
    )


@pytest.mark.slow
@pytest.mark.timeout(480)
async def test_twenty_thousand_want_five_thousand(
    server: Running, dice: random.Random, told: Callable[[str], None]
) -> None:
    """20 rounds of 20,000 claims on 5,000, revokes and their refilling mixed in: all exact."""
    async with shop(server.port, CONNECTIONS) as tenant:
        for _ in range(LARGE_ROUNDS):
            await large_round(tenant, dice)
        proof = await tenant.proof()
    assert proof["violations"] == []
    told(
        f"no oversell: {LARGE_ROUNDS} rounds of {CUSTOMERS} claims on stock {STOCK}, "
        f"{REVOKED_IN_A_LARGE_ROUND} revokes in each: {LARGE_ROUNDS} exact, 0 violations"
    )


async def large_round(tenant: Shop, dice: random.Random) -> None:
    """Sell out, take some back, let those who lost ask again while others revoke."""
    sale = await one_round(tenant, STOCK, CUSTOMERS)
    listed = await tenant.incentives(sale)
    check_distinct(listed)
    check_stock(await tenant.stock(sale), rows=STOCK)
    returned = dice.sample(listed, REVOKED_IN_A_LARGE_ROUND)
    winners = {incentive["customer_id"] for incentive in listed}
    losers = [name for name in (f"c{n}" for n in range(CUSTOMERS)) if name not in winners][:2_000]
    revokes = [asyncio.ensure_future(tenant.revoke(one["id"])) for one in returned]
    first = [tenant.claim(sale, name) for name in losers]
    await asyncio.gather(*revokes)
    second = [tenant.claim(sale, name) for name in losers]
    early, late = answered(await asyncio.gather(*first)), answered(await asyncio.gather(*second))
    refilled = {one["id"]: one for one in [*issued(early), *issued(late)]}.values()
    assert len(refilled) == REVOKED_IN_A_LARGE_ROUND
    check_distinct([*listed, *refilled])
    stock = await tenant.stock(sale)
    assert (stock["issued"], stock["left"]) == (STOCK, 0)


@pytest.mark.slow
async def test_days_and_customers_have_their_caps_under_load(server: Running) -> None:
    """A daily quota, a total quota and a cap per customer hold together."""
    async with shop(server.port, CONNECTIONS) as tenant:
        rewards = [a_reward(quota_total=900, quota_daily=700)]
        sale = await tenant.campaign(per_customer_max=2, rewards=rewards)
        wishes = [(f"c{n}", f"k{turn}") for turn in range(4) for n in range(400)]
        ended = await asyncio.gather(*(tenant.claim(sale, who, key) for who, key in wishes))
        given = issued(answered(ended))
        assert len(given) == 700
        check_distinct(given)
        names = [one["customer_id"] for one in given]
        assert max(names.count(name) for name in set(names)) <= 2


@pytest.mark.slow
async def test_what_expires_stays_given(server: Running) -> None:
    """Expired units return no stock, revoked ones do, once; those who lost get just these."""
    key = await new_tenant(server.port, test_mode=True)
    async with shop(server.port, CONNECTIONS, key) as tenant:
        sale = await tenant.sale(300, expires_after_s=60)
        ended = await asyncio.gather(*(tenant.claim(sale, f"c{n}") for n in range(500)))
        given = check_sale(answered(ended), 300)
        for incentive in given[:20]:
            await tenant.revoke(incentive["id"])
        await tenant.advance(by_s=60)
        refused = await tenant.ask(
            "POST", f"/incentives/{given[20]['id']}:revoke", Idempotency_Key="late"
        )
        assert refused.json()["code"] == "EXPIRED"
        again = await asyncio.gather(*(tenant.claim(sale, f"d{n}") for n in range(500)))
        assert len(issued(answered(again))) == 20
        statuses = Counter(one["status"] for one in await tenant.incentives(sale))
        assert statuses == {"EXPIRED": 280, "REVOKED": 20, "ISSUED": 20}
        assert (await tenant.proof())["violations"] == []


Asgi = Any  # ASGI has loose types


class RacyShop:
    """A counter that reads, lets others run, and then writes: what every naive shop does."""

    def __init__(self, stock: int) -> None:
        self.left = stock
        self.issued = 0

    async def __call__(self, scope: Asgi, receive: Asgi, send: Asgi) -> None:
        """Answer every request as if it were a claim."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        left = self.left
        await asyncio.sleep(0)
        status, body = 409, b'{"code":"SOLD_OUT"}'
        if left > 0:
            self.left = left - 1
            self.issued += 1
            status = 201
            body = b'{"incentive":{"serial":%d,"code":"c%d","id":"i%d"}}' % ((self.issued,) * 3)
        length = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": length})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def racy(stock: int) -> AsyncIterator[int]:
    """A running racy shop; its port."""
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = make_server(
        RacyShop(stock),
        NoDesk(),
        Watch(LaneLimits(), lambda: "req"),
        Listening(port=0),
        lambda _host, port: bound.set_result(port),
    )
    serving = asyncio.create_task(server.serve())
    try:
        yield await bound
    finally:
        server.should_exit = True
        await serving


async def test_a_racy_shop_is_caught() -> None:
    """The same crowd and the same check find a shop that gives out too many."""
    async with racy(stock=1) as port, crowd(port, CONNECTIONS) as visitors:
        asked = (visitors.ask("POST", "/claims", (), b"{}") for _ in range(CUSTOMERS_FOR_ONE))
        answers = list(await asyncio.gather(*asked))
    with pytest.raises(AssertionError, match="given of 1 to 50"):
        check_sale(answers, stock=1)


def test_a_lost_request_is_no_answer() -> None:
    """The check never takes silence for an answer."""
    with pytest.raises(AssertionError, match="no answer"):
        answered([None])
    assert not Connection().is_open
