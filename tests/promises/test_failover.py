"""Promise: a standby that commits wait for has every answer when it takes over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from os import urandom
from pathlib import Path

import psycopg
import pytest
from fault_proxy import FaultProxy, fault_proxy
from postgres_server import DURABLE, PostgresServer, postgres
from postgres_standby import let_commits_wait, promote, standby_of
from running import WATCHFUL, served
from sale import STOCK, Sale
from shop import shop

from largesse.cli.doctor_postgres import judge
from largesse.kernel.errors import StartError
from largesse.storage.postgres.inspection import inspect
from largesse.storage.postgres.opening import open_database

CONNECTIONS = 16
COPIED = 500
UNCOPIED = 300
"""Claims won while the standby hears of nothing, where no commit waits for it."""


class Pair:
    """Two servers: the second follows the first through a network that can be held."""

    def __init__(self, primary: PostgresServer, standby: PostgresServer, wire: FaultProxy) -> None:
        self.primary = primary
        self.standby = standby
        self.wire = wire
        with psycopg.connect(primary.url(), autocommit=True) as db:
            db.execute("CREATE DATABASE sale")
        both = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        self.url = f"postgresql://largesse@{both}/sale?target_session_attrs=read-write"

    def fail_over(self) -> None:
        """Kill the one, promote the other."""
        self.primary.kill()
        promote(self.standby)

    def doctor(self) -> str:
        """How `largesse doctor` finds the standbys."""
        return next(one.standing for one in judge(inspect(self.url)) if one.check == "standbys")


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A server that syncs, and its standby, which no commit waits for yet."""
    with ExitStack() as stack:
        primary = stack.enter_context(postgres(DURABLE))
        wire = stack.enter_context(fault_proxy(primary.port))
        standby = stack.enter_context(standby_of(primary, wire.port))
        yield Pair(primary, standby, wire)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_synchronous_standby_takes_over(
    pair: Pair, tmp_path: Path, told: Callable[[str], None]
) -> None:
    """It hears of nothing for a while before it does: nobody is told yes meanwhile."""
    let_commits_wait(pair.primary)
    assert pair.doctor() == "ok"
    with served(tmp_path, {**WATCHFUL, "LARGESSE_DATABASE": pair.url}) as running:
        with pytest.raises(StartError, match="a standby"):
            open_database(pair.standby.url("sale"), urandom)
        async with shop(running.port, CONNECTIONS) as tenant:
            sale = Sale(tenant, await tenant.sale(STOCK))
            await sale.more(COPIED)
            pair.wire.hold()
            await sale.refused()
            pair.fail_over()
            back_s = await sale.back()
            await sale.more(COPIED)
            await sale.check(running)
    told(
        f"failover to a synchronous standby: {len(sale.won)} answers: 0 lost, 0 twice, 0 "
        f"violations; back {back_s:.1f} s after the promotion, without a restart"
    )


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_an_asynchronous_standby_loses_some(
    pair: Pair, tmp_path: Path, told: Callable[[str], None]
) -> None:
    """Negative control: the same sale and the same check, and `doctor` has warned of it."""
    assert pair.doctor() == "warn"
    with served(tmp_path, {"LARGESSE_DATABASE": pair.url}) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            sale = Sale(tenant, await tenant.sale(STOCK))
            await sale.more(COPIED)
            pair.wire.hold()
            await sale.more(UNCOPIED)
            pair.fail_over()
            await sale.back()
            lost = await sale.lost()
    assert lost >= UNCOPIED
    told(f"failover to an asynchronous standby, as a control: {lost} of {len(sale.won)} lost")
