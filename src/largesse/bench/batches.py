"""Scenario `claim-batch`: many claims in one request, beside one in each."""

from msgspec import Struct

from largesse.bench import asked
from largesse.bench.api import target_of
from largesse.bench.driver import client_name
from largesse.bench.exactness import Told, complaints
from largesse.bench.ledgers import Ledger
from largesse.bench.load import Load
from largesse.bench.plan import Bench, Plan
from largesse.bench.report import Figure, Result, beside, figure, ratios
from largesse.bench.stage import Trial, opened, tried

SIZES = (10, 100, 1_000)
"""Claims in a request; the last is the most that one may have."""

UNDER_WAY_MAX = 10_000
"""Claims in the server's hands at once: it refuses to queue 20,000."""


class _Run(Struct, frozen=True):
    one: Trial
    batches: tuple[Trial, ...]
    complaints: list[str]


def claim_batch(bench: Bench) -> Result:
    """Measure claims in batches, beside claims one by one."""
    plan = bench.plan
    runs = bench.runs(
        "claim-batch", "one by one and in batches", lambda name: _run(bench.ledger(name), plan)
    )
    ones = [run.one.measured.per_second for run in runs]
    figures: list[Figure] = [beside("claim, one by one", "claims/s", ones)]
    for index, size in enumerate(SIZES):
        trials = [run.batches[index] for run in runs]
        speeds = [size * trial.measured.per_second for trial in trials]
        cpu = [trial.cpu_s_per_1000 / size for trial in trials]
        figures += [
            figure(f"throughput by {size:,}", "claims/s", speeds),
            figure(f"ratio to claim by {size:,}", "", ratios(speeds, ones)),
            figure(f"p99 by {size:,}", "ms", [trial.measured.p99_ms for trial in trials]),
            figure(f"CPU by {size:,}", "s/1,000 claims", cpu),
        ]
    return Result(
        "claim-batch",
        f"batches of {', '.join(map(str, SIZES))}, {UNDER_WAY_MAX:,} claims under way at most, "
        f"an empty ledger; {client_name()}",
        tuple(figures),
        tuple(complaint for run in runs for complaint in run.complaints),
    )


def _run(ledger: Ledger, plan: Plan) -> _Run:
    with opened(ledger) as stage:
        one = tried(stage.server, stage.load(plan))
        heard, unheard = one.measured.issued, plan.connections
        batches = []
        for size in SIZES:
            connections = min(plan.connections, max(1, UNDER_WAY_MAX // size))
            path = f"{target_of(stage.campaign)}:batch"
            text = asked.batch(path, stage.api.authorization, size)
            load = Load(stage.server.url, (text,), connections, plan.seconds)
            batches.append(tried(stage.server, load))
            heard += size * batches[-1].measured.issued
            unheard += size * connections
        stock = stage.stock()
    kept = ledger.kept()
    found = complaints(Told(heard, unheard), stock, kept)
    refused = sum(trial.measured.refused for trial in (one, *batches))
    if refused:
        found.append(f"{refused} requests to an open campaign were refused")
    return _Run(one, tuple(batches), found)
