"""`largesse serve --workers`: several processes on one port, one that looks after them."""

import asyncio
import json
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from crowd import Connection, crowd
from raw_http import request
from running import ADMIN_KEY, STOP_S_MAX, Running, served
from shop import API, Shop, shop

from largesse.cli.main import FAILED, run
from largesse.cli.starting import Sockets
from largesse.cli.supervising import AGAIN_S, STEADY_S, Place
from largesse.http.together import merge

WORKERS = 2
CLIENTS = 16
CLAIMS_BEFORE = 200
LOAD_S_MAX = 90.0


@pytest.fixture
def several(postgres_url: str, tmp_path: Path) -> Iterator[Running]:
    """A supervisor with its workers."""
    settings = {
        "LARGESSE_DATABASE": postgres_url,
        "LARGESSE_SERVER_WORKERS": str(WORKERS),
        "LARGESSE_LOG_LEVEL": "info",
    }
    with served(tmp_path, settings) as running:
        yield running


def told(running: Running, event: str) -> list[Any]:
    """What the log has of an event so far.

    It has a line for each batch, too: read as JSON, all of it would keep the clients from their
    connections for as long as a server that ends waits for them.
    """
    lines = (running.folder / "log").read_text().splitlines()
    about = [line for line in lines if f'"{event}"' in line and line.endswith("}")]
    return [one for one in map(json.loads, about) if one["event"] == event]


async def until_told(running: Running, event: str, times: int = 1) -> list[Any]:
    """The same once it is there so often; meanwhile whoever comes is let in."""
    async with asyncio.timeout(LOAD_S_MAX):
        while len(found := told(running, event)) < times:
            async with crowd(running.port) as visitors:
                # One that came to a worker amid its end has no answer.
                await visitors.send(request("GET", "/livez"))
    return found


async def until_ended(running: Running) -> list[Any]:
    """What the log has of workers that ended, once one is there; one of them was just killed.

    Until the supervisor sees it, the dead one's socket takes visitors to whom nobody will come.
    """
    async with asyncio.timeout(LOAD_S_MAX):
        while not (found := told(running, "worker ended")):
            with suppress(ConnectionError):
                async with crowd(running.port) as visitors:
                    await visitors.send(request("GET", "/livez"))
    return found


async def all_there(running: Running) -> None:
    """Wait until every worker is seen by the one that is asked."""
    async with asyncio.timeout(LOAD_S_MAX), crowd(running.port) as visitors:
        while True:
            text = (await visitors.ask("GET", "/metrics")).body.decode()
            if set(re.findall(r'process_start_time_seconds{worker="(\d+)"}', text)) == {"1", "2"}:
                return


def is_alive(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_one_that_dies_comes_back(several: Running) -> None:
    """The other one serves on, metrics show both, and a signal ends them all with status 0."""
    await all_there(several)
    first = {one["worker"]: one["pid"] for one in told(several, "worker")}
    os.kill(first[1], signal.SIGKILL)
    [ended] = await until_ended(several)
    assert (ended["worker"], ended["status"], ended["again_in_s"]) == (1, -signal.SIGKILL, 0)
    *_, again = await until_told(several, "worker", times=3)
    assert again["worker"] == 1
    await all_there(several)
    assert several.stop() == 0
    assert not any(is_alive(pid) for pid in (*first.values(), again["pid"]))


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_workers_do_not_outlive_their_supervisor(several: Running) -> None:
    """Whoever starts it again must find the port free, and nobody serves unseen."""
    await all_there(several)
    pids = [one["pid"] for one in told(several, "worker")]
    several.kill()
    async with asyncio.timeout(STOP_S_MAX):
        while any(is_alive(pid) for pid in pids):
            await asyncio.to_thread(os.sched_yield)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_one_that_cannot_start_is_told(several: Running) -> None:
    """All connections go to those that serve; a rolling restart keeps them, too."""
    await all_there(several)
    broken = several.folder / "largesse.toml"
    broken.write_text("[server]\nbacklogg = 1\n")
    os.kill(told(several, "worker")[0]["pid"], signal.SIGKILL)
    await until_ended(several)
    [failed, *_] = await until_told(several, "worker failed")
    assert "backlogg" in failed["problem"]
    several.process.send_signal(signal.SIGHUP)
    await until_told(several, "workers kept")
    before = len(told(several, "worker"))
    broken.unlink()
    await until_told(several, "worker", times=before + 1)
    await all_there(several)
    assert several.stop() == 0


@dataclass
class Load:
    """Customers who come one after another, over connections that come and go."""

    port: int
    campaign: str
    answers: dict[str, str] = field(default_factory=dict)
    unanswered: int = 0
    ended: bool = False
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    async def client(self, number: int) -> None:
        """Claim until told to end; a connection that the server closes is made anew."""
        connection = await self._connect()
        count = 0
        while not self.ended:
            if not connection.is_open:
                connection = await self._connect()
            customer = f"c{number}-{count}"
            answer = await connection.send(self._claim(customer))
            if answer is None:
                self.unanswered += 1
                continue
            assert answer.status == 201, answer.body
            self.answers[customer] = answer.json()["incentive"]["id"]
            count += 1
            self.grown.set()
            if answer.headers.get("connection") == "close":
                connection.leave()
                connection = await self._connect()
        connection.abort()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Connection, "127.0.0.1", self.port))[1]

    async def grow(self, by: int) -> None:
        """Wait for so many more answers."""
        wanted = len(self.answers) + by
        while len(self.answers) < wanted:
            self.grown.clear()
            await self.grown.wait()

    def _claim(self, customer: str) -> bytes:
        body = b'{"customer_id":"%b"}' % customer.encode()
        return (
            b"POST %b/campaigns/%b/claims HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nIdempotency-Key: k\r\nContent-Length: %d\r\n\r\n%b"
            % (API.encode(), self.campaign.encode(), ADMIN_KEY.encode(), len(body), body)
        )


@asynccontextmanager
async def under_load(tenant: Shop, port: int) -> AsyncIterator[Load]:
    """A sale to which customers come all the time."""
    load = Load(port, await tenant.campaign())
    async with asyncio.TaskGroup() as tasks:
        for number in range(CLIENTS):
            tasks.create_task(load.client(number))
        yield load
        load.ended = True


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_rolling_restart_loses_nothing(several: Running) -> None:
    """Under load, twice: nobody is refused, every claim is answered, every answer is there."""
    await all_there(several)
    async with shop(several.port) as tenant, under_load(tenant, several.port) as load:
        for times in (1, 2):
            await load.grow(CLAIMS_BEFORE)
            several.process.send_signal(signal.SIGHUP)
            await until_told(several, "workers replaced", times)
        await load.grow(CLAIMS_BEFORE)
    async with shop(several.port) as tenant:
        kept = {one["customer_id"]: one["id"] for one in await tenant.incentives(load.campaign)}
    assert load.unanswered == 0
    assert kept == load.answers
    pids = {one["pid"] for one in told(several, "worker")}
    assert len(pids) == 3 * WORKERS
    assert several.stop() == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--database", "sqlite:///ledger.db"], "2 workers need PostgreSQL"),
        (["--database", "postgresql://x", "--grpc-port", "0"], "share the port of gRPC"),
    ],
)
def test_what_workers_cannot_share(
    options: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clear line, exit status 1."""
    assert run(["serve", "--port", "0", "--workers", "2", *options]) == FAILED
    err = capsys.readouterr().err
    assert problem in err
    assert err.count("\n") == 1


def test_the_first_worker_says_why_it_cannot_start(capfd: pytest.CaptureFixture[str]) -> None:
    """As one process would, and no second one is tried."""
    options = ["--port", "0", "--workers", "2", "--database", "postgresql://127.0.0.1:1/x"]
    assert run(["serve", *options]) == FAILED
    err = capfd.readouterr().err
    assert err.count("cannot open postgresql://") == 1
    assert "Traceback" not in err


def test_the_pause_grows_and_is_forgotten() -> None:
    """A worker that ends again and again waits longer; one that lived long begins at once."""
    with socket.socket() as unused:
        place = Place(1, Sockets(unused, None))
    pauses = [place.pause_s(0) for _ in range(len(AGAIN_S) + 1)]
    assert pauses == [*AGAIN_S, AGAIN_S[-1]]
    assert place.pause_s(STEADY_S) == 0


def test_metrics_of_several_are_one_document() -> None:
    """Each metric stands together, under one head, its samples told apart."""
    a = b"# HELP a_total A.\n# TYPE a_total counter\na_total"
    b = b"# HELP b B.\n# TYPE b gauge\nb "
    one, two = a + b'{x="{1} 2"} 1.0\n' + b + b"2.0\n", b + b"3.0\n" + a + b'{x="y"} 4.0\n'
    assert merge({1: one, 2: two}).decode().splitlines() == [
        "# HELP a_total A.",
        "# TYPE a_total counter",
        'a_total{worker="1",x="{1} 2"} 1.0',
        'a_total{worker="2",x="y"} 4.0',
        "# HELP b B.",
        "# TYPE b gauge",
        'b{worker="1"} 2.0',
        'b{worker="2"} 3.0',
    ]
