"""Promise: the network to the database may fail amid a sale; what was told stays true."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fault_proxy import FaultProxy, fault_proxy
from postgres_databases import Databases
from psycopg.conninfo import conninfo_to_dict
from running import WATCHFUL, served
from sale import REFUSED_S_MAX, SLACK_S, STOCK, Sale
from shop import shop

CONNECTIONS = 16
BEFORE = 300
"""Claims won between two partitions: many batches."""

DELAY_S = 0.02


def held(network: FaultProxy) -> None:
    """Everything is swallowed."""
    network.hold()


def cut(network: FaultProxy) -> None:
    """Everything is reset."""
    network.cut()


def slowed(network: FaultProxy) -> None:
    """Everything is late."""
    network.slow(DELAY_S)


Partition = tuple[Callable[[FaultProxy], None], float]

PARTITIONS: Sequence[Partition] = ((held, 1.0), (cut, 1.0), (slowed, 1.0), (held, 3.0), (cut, 2.0))
"""How, and for how many seconds."""

LONG_S = 2.5
"""What is swallowed for so long, or reset, is answered 503; else the answer is late."""

LONGEST: Sequence[Partition] = ((held, 30.0),)
"""Longer than any patience: nothing that waited at its beginning waits at its end."""


async def endure(
    sale: Sale, network: FaultProxy, fails: Callable[[FaultProxy], None], lasts_s: float
) -> None:
    """Claim through a partition, at least until it has been felt, and see it heal."""
    fails(network)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    if fails is cut or (fails is held and lasts_s > LONG_S):
        loop.call_later(lasts_s, over.set)
        await sale.refused()
        await sale.until(over.is_set)
        network.heal()
    else:
        loop.call_later(lasts_s, network.heal)
        await sale.more(BEFORE)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("partitions", [PARTITIONS, LONGEST], ids=["some", "the longest"])
async def test_partitions_amid_a_sale(
    partitions: Sequence[Partition],
    databases: Databases,
    tmp_path: Path,
    dice: random.Random,
    told: Callable[[str], None],
) -> None:
    """503 with Retry-After while it lasts; then on, by itself: nothing lost, nothing twice."""
    back_s = 0.0
    with databases.fresh() as url:
        said = conninfo_to_dict(url)
        with fault_proxy(int(str(said["port"]))) as network:
            through = f"postgresql://{said['user']}@127.0.0.1:{network.port}/{said['dbname']}"
            with served(tmp_path, {**WATCHFUL, "LARGESSE_DATABASE": through}) as running:
                async with shop(running.port, CONNECTIONS) as tenant:
                    sale = Sale(tenant, await tenant.sale(STOCK))
                    for fails, lasts_s in dice.sample(partitions, len(partitions)):
                        await sale.more(BEFORE)
                        await endure(sale, network, fails, lasts_s)
                        back_s = max(back_s, await sale.back())
                        await sale.ask_again()
                    await sale.more(BEFORE)
                    await sale.check(running)
    assert sale.slowest_s <= REFUSED_S_MAX + SLACK_S
    lengths_s = " + ".join(f"{lasts_s:.0f}" for _, lasts_s in partitions)
    told(
        f"partition of {lengths_s} s, "
        f"{len(sale.won)} answers: 0 lost, "
        f"0 twice, 0 violations; 503 within {sale.slowest_s:.1f} s, back {back_s:.1f} s after the "
        "last of them, without a restart"
    )
