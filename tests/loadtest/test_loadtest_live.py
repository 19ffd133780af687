"""The load test before a real server: every pattern, both ways to see it, and how fast it is."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
import uvloop
from running import ADMIN_KEY, served

from largesse.client import campaigns, tenants
from largesse.client.blocking import Client
from largesse.loadtest.patterns import PATTERNS
from largesse.loadtest.plan import LoadTestError, PatternName, Plan, Protocol
from largesse.loadtest.run import LoadTest
from largesse.loadtest.summary import Summary, sparkline
from largesse.loadtest.tally import Tally

PROGRAM = str(Path(sys.executable).with_name("largesse"))
PER_SECOND_MIN = 5_000

Case = tuple[PatternName, Protocol]
CASES = list(product(PATTERNS, get_args(Protocol)))


class Watcher:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.beats = 0

    def tell(self, doing: str) -> None:
        """Hear what it is doing."""
        self.told.append(doing)

    def beat(self, tally: Tally) -> None:
        """See how it stands."""
        self.beats += 1


class Meter(Watcher):
    """Takes the processor time of what it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self._at_s: list[float] = []

    def tell(self, doing: str) -> None:
        """Look at the clock."""
        super().tell(doing)
        self._at_s.append(time.process_time())

    def took_s(self, doing: str) -> float:
        """How much that took."""
        began = self.told.index(doing)
        return self._at_s[began + 1] - self._at_s[began]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all."""
    with served(tmp_path_factory.mktemp("ledger")) as running:
        yield f"http://127.0.0.1:{running.port}"


def called(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as its users call it."""
    return subprocess.run(
        [PROGRAM, "loadtest", *arguments],
        env={**os.environ, "LARGESSE_URL": url, "LARGESSE_KEY": ADMIN_KEY},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def summaries(url: str) -> dict[Case, Summary]:
    """Every pattern over either protocol, at a hundred claims a second, all at the same time."""

    async def run_all() -> list[Summary]:
        tests = (
            LoadTest(
                Plan(
                    pattern=pattern,
                    protocol=protocol,
                    per_second=100,
                    seconds=2,
                    connections=8,
                    starts_in_s=2,
                ),
                url,
                ADMIN_KEY,
                Watcher(),
            ).run()
            for pattern, protocol in CASES
        )
        return list(await asyncio.gather(*tests))

    return dict(zip(CASES, asyncio.run(run_all()), strict=True))


PROPERTIES: dict[PatternName, Callable[[Summary], bool]] = {
    "steady": lambda found: (found.successes, found.left) == (200, 0),
    "ramp": lambda found: (found.successes, found.left) == (100, 0),
    "burst": lambda found: (found.successes, found.left) == (200, 0),
    "many-campaigns": lambda found: found.successes == 200 and len(found.campaigns) == 16,
    "near-limit": lambda found: (found.successes, found.refusals) == (100, {"SOLD_OUT": 100}),
    "around-start": lambda found: found.refusals.keys() == {"NOT_OPEN_YET"} and found.issued >= 100,
    "disconnects": lambda found: (found.successes, found.unheard, found.issued) == (133, 67, 200),
}
"""What each pattern is about."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_answers_and_ledger_agree(
    summaries: dict[Case, Summary], name: PatternName, protocol: Protocol
) -> None:
    """Whatever the pattern; and it does what it says."""
    found = summaries[name, protocol]
    assert found.protocol == protocol
    assert found.mismatches == []
    assert found.requests == (100 if name == "ramp" else 200)
    assert PROPERTIES[name](found), found
    assert 0 < found.latency.p50_ms <= found.latency.p95_ms <= found.latency.p99_ms
    assert sum(found.by_second) == found.requests - found.unheard


@pytest.mark.slow
def test_people_see_a_summary(url: str) -> None:
    """And what it did, on standard error; afterwards its campaign has ended."""
    done = called(url, "near-limit", "--per-second", "50", "--seconds", "1")
    assert done.returncode == 0
    assert "50 in " in done.stdout
    assert "25 SOLD_OUT" in done.stdout
    assert "Answers and ledger agree." in done.stdout
    assert done.stderr.splitlines() == [
        "making the campaigns",
        "waiting for the opening",
        "claiming",
        "asking again",
        "reading the ledger",
        "ending the campaigns",
    ]
    with Client(url, ADMIN_KEY) as client:
        [newest] = client.ask(campaigns.list_all(name="Load test", limit=1)).items
    assert newest.status == "ENDED"


@pytest.mark.slow
def test_what_cannot_be_tested_is_one_line(url: str) -> None:
    """A tenant whose clock stands still, a pattern without its pace, a server that is not there."""
    with Client(url, ADMIN_KEY) as operator:
        rehearsal = operator.ask(tenants.create("Rehearsal", test_mode=True))
    assert rehearsal.admin_key is not None
    for arguments, told in (
        (("--key", rehearsal.admin_key), "tenant in test mode, whose clock stands still"),
        (("ramp", "--full-speed"), "give --per-second"),
        (("--url", "http://127.0.0.1:1"), "no server answers"),
    ):
        done = called(url, *arguments)
        assert done.returncode == 1
        complaint = done.stderr.splitlines()[-1]
        assert complaint.startswith("largesse: ")
        assert told in complaint


async def test_a_server_without_time_to_spare_is_told(url: str) -> None:
    """Where making the campaigns takes until their opening there is no before to be tested."""
    plan = Plan(pattern="many-campaigns", starts_in_s=0)
    with pytest.raises(LoadTestError, match="there is no before"):
        await LoadTest(plan, url, ADMIN_KEY, Watcher()).run()


@pytest.mark.alone
@pytest.mark.slow
def test_one_process_drives_five_thousand_claims_a_second(
    url: str, record_property: Callable[[str, object], None]
) -> None:
    """Beside the server, each answer read, kept and held against the ledger.

    By its processor time, so that the figure is the load test's own, whatever the server and its
    disk can do: told beside it is what came of both together.
    """
    meter = Meter()
    plan = Plan(per_second=None, seconds=3, connections=128, starts_in_s=1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(LoadTest(plan, url, ADMIN_KEY, meter).run())
    assert found.mismatches == []
    own = found.requests / meter.took_s("claiming")
    together = f"{found.per_second:,.0f} claims/s beside the server"
    record_property("promise", f"load test: {own:,.0f} claims in a second of a core; {together}")
    assert own >= PER_SECOND_MIN


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([0, 0], "▁▁"),
        ([0, 4, 7], "▁▅█"),
        ([1] * 120, "█" * 60),
        ([1] * 61, "█" * 30 + "▅"),
    ],
)
def test_a_sparkline_fits_a_line(values: list[int], drawn: str) -> None:
    """Where there are many seconds, several fall together."""
    assert sparkline(values) == drawn
