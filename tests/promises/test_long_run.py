"""Promise: a server that runs for long holds on to nothing that it has no use for."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from exactness import answered
from raw_http import request
from running import ADMIN_KEY, hosted, served
from shop import API, shop

from largesse.kernel.clock import SystemClock

REQUESTS = 100_000
WARM_UP = 30_000
CUSTOMERS = 2_000
"""Few, so that what the ledger must remember of them does not grow."""

CONNECTIONS = 16
WAVE = 1_000
GROWTH_MAX = 0.05
KIB = 1_024


def resident_bytes(pid: int) -> int:
    """The memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * KIB
    message = "the kernel does not tell"
    raise AssertionError(message)


def descriptors(pid: int) -> int:
    """How many files and sockets a process holds open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def wave(port: int, number: int, sale: str) -> None:
    """A thousand requests of every kind, over connections of their own."""
    async with shop(port, CONNECTIONS) as tenant:
        names = [f"c{(number * WAVE + n) % CUSTOMERS}" for n in range(WAVE)]
        claims = [tenant.claim(sale, name) for name in names[:-100]]
        reads = [tenant.send("GET", f"/campaigns/{sale}") for _ in range(60)]
        lost = [tenant.send("GET", f"/incentives/inc_{n}") for n in range(20)]
        bad = [tenant.send("POST", f"/campaigns/{sale}/claims", b"{") for _ in range(20)]
        statuses = {
            kind: {answer.status for answer in answered(await asyncio.gather(*several))}
            for kind, several in {"claim": claims, "read": reads, "lost": lost, "bad": bad}.items()
        }
    assert statuses["claim"] <= {201, 409}
    assert (statuses["read"], statuses["lost"], statuses["bad"]) == ({200}, {404}, {400})


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_nothing_piles_up(tmp_path: Path, told: Callable[[str], None]) -> None:
    """100,000 requests over 1,600 connections: no descriptor more, memory growth under 5 %."""
    with served(tmp_path) as running:
        async with shop(running.port) as tenant:
            sale = await tenant.sale(CUSTOMERS // 2)
        for number in range(WARM_UP // WAVE):
            await wave(running.port, number, sale)
        before_bytes, before = resident_bytes(running.pid), await settled(running.pid, running.port)
        for number in range(WARM_UP // WAVE, REQUESTS // WAVE):
            await wave(running.port, number, sale)
        after_bytes, after = resident_bytes(running.pid), await settled(running.pid, running.port)
        assert running.stop() == 0
    growth = after_bytes / before_bytes - 1
    assert after <= before
    assert growth < GROWTH_MAX
    told(
        f"long run: {REQUESTS} requests: {after - before} descriptors more, memory "
        f"{before_bytes / KIB**2:.0f} MB after {WARM_UP}, {growth:+.1%} at the end"
    )


async def settled(pid: int, port: int) -> int:
    """The descriptors of a server once it has noticed that its last clients have gone."""
    fewest = descriptors(pid)
    async with shop(port) as tenant:
        for _ in range(50):
            await tenant.get("/test-clock")
            fewest = min(fewest, descriptors(pid))
    return fewest


async def test_a_connection_that_is_held_is_seen(tmp_path: Path) -> None:
    """The count of descriptors notices a single one more."""
    with served(tmp_path) as running:
        before = await settled(running.pid, running.port)
        async with shop(running.port) as held:
            await held.get("/test-clock")
            assert await settled(running.pid, running.port) == before + 1


async def test_no_task_is_left_behind(tmp_path: Path) -> None:
    """Requests of every kind, some of them cut off, leave as many tasks as there were."""
    async with hosted(tmp_path, SystemClock()) as port:
        async with shop(port) as tenant:
            sale = await tenant.sale(10)
        before = asyncio.all_tasks()
        await wave(port, 0, sale)
        await cut_off(port, sale)
        left = asyncio.all_tasks() - before
        if left:
            _, left = await asyncio.wait(left, timeout=10)
        assert not left


async def cut_off(port: int, sale: str) -> None:
    """Half a request, and nothing more, on connections that then break."""
    whole = request(
        "POST", f"{API}/campaigns/{sale}/claims", [("Authorization", f"Bearer {ADMIN_KEY}")], b"{}"
    )
    for length in range(1, len(whole), 7):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(whole[:length])
        await writer.drain()
        writer.transport.abort()
