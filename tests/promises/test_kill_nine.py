"""Promise: what was answered is on stable storage, whenever the process dies."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from exactness import answered, check_distinct
from raw_http import Response
from running import Running, ready, served
from shop import Shop, a_reward, shop

CYCLES = 50
CYCLES_ON_POSTGRES = 20
"""What dies here keeps nothing: the database does, and dies in a test of its own."""

CONNECTIONS = 16
IN_FLIGHT = 256
"""Claims that wait for an answer when the process dies."""

KILL_S = (0.02, 0.35)
"""How long the load lasts before the kill: from the first commits to many checkpoints."""

READY_S_MAX = 5.0
CHECKPOINTING = {
    "LARGESSE_DATABASE_CHECKPOINT_PAGES": "100",
    "LARGESSE_AUDIT_PERIOD_S": "1",
}
"""A checkpoint every few batches, so that kills fall into them."""

CUSTOMERS = 150_000
RETRIES_AFTER_A_KILL = 500


@dataclass
class Book:
    """What the clients of all cycles know."""

    acknowledged: dict[str, Response] = field(default_factory=dict)
    """By customer and key: the answers that came."""
    unknown: set[tuple[str, str]] = field(default_factory=set)
    """Customers and keys without an answer."""
    revoked: set[str] = field(default_factory=set)
    ready_s: list[float] = field(default_factory=list)
    sent: int = 0


async def load(tenant: Shop, sale: str, book: Book, dice: random.Random) -> None:
    """Claim as fast as answers come, until the server is gone; now and then revoke."""
    gone = False

    async def one_client() -> None:
        nonlocal gone
        while not gone:
            book.sent += 1
            customer, key = f"c{dice.randrange(CUSTOMERS)}", f"k{book.sent}"
            answer = await tenant.claim(sale, customer, key)
            if answer is None:
                gone = True
                book.unknown.add((customer, key))
            elif answer.status == 201:
                book.acknowledged[f"{customer} {key}"] = answer
                if dice.random() < 0.02:
                    await take_back(tenant, answer.json()["incentive"]["id"], book)
            else:
                assert answer.json()["code"] == "CUSTOMER_LIMIT_REACHED", answer.body

    await asyncio.gather(*(one_client() for _ in range(IN_FLIGHT)))


async def take_back(tenant: Shop, incentive: str, book: Book) -> None:
    """Revoke; remember it only when it was acknowledged."""
    answer = await tenant.send(
        "POST", f"/incentives/{incentive}:revoke", Idempotency_Key=f"revoke-{incentive}"
    )
    if answer is not None:
        assert answer.status == 200, answer.body
        book.revoked.add(incentive)


async def check_retries(tenant: Shop, sale: str, book: Book, dice: random.Random) -> None:
    """Retries of what was answered get the same bytes; the others get one answer from now on."""
    known = dice.sample(
        sorted(book.acknowledged), min(RETRIES_AFTER_A_KILL, len(book.acknowledged))
    )
    pairs = [name.split(" ") for name in known]
    again = answered(await asyncio.gather(*(tenant.claim(sale, who, key) for who, key in pairs)))
    for name, answer in zip(known, again, strict=True):
        assert (answer.status, answer.body) == (201, book.acknowledged[name].body)
        assert answer.headers["idempotency-replayed"] == "true"
    unsure = sorted(book.unknown)
    book.unknown.clear()
    later = answered(await asyncio.gather(*(tenant.claim(sale, who, key) for who, key in unsure)))
    for (customer, key), answer in zip(unsure, later, strict=True):
        if answer.status == 201:
            book.acknowledged[f"{customer} {key}"] = answer
        else:
            assert answer.json()["code"] == "CUSTOMER_LIMIT_REACHED"


def check_ledger(book: Book, listed: list[Any], stock: Any) -> None:  # noqa: ANN401 - as shown
    """Every answer is in the ledger with the same code; nothing is there twice."""
    check_distinct(listed)
    rows = {one["id"]: one for one in listed}
    for answer in book.acknowledged.values():
        told = answer.json()["incentive"]
        row = rows[told["id"]]
        assert {**row, "status": "ISSUED"} == told
    for incentive in book.revoked:
        assert rows[incentive]["status"] == "REVOKED"
    holding = Counter(one["customer_id"] for one in listed if one["status"] == "ISSUED")
    assert max(holding.values()) == 1
    assert stock["issued"] == holding.total()


async def one_life(running: Running, sale: str, book: Book, dice: random.Random) -> None:
    """Be ready, answer retries as before, take load, and die amid it."""
    await ready(running.port)
    book.ready_s.append(time.monotonic() - running.started_at_s)
    async with shop(running.port, CONNECTIONS) as tenant:
        await check_retries(tenant, sale, book, dice)
        loading = asyncio.create_task(load(tenant, sale, book, dice))
        asyncio.get_running_loop().call_later(dice.uniform(*KILL_S), running.process.kill)
        await loading
    running.kill()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_kill_nine(
    tmp_path: Path,
    own_ledger: Mapping[str, str],
    dice: random.Random,
    told: Callable[[str], None],
) -> None:
    """Kills at random moments: 0 acknowledged lost, 0 duplicates, ready again in 5 s."""
    book, settings = Book(), {**CHECKPOINTING, **own_ledger}
    cycles = CYCLES_ON_POSTGRES if own_ledger else CYCLES
    with served(tmp_path, settings) as running:
        async with shop(running.port) as tenant:
            sale = await tenant.campaign(
                per_customer_max=1, rewards=[a_reward(quota_total=1_000_000)]
            )
        running.kill()
    for _ in range(cycles):
        with served(tmp_path, settings) as running:
            await one_life(running, sale, book, dice)
    with served(tmp_path, settings) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            await check_retries(tenant, sale, book, dice)
            check_ledger(book, await tenant.incentives(sale), await tenant.stock(sale))
            proof = await tenant.proof()
    assert proof["violations"] == []
    assert max(book.ready_s) <= READY_S_MAX
    assert len(book.acknowledged) > 100 * cycles, "too little load to mean anything"
    told(
        f"kill -9: {cycles} kills, {len(book.acknowledged)} answers, {len(book.revoked)} revokes: "
        f"0 lost, 0 duplicates, 0 violations; ready after {max(book.ready_s):.2f} s at most"
    )


def test_a_lost_answer_is_caught() -> None:
    """The check of the ledger finds an acknowledged row that is missing, and a changed code."""
    row = {"id": "i", "serial": 1, "code": "A", "customer_id": "ann", "status": "ISSUED"}
    changed = {**row, "code": "B"}
    answer = Response(201, {}, b'{"incentive":%b}' % str(row).replace("'", '"').encode())
    book = Book(acknowledged={"ann k": answer})
    check_ledger(book, [row], {"issued": 1})
    with pytest.raises(KeyError):
        check_ledger(book, [], {"issued": 0})
    with pytest.raises(AssertionError):
        check_ledger(book, [changed], {"issued": 1})
