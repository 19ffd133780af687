"""Promise: a backup amid a sale has all that was answered before, and is whole or not there."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from raw_http import Response, connected
from running import ADMIN_KEY, PROGRAM, WATCHFUL, Running, ready, served, start
from shop import Json, Shop, shop

CONNECTIONS = 16
IN_FLIGHT = 128
BACKUPS = 2
BALLAST_BYTES = 64 * 2**20
"""Makes a backup take long enough to be killed half-way."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NO_KEYS = {"PATH": "/usr/bin:/bin"}


def command(*arguments: str) -> subprocess.Popen[bytes]:
    """A command of ours that runs by itself."""
    return subprocess.Popen(
        [PROGRAM, *arguments, "--json"],
        env=NO_KEYS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def backing_up(running: Running, path: Path) -> subprocess.Popen[bytes]:
    """`largesse backup` on its way."""
    url = f"http://127.0.0.1:{running.port}"
    return command("backup", str(path), "--url", url, "--key", ADMIN_KEY)


async def done(process: subprocess.Popen[bytes]) -> Json:
    """What a command says, which must succeed."""
    out, complaint = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0, complaint
    return json.loads(out)


async def complaint_of(process: subprocess.Popen[bytes]) -> str:
    """The one line that a command complains with, which must fail."""
    _, complaint = await asyncio.to_thread(process.communicate)
    assert process.returncode == 1
    [line] = complaint.decode().splitlines()
    return line


class Sale:
    """Customers who claim without an end, and what they were told."""

    def __init__(self, tenant: Shop, campaign: str) -> None:
        self.told: dict[str, Response] = {}
        self._tenant = tenant
        self._campaign = campaign
        self._number = 0
        self._over = False
        self._aim = 0
        self._reached = asyncio.Event()

    async def go_on(self) -> None:
        """Claim until it is over, or the server is gone."""
        await asyncio.gather(*(self._one_client() for _ in range(IN_FLIGHT)))

    def end(self) -> None:
        """Ask no more."""
        self._over = True

    async def reach(self, count: int) -> None:
        """Wait until so many were told that they have one."""
        self._aim = count
        self._reached.clear()
        await self._reached.wait()

    async def _one_client(self) -> None:
        while not self._over:
            self._number += 1
            customer = f"c{self._number}"
            answer = await self._tenant.claim(self._campaign, customer)
            if answer is None:
                return
            assert answer.status == 201, answer.body
            self.told[customer] = answer
            if len(self.told) >= self._aim:
                self._reached.set()


@contextmanager
def on_sale(folder: Path, ballast: int = 0) -> Iterator[Running]:
    """A server, on a ledger made heavier behind its back."""
    with served(folder) as running:
        running.stop()
    if ballast:
        db = apsw.Connection(str(folder / "ledger.db"))
        db.execute("CREATE TABLE ballast (weight BLOB)")
        db.execute("INSERT INTO ballast VALUES (zeroblob(?))", (ballast,))
        db.close()
    with served(folder) as running:
        yield running


async def half_way(process: subprocess.Popen[bytes], path: Path) -> None:
    """Wait until a backup has some of its content and not yet its name."""
    unfinished = path.with_name(path.name + ".unfinished")
    left = unfinished.stat().st_size if unfinished.exists() else 0

    def watch() -> None:
        size = left
        while size in (0, left):  # what an earlier one left is written anew
            assert process.poll() is None
            size = unfinished.stat().st_size if unfinished.exists() else 0

    await asyncio.to_thread(watch)


def names(folder: Path) -> set[str]:
    """What is in a folder."""
    return {file.name for file in folder.iterdir()}


async def test_a_backup_amid_a_sale(tmp_path: Path, told: Callable[[str], None]) -> None:
    """What was answered before it began is in it, in the same words; it can be gone on with."""
    with on_sale(tmp_path) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            campaign = await tenant.campaign(per_customer_max=1)
            sale = Sale(tenant, campaign)
            going = asyncio.create_task(sale.go_on())
            before: list[dict[str, Response]] = []
            for number in range(BACKUPS):
                await sale.reach(len(sale.told) + 500)
                before.append(dict(sale.told))
                shown = await done(backing_up(running, tmp_path / f"{number}.backup"))
                assert len(before[-1]) <= shown["incentives"] <= len(sale.told) + IN_FLIGHT
            sale.end()
            await going
    for number, answers in enumerate(before):
        await check_restored(tmp_path, number, campaign, answers)
    told(f"backups amid a sale: {BACKUPS}, the last with {len(before[-1])} answers: 0 lost")


async def check_restored(
    folder: Path, number: int, campaign: str, answers: dict[str, Response]
) -> None:
    """Retries at a server on the restored ledger get the bytes that the first one sent."""
    home = folder / str(number)
    home.mkdir()
    database = f"sqlite:///{home / 'ledger.db'}"
    await done(command("restore", str(folder / f"{number}.backup"), "--database", database))
    with served(home, WATCHFUL) as running:
        await ready(running.port)
        async with shop(running.port, CONNECTIONS) as tenant:
            again = await asyncio.gather(*(tenant.claimed(campaign, who) for who in answers))
            assert (await tenant.proof())["violations"] == []
    for answer, first in zip(again, answers.values(), strict=True):
        assert (answer.status, answer.body) == (201, first.body)
        assert answer.headers["idempotency-replayed"] == "true"


async def test_kills_half_way(tmp_path: Path) -> None:
    """Of the command, of its server: no backup is there, nothing is lost, the next one succeeds."""
    path = tmp_path / "one.backup"
    with on_sale(tmp_path, BALLAST_BYTES) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            campaign = await tenant.campaign(per_customer_max=1)
            sale = Sale(tenant, campaign)
            going = asyncio.create_task(sale.go_on())
            await sale.reach(100)
            killed = backing_up(running, path)
            await half_way(killed, path)
            killed.kill()
            await asyncio.to_thread(killed.communicate)
            assert not path.exists()
            orphan = backing_up(running, path)
            await half_way(orphan, path)
            running.kill()
            await going
        assert "no answer came" in await complaint_of(orphan)
        assert not path.exists()
    with served(tmp_path) as running:
        await ready(running.port)
        shown = await done(backing_up(running, path))
        assert shown["incentives"] >= len(sale.told)
    beside = {"ledger.db-lock", "ledger.db-shm", "ledger.db-wal", "log"}
    assert names(tmp_path) == {"ledger.db", path.name, *beside}


async def test_a_client_who_leaves_blocks_no_other(tmp_path: Path) -> None:
    """Who takes no more of a backup holds nothing, and the next one is free to ask."""
    with on_sale(tmp_path, BALLAST_BYTES) as running:
        wanted = (
            f"GET /api/v1/backup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\r\n"
        ).encode()
        async with connected(running.port) as reader, connected(running.port) as another:
            await reader.send(wanted)
            status, headers = await reader.read_head()
            assert status == 200
            assert int(headers["content-length"]) > BALLAST_BYTES
            refused = await another.ask(wanted)
            assert (refused.status, refused.json()["code"]) == (503, "BUSY")
        async with asyncio.timeout(30), connected(running.port) as third:
            while True:
                await third.send(wanted)
                status, headers = await third.read_head()
                if status == 200:
                    break
                await third.reader.readexactly(int(headers["content-length"]))
    assert "ledger.db-copy" not in names(tmp_path)


async def test_a_ledger_whose_server_was_killed(tmp_path: Path) -> None:
    """Is backed up at rest, with what was only in the log; and not while a server has it."""
    database = f"sqlite:///{tmp_path / 'ledger.db'}"
    path = tmp_path / "one.backup"
    running = start(tmp_path)
    try:
        async with shop(running.port) as tenant:
            campaign = await tenant.campaign()
            for number in range(10):
                await tenant.claimed(campaign, f"c{number}")
        used = command("backup", str(path), "--database", database)
        assert "leave out --database" in await complaint_of(used)
    finally:
        running.kill()
        assert running.process.stdout is not None
        running.process.stdout.close()
    assert (await done(command("backup", str(path), "--database", database)))["incentives"] == 10
