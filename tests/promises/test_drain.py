"""Promise: a server that is told to stop answers what it accepted."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from exactness import check_distinct
from running import served
from shop import Shop, shop

ROUNDS = 3
CONNECTIONS = 64
IN_FLIGHT = 256
LOAD_S = (0.3, 0.8)


async def sell_until_the_end(tenant: Shop, sale: str) -> set[str]:
    """Claim as fast as answers come, until no more come; the codes that were answered."""
    codes: set[str] = set()

    async def one_client(number: int) -> None:
        turn = 0
        while (answer := await tenant.claim(sale, f"c{number}-{turn}")) is not None:
            turn += 1
            assert answer.status == 201, answer.body
            codes.add(answer.json()["incentive"]["code"])

    await asyncio.gather(*(one_client(number) for number in range(IN_FLIGHT)))
    return codes


@pytest.mark.slow
async def test_a_drain_loses_no_answer(
    tmp_path: Path, dice: random.Random, told: Callable[[str], None]
) -> None:
    """SIGTERM under full load: every answer the clients counted is a row, and status 0."""
    total = 0
    for _ in range(ROUNDS):
        with served(tmp_path) as running:
            async with shop(running.port, CONNECTIONS) as tenant:
                sale = await tenant.sale(1_000_000)
                selling = asyncio.create_task(sell_until_the_end(tenant, sale))
                loop = asyncio.get_running_loop()
                loop.call_later(dice.uniform(*LOAD_S), running.process.terminate)
                codes = await selling
            assert await asyncio.to_thread(running.process.wait, 30) == 0
        with served(tmp_path) as running:
            async with shop(running.port) as tenant:
                listed = await tenant.incentives(sale)
        check_distinct(listed)
        assert {one["code"] for one in listed} == codes
        total += len(codes)
    assert total > 1_000 * ROUNDS, "too little load to mean anything"
    told(f"SIGTERM under full load: {ROUNDS} times, {total} answers = {total} rows, status 0")
