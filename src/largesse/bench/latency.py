"""Scenario `paced`: how long a claim takes while the server is far from its limit."""

from msgspec import Struct

from largesse.bench.asked import Requests
from largesse.bench.exactness import Told, complaints
from largesse.bench.ledgers import Ledger
from largesse.bench.paced import Paced, run
from largesse.bench.plan import Bench
from largesse.bench.report import Bar, Result, figure
from largesse.bench.stage import opened
from largesse.loadtest.patterns import moments_of

PER_SECOND = 1_000
CONNECTIONS = 64
SECONDS_MIN = 10
"""A thousandth of less is no figure."""

P99 = Bar(at_most=4)
P999 = Bar(at_most=15)
CREATED = 201


class _Run(Struct, frozen=True):
    paced: Paced
    complaints: list[str]


def paced(bench: Bench) -> Result:
    """Measure latencies at an even pace, each from the moment it was meant to be sent."""
    plan = bench.plan
    seconds = max(SECONDS_MIN, plan.seconds)
    about = f"{seconds} s at {PER_SECOND:,}/s"
    runs = bench.runs("paced", about, lambda name: _run(bench.ledger(name), seconds))
    seen = [one.paced for one in runs]
    return Result(
        "paced",
        f"{PER_SECOND:,} claims/s in an open loop over {CONNECTIONS} connections, an empty ledger",
        (
            figure("p50", "ms", [one.p50_ms for one in seen]),
            figure("p99", "ms", [one.p99_ms for one in seen], bar=P99),
            figure("p999", "ms", [one.p999_ms for one in seen], bar=P999),
        ),
        tuple(complaint for one in runs for complaint in one.complaints),
    )


def _run(ledger: Ledger, seconds: int) -> _Run:
    moments_s = moments_of("steady", PER_SECOND, seconds)
    with opened(ledger) as stage:
        requests = Requests([stage.claim_from(stage.campaign)])
        paced = run(stage.server.url, requests, moments_s, CONNECTIONS)
        stock = stage.stock()
    kept = ledger.kept()
    found = complaints(Told(paced.statuses.get(CREATED, 0)), stock, kept)
    if set(paced.statuses) != {CREATED}:
        found.append(f"claims of an open campaign were answered {paced.statuses}")
    return _Run(paced, found)
