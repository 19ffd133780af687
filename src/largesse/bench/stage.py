"""What scenarios have in common: a server with a campaign, a load on it, and its price."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from largesse.bench import asked
from largesse.bench.api import Api, target_of
from largesse.bench.driver import drive
from largesse.bench.echo import TARGET
from largesse.bench.exactness import Told
from largesse.bench.ledgers import Ledger
from largesse.bench.load import Load, Measured
from largesse.bench.plan import Plan
from largesse.bench.report import Bar, Figure, beside, figure, ratios
from largesse.bench.server import Server, echo, largesse, new_key

MB = 1_000_000

SETTLING_S = 0.2
"""What clients left behind unheard is settled long before."""

_ANYBODY = "Bearer lgs_00000000000000000000000000000000"


class Trial(Struct, frozen=True):
    """One load, and what it cost the server."""

    measured: Measured
    cpu_s: float
    memory_peak_bytes: int

    @property
    def cpu_s_per_1000(self) -> float:
        """Seconds of processor time for a thousand answers."""
        return 1000 * self.cpu_s / max(1, self.measured.answers)


@dataclass(frozen=True, slots=True)
class Stage:
    """A server, one open campaign on it, its ledger and the key that opens it."""

    server: Server
    api: Api
    key: str
    campaign: str
    ledger: Ledger

    def load(
        self, plan: Plan, *, winners: int = 0, reached: Callable[[], bool] | None = None
    ) -> Load:
        """Claims from the campaign, as the plan says."""
        texts = (self.claim_from(self.campaign),)
        return Load(
            self.server.url, texts, plan.connections, plan.seconds, winners, reached=reached
        )

    def claim_from(self, campaign: str) -> str:
        """What the clients send to claim from a campaign of this server."""
        return asked.claim(target_of(campaign), self.api.authorization)

    def load_up_to(self, plan: Plan, count: int) -> Load:
        """The same until so many of the campaign are issued."""
        return self.load(plan, reached=lambda: self.api.issued(self.campaign) >= count)

    def stock(self) -> int:
        """How many are issued, once nothing is under way any more."""
        return self.settled_stock([self.campaign])[self.campaign]

    def settled_stock(self, campaigns: Sequence[str]) -> dict[str, int]:
        """The same of each of some campaigns."""
        before: dict[str, int] = {}
        now = {campaign: self.api.issued(campaign) for campaign in campaigns}
        while before != now:
            time.sleep(SETTLING_S)
            before, now = now, {campaign: self.api.issued(campaign) for campaign in campaigns}
        return now


@contextmanager
def opened(ledger: Ledger, quota: int | None = None) -> Iterator[Stage]:
    """A server with an empty ledger, and a campaign on it."""
    key = new_key()
    with largesse(ledger, key) as server:
        api = Api(server.url, key)
        api.wait_until_ready()
        yield Stage(server, api, key, api.open_campaign(quota), ledger)


@contextmanager
def reopened(stage: Stage) -> Iterator[Stage]:
    """A server on the ledger of an earlier one, which has ended."""
    with largesse(stage.ledger, stage.key) as server:
        api = Api(server.url, stage.key)
        api.wait_until_ready()
        api.wait_until_proven()
        yield Stage(server, api, stage.key, stage.campaign, stage.ledger)


def tried(server: Server, load: Load) -> Trial:
    """Put a load on a server and see what it costs."""
    before_s = server.cpu_s()
    measured = drive(load)
    return Trial(measured, server.cpu_s() - before_s, server.memory_peak_bytes())


def ceiling(folder: Path, plan: Plan, *, winners: int = 0) -> Trial:
    """The same load on the lane with nothing behind it."""
    with echo(folder) as server:
        texts = (asked.claim(TARGET.decode(), _ANYBODY),)
        return tried(server, Load(server.url, texts, plan.connections, plan.seconds, winners))


def told(measured: Measured, plan: Plan) -> Told:
    """What the clients of a load heard."""
    return Told(measured.issued, unheard_max=plan.connections)


def load_figures(
    what: str, trials: Sequence[Trial], ceilings: Sequence[Trial], bar: Bar
) -> list[Figure]:
    """Speed, its ratio to the ceiling, latencies and price of some runs."""
    seen = [trial.measured for trial in trials]
    echoes = [trial.measured.per_second for trial in ceilings]
    speeds = [one.per_second for one in seen]
    return [
        figure("throughput", f"{what}/s", speeds),
        beside("echo", "answers/s", echoes),
        figure("ratio to echo", "", ratios(speeds, echoes), bar=bar),
        figure("p50", "ms", [one.p50_ms for one in seen]),
        figure("p99", "ms", [one.p99_ms for one in seen]),
        figure("p999", "ms", [one.p999_ms for one in seen]),
        figure("CPU", f"s/1,000 {what}", [trial.cpu_s_per_1000 for trial in trials]),
        beside("CPU of the echo", "s/1,000 answers", [trial.cpu_s_per_1000 for trial in ceilings]),
        figure("peak memory", "MB", [trial.memory_peak_bytes / MB for trial in trials]),
    ]
