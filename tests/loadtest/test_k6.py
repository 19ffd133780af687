"""The seven patterns as k6 scripts, run by the real k6 before a real server, and before a liar."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from build_k6 import NotBuiltError, build
from liar import Lie, lying
from lies import LIES, honest
from running import ADMIN_KEY, served

from largesse.client import campaigns
from largesse.client.blocking import Client
from largesse.loadtest.plan import PatternName

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first test waits for the build

SCRIPTS = Path(__file__).parents[2] / "loadtest" / "k6"
PER_SECOND, SECONDS = 50, 2
CLAIMS = PER_SECOND * SECONDS
LIES_PER_SECOND = 20
"""A liar tells one thing at a time, and there are many of them."""

DISAGREES, FAILED = 99, 107
"""How k6 ends where a threshold was crossed, and where the script could not go on."""

RUN_S_MAX = 120.0


@dataclass(frozen=True)
class Ended:
    """A run of a script: its exit status, what it printed, and its metrics."""

    status: int
    output: str
    metrics: dict[str, dict[str, Any]]

    def count(self, metric: str) -> int:
        """The sum of a counter."""
        return int(self.metrics.get(metric, {}).get("count", 0))


class Run:
    """A script under way; several go side by side, because most of their time is waiting."""

    def __init__(
        self, k6: Path, folder: Path, script: str, url: str, per_second: int = PER_SECOND
    ) -> None:
        folder.mkdir()
        self._exported = folder / "summary.json"
        self._output = folder / "output"
        chosen = {"PER_SECOND": per_second, "SECONDS": SECONDS, "CONNECTIONS": 32, "STARTS_IN_S": 4}
        environment = {
            **os.environ,
            **{name: str(value) for name, value in chosen.items()},
            "LARGESSE_URL": url,
            "LARGESSE_KEY": ADMIN_KEY,
            "K6_NO_USAGE_REPORT": "true",
        }
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [k6, "run", "--quiet", "--address", "", "--summary-export", self._exported, script],
                cwd=SCRIPTS,
                env=environment,
                stdout=output,
                stderr=output,
            )

    def end(self) -> Ended:
        """Wait for it."""
        try:
            status = self._process.wait(RUN_S_MAX)
        finally:
            self._process.kill()
            self._process.wait()
        metrics = json.loads(self._exported.read_text())["metrics"]
        return Ended(status, self._output.read_text(), metrics)


@pytest.fixture(scope="module")
def k6() -> Path:
    """The program, built by the first test of all runs that needs it."""
    try:
        return build()
    except NotBuiltError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """An honest server."""
    with served(tmp_path_factory.mktemp("ledger")) as running:
        yield running.port


@pytest.fixture(scope="module")
def ended(k6: Path, port: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Every script, run against the honest server at the same time."""
    folder, url = tmp_path_factory.mktemp("k6"), f"http://127.0.0.1:{port}"
    names: tuple[str, ...] = get_args(PatternName)
    runs = {name: Run(k6, folder / name, f"{name}.js", url) for name in names}
    return {name: run.end() for name, run in runs.items()}


@pytest.fixture(scope="module")
def misled(k6: Path, port: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """The same script before each liar, and before one that tells the truth."""
    folder = tmp_path_factory.mktemp("k6-before-liars")
    told: dict[str, Lie] = {**{name: make() for name, make in LIES.items()}, "no lie": honest}
    with ExitStack() as stack:
        runs = {}
        for name, lie in told.items():
            url = stack.enter_context(lying(port, lie))
            place = folder / name.replace(" ", "-")
            runs[name] = Run(k6, place, "near-limit.js", url, LIES_PER_SECOND)
        return {name: run.end() for name, run in runs.items()}


PROPERTIES: dict[PatternName, Callable[[Ended], bool]] = {
    "steady": lambda one: one.count("issued") == one.count("iterations"),
    "ramp": lambda one: CLAIMS / 4 < one.count("issued") == one.count("iterations") < CLAIMS,
    "burst": lambda one: one.count("issued") == one.count("iterations") * PER_SECOND,
    "many-campaigns": lambda one: one.count("issued") == one.count("iterations"),
    "near-limit": lambda one: (
        one.count("issued") == CLAIMS // 2
        and one.count("refused{outcome:SOLD_OUT}") == one.count("iterations") - CLAIMS // 2
    ),
    "around-start": lambda one: (
        one.count("refused{outcome:NOT_OPEN_YET}") == one.count("refused") > 0
    ),
    "disconnects": lambda one: one.count("hung_up") >= one.count("replayed") > 0,
}
"""What each pattern is about; a machine in trouble may drop some iterations, and says so."""


@pytest.mark.parametrize("name", PROPERTIES)
def test_answers_and_ledger_agree(ended: dict[str, Ended], name: PatternName) -> None:
    """Whatever the pattern; and it does what it says."""
    one = ended[name]
    assert one.status == 0, one.output
    assert "level=error" not in one.output
    assert one.count("issued") > 0
    assert PROPERTIES[name](one), one.output


def test_each_pattern_has_its_script() -> None:
    """The same that `largesse loadtest` knows, and nothing beside them but what they share."""
    assert {path.stem for path in SCRIPTS.iterdir()} == {*get_args(PatternName), "sale"}
    assert PROPERTIES.keys() == set(get_args(PatternName))


def test_the_campaigns_are_ended(ended: dict[str, Ended], port: int) -> None:
    """Sixteen of the one, one of each other."""
    with Client(f"http://127.0.0.1:{port}", ADMIN_KEY) as client:
        found = list(client.walk(campaigns.list_all(name="Load test")))
    assert len(found) >= len(ended) - 1 + 16
    assert {campaign.status for campaign in found} <= {"ENDED"}


FOUND = {
    "a code twice": "told_minus_kept",
    "one too many": "told_minus_kept",
    "a winner is refused": "told_minus_kept",
    "a refusal that nothing explains": "not so: a claim ends in a way that the load explains",
    "open before its time": "not so: a claim before the opening is refused",
    "closed again": "not so: a claim ends in a way that the load explains",
    "another code": "told_minus_kept_digest",
    "another answer to a replay": "not so: a winner who asks again hears the same",
    "a row that is hidden": "not so: the ledger lists what the stock calls issued",
    "a stock that does not add up": "not so: who hears SOLD_OUT hears it when nothing is left",
}
"""By the lie, what k6 says of it."""


@pytest.mark.parametrize("name", LIES)
def test_a_lie_fails_the_run(misled: dict[str, Ended], name: str) -> None:
    """One among hundreds of answers."""
    one = misled[name]
    assert one.status == DISAGREES, one.output
    assert any(FOUND[name] in line for line in one.output.splitlines() if "level=error" in line), (
        one.output
    )


def test_nothing_is_found_where_nothing_is(misled: dict[str, Ended]) -> None:
    """Through the same liar, when it tells the truth."""
    assert misled["no lie"].status == 0, misled["no lie"].output


def test_what_cannot_be_run_is_told(k6: Path, tmp_path: Path) -> None:
    """Nobody is there."""
    one = Run(k6, tmp_path / "nobody", "steady.js", "http://127.0.0.1:1").end()
    assert one.status == FAILED
    assert "GET http://127.0.0.1:1/api/v1/test-clock" in one.output
