"""Scenario `claim-many`: 64 campaigns at once, beside one that has all the crowd to itself.

Three shapes of load: full speed over open campaigns; a ramp of more and more connections; and a
burst, in which the crowd waits at the door of campaigns that all open in the same millisecond and
are soon sold out.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from msgspec import Struct

from largesse.bench.driver import client_name
from largesse.bench.exactness import (
    Offered,
    Told,
    complaints,
    complaints_of_each,
)
from largesse.bench.load import Load, Measured
from largesse.bench.plan import Bench, Plan
from largesse.bench.report import Bar, Figure, Result, beside, figure, ratios
from largesse.bench.stage import Stage, Trial, opened, tried
from largesse.http.times import rfc3339

CAMPAIGNS = 64
UNITS = 1_000
"""Of each campaign in the burst: gone within seconds."""

WAIT_MS = 2_000
"""The crowd stands at the door so long before the burst: time enough to make all the campaigns."""

RAMP = (0.125, 0.5, 1.0)
"""The steps of the ramp, in parts of all connections."""

COUNTED = 0.9
"""A burst is timed until so many of its units are gone: the rest is found by chance alone."""

RATIO = Bar(at_least=0.8)
_LONG_AGO_MS = 0


class _Shapes(Struct, frozen=True):
    """The loads that both servers bear."""

    full: Trial
    ramp: tuple[Trial, ...]

    @property
    def ramp_per_second(self) -> float:
        """Answers per second over all steps."""
        seen = [step.measured for step in self.ramp]
        return sum(one.answers for one in seen) / sum(one.seconds for one in seen)

    @property
    def measured(self) -> list[Measured]:
        """What the clients of each load saw."""
        return [self.full.measured, *(step.measured for step in self.ramp)]


class _Run(Struct, frozen=True):
    one: _Shapes
    many: _Shapes
    burst_per_second: float
    complaints: list[str]


def claim_many(bench: Bench) -> Result:
    """Measure claims from 64 campaigns at once, beside claims from one."""
    plan = bench.plan
    runs = bench.runs("claim-many", f"{CAMPAIGNS} campaigns", lambda name: _run(bench, name))
    return Result(
        "claim-many",
        f"{plan.connections} connections, {CAMPAIGNS} campaigns, an empty ledger; {client_name()}",
        tuple(_figures(runs)),
        tuple(complaint for run in runs for complaint in run.complaints),
    )


def _figures(runs: Sequence[_Run]) -> list[Figure]:
    """Speeds and their ratios to a single campaign under the same shape of load."""
    ones = [run.one.full.measured.per_second for run in runs]
    full = [run.many.full.measured for run in runs]
    ramps = [(run.many.ramp_per_second, run.one.ramp_per_second) for run in runs]
    bursts = [run.burst_per_second for run in runs]
    speeds = [one.per_second for one in full]
    return [
        beside("claim, one campaign", "claims/s", ones),
        figure("throughput", "claims/s", speeds),
        figure("ratio to claim", "", ratios(speeds, ones), bar=RATIO),
        figure("p50", "ms", [one.p50_ms for one in full]),
        figure("p99", "ms", [one.p99_ms for one in full]),
        figure("CPU", "s/1,000 claims", [run.many.full.cpu_s_per_1000 for run in runs]),
        beside("CPU of claim", "s/1,000 claims", [run.one.full.cpu_s_per_1000 for run in runs]),
        figure("ramp, throughput", "claims/s", [many for many, _ in ramps]),
        figure("ramp, ratio to claim", "", [many / one for many, one in ramps], bar=RATIO),
        figure("burst, throughput", "claims/s", bursts),
        figure("burst, ratio to claim", "", ratios(bursts, ones), bar=RATIO),
    ]


def _run(bench: Bench, name: str) -> _Run:
    plan, ledger = bench.plan, bench.ledger(f"{name}-many")
    with opened(bench.ledger(f"{name}-one")) as stage:
        one = _bear(stage, plan, [stage.campaign])
    with opened(ledger) as stage:
        campaigns = [stage.api.open_campaign(None) for _ in range(CAMPAIGNS)]
        many = _bear(stage, plan, campaigns)
        opens_ms = time.time_ns() // 1_000_000 + WAIT_MS
        doors = [stage.api.open_campaign(UNITS, rfc3339(opens_ms)) for _ in range(CAMPAIGNS)]
        burst = tried(stage.server, _load(stage, plan, doors, WAIT_MS // 1_000 + plan.seconds))
        stock = stage.settled_stock([*campaigns, *doors])
    offered = {campaign: Offered(None, _LONG_AGO_MS, stock[campaign]) for campaign in campaigns}
    offered |= {campaign: Offered(UNITS, opens_ms, stock[campaign]) for campaign in doors}
    kept = ledger.kept()
    loads = [*many.measured, burst.measured]
    told = Told(sum(load.issued for load in loads), unheard_max=len(loads) * plan.connections)
    return _Run(
        one,
        many,
        _burst_per_second(ledger.moments_ms(doors), opens_ms),
        [
            *complaints(told, sum(stock.values()), kept),
            *complaints_of_each(offered, ledger.sold()),
            *_refusals(many),
        ],
    )


def _bear(stage: Stage, plan: Plan, campaigns: Sequence[str]) -> _Shapes:
    full = tried(stage.server, _load(stage, plan, campaigns, plan.seconds))
    steps = [replace(plan, connections=max(1, int(part * plan.connections))) for part in RAMP]
    seconds = max(1, plan.seconds // len(RAMP))
    ramp = [tried(stage.server, _load(stage, step, campaigns, seconds)) for step in steps]
    return _Shapes(full, tuple(ramp))


def _load(stage: Stage, plan: Plan, campaigns: Sequence[str], seconds: int) -> Load:
    texts = tuple(stage.claim_from(campaign) for campaign in campaigns)
    return Load(stage.server.url, texts, plan.connections, seconds)


def _burst_per_second(moments_ms: Sequence[int], opens_ms: int) -> float:
    """How fast the units of a burst went, from its opening on; 0 where none did."""
    counted = int(COUNTED * len(moments_ms))
    if not counted:
        return 0.0
    return 1_000 * counted / max(1, moments_ms[counted - 1] - opens_ms)


def _refusals(shapes: _Shapes) -> list[str]:
    refused = sum(one.refused for one in shapes.measured)
    return [f"{refused} claims of open campaigns were refused"] if refused else []
