"""Negative control: before a server that lies the load test finds it, whatever the lie."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from liar import lying
from lies import LIES, honest, is_sold_out, once, one_too_many
from running import ADMIN_KEY, served

from largesse.loadtest.plan import Plan
from largesse.loadtest.run import LoadTest
from largesse.loadtest.summary import Summary
from largesse.loadtest.tally import Tally

SHORT = Plan(pattern="near-limit", per_second=200, seconds=1, connections=8, starts_in_s=1)


class Nobody:
    """Watches nothing."""

    def tell(self, doing: str) -> None:
        """Hear what it is doing."""

    def beat(self, tally: Tally) -> None:
        """See how it stands."""


def found_at(url: str) -> Summary:
    """What a load test finds there."""
    return asyncio.run(LoadTest(SHORT, url, ADMIN_KEY, Nobody()).run())


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """An honest server."""
    with served(tmp_path_factory.mktemp("ledger")) as running:
        yield running.port


TOLD = {
    "a code twice": "were told to several customers",
    "one too many": "that the ledger does not hold so",
    "a winner is refused": "in the ledger that nobody was told of",
    "a refusal that nothing explains": "1 claims ended as CLOSED",
    "open before its time": "ended as ISSUED",
    "closed again": "NOT_OPEN_YET after others had been served",
    "another code": "that the ledger does not hold so",
    "another answer to a replay": "did not get the same answer",
    "a row that is hidden": "the ledger holds 99",
    "a stock that does not add up": "does not add up",
}
"""By the lie, what the load test says of it."""


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is(port: int) -> None:
    """Through the same liar, when it tells the truth."""
    with lying(port, honest) as url:
        summary = found_at(url)
    assert summary.mismatches == []
    assert (summary.requests, summary.issued, summary.left) == (200, 100, 0)
    assert summary.refusals == {"SOLD_OUT": 100}


@pytest.mark.slow
@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found(port: int, name: str) -> None:
    """One among hundreds of answers."""
    with lying(port, LIES[name]()) as url:
        summary = found_at(url)
    assert any(TOLD[name] in mismatch for mismatch in summary.mismatches), summary.mismatches


@pytest.mark.slow
def test_the_command_fails_before_a_liar(port: int) -> None:
    """With exit status 1, for programs and for people."""
    program = str(Path(sys.executable).with_name("largesse"))
    with lying(port, once(is_sold_out, one_too_many)) as url:
        done = subprocess.run(
            [program, "loadtest", "near-limit", "--per-second", "200", "--seconds", "1", "--json"],
            env={**os.environ, "LARGESSE_URL": url, "LARGESSE_KEY": ADMIN_KEY},
            capture_output=True,
            text=True,
            check=False,
        )
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert not found["exact"]
    assert found["mismatches"]
