"""The check of a true ledger, and the client that stands in for wrk."""

from pathlib import Path

import apsw
import pytest
import uvloop

from largesse.bench.asked import claim, winner
from largesse.bench.client import ask_in_turns
from largesse.bench.echo import TARGET
from largesse.bench.exactness import Told, complaints, read
from largesse.bench.ledgers import FileLedger
from largesse.bench.load import Load
from largesse.bench.server import echo
from largesse.bench.stage import opened

UNITS = 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("planted", "wrong"),
    [
        ("SELECT 1", 0),
        ("DELETE FROM journal WHERE kind = 1 AND serial = 7", 4),
        ("UPDATE journal SET serial = 8 WHERE kind = 1 AND serial = 7", 1),
        ("UPDATE journal SET customer = 'w' WHERE kind = 1 AND serial IN (7, 8)", 1),
        ("UPDATE reward SET issued = issued - 1", 1),
    ],
)
def test_a_planted_mistake_is_caught(planted: str, wrong: int, tmp_path: Path) -> None:
    """Behind the back of a server that was exact."""
    with opened(FileLedger(tmp_path), UNITS) as stage:
        customers = [winner(number) for number in range(UNITS + 5)]
        results = stage.api.claim_all(stage.campaign, customers)
        stock = stage.stock()
    issued = sum(result.outcome == "ISSUED" for result in results)
    db = apsw.Connection(str(FileLedger(tmp_path).path))
    db.execute(planted)
    db.close()

    found = complaints(Told(issued), stock, read(FileLedger(tmp_path).path), quota=UNITS)

    assert issued == UNITS
    assert len(found) == wrong, found


@pytest.mark.slow
def test_the_built_in_client_stands_in(tmp_path: Path) -> None:
    """It asks as wrk does, retries of winners included, until it has seen enough."""
    with echo(tmp_path) as server:
        enough = iter([False, False, True])
        texts = (claim(TARGET.decode(), "Bearer x"),)
        load = Load(server.url, texts, 8, 0, winners=10, reached=lambda: next(enough))
        measured = uvloop.run(ask_in_turns(load))

    assert measured.issued == measured.answers > 0
    assert measured.broken == 0
    assert 0 < measured.winners_asked < measured.answers / 5
    assert 0 < measured.p50_ms <= measured.p99_ms <= measured.p999_ms
