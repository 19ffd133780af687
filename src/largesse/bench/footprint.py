"""Scenarios `memory` and `start`: what a server takes before and while it works."""

import time

from largesse.bench.api import Api
from largesse.bench.driver import client_name
from largesse.bench.exactness import Told, complaints
from largesse.bench.ledgers import Ledger
from largesse.bench.plan import Bench
from largesse.bench.prefill import prefill
from largesse.bench.report import Bar, Figure, Result, figure
from largesse.bench.server import largesse, new_key
from largesse.bench.stage import MB, opened, tried

WARM_UP = 400_000
"""Claims until the page caches are full and some pieces of the holders were sorted and merged."""

CLAIMS = 200_000
"""After the warm-up, unless the plan says otherwise; the bar is meant for a million."""

IDLE_MB = Bar(at_most=80)
GROWTH = Bar(at_most=5)
EMPTY_S = Bar(at_most=1)
LARGE_S = Bar(at_most=3)


def memory(bench: Bench) -> Result:
    """Measure the memory of an idle server, and how it grows with claims."""
    plan = bench.plan
    claims = CLAIMS if plan.claims is None else plan.claims
    ledger = bench.ledger("memory")
    with opened(ledger) as stage:
        idle_bytes = stage.server.memory_bytes()
        bench.tell(f"memory: {WARM_UP:,} claims to warm up")
        warm_up = tried(stage.server, stage.load_up_to(plan, WARM_UP))
        warm_bytes = stage.server.memory_bytes()
        bench.tell(f"memory: {claims:,} claims more")
        trial = tried(stage.server, stage.load_up_to(plan, WARM_UP + claims))
        used_bytes = stage.server.memory_bytes()
        stock = stage.stock()
    kept = ledger.kept()
    heard = warm_up.measured.issued + trial.measured.issued
    growth = 100 * (used_bytes / warm_bytes - 1)
    return Result(
        "memory",
        f"a fresh ledger, {WARM_UP:,} claims to warm up, then {claims:,}; {client_name()}",
        (
            figure("idle", "MB", [idle_bytes / MB], bar=IDLE_MB),
            figure("after the warm-up", "MB", [warm_bytes / MB]),
            figure(f"after {claims:,} claims more", "MB", [used_bytes / MB]),
            figure("growth", "%", [growth], bar=GROWTH),
            figure("peak", "MB", [trial.memory_peak_bytes / MB]),
        ),
        tuple(complaints(Told(heard, unheard_max=2 * plan.connections), stock, kept)),
    )


def start(bench: Bench) -> Result:
    """Measure how long it takes from the command to being ready."""
    plan = bench.plan
    bench.tell("start: on an empty ledger")
    empty = [_ready_s(bench.ledger(f"empty-{number}"), new_key()) for number in range(plan.runs)]
    figures = [figure("ready, empty ledger", "s", empty, bar=EMPTY_S)]
    if plan.rows is not None:
        figures.append(_large(bench, plan.rows))
    return Result("start", "from the command to the first 200 of /readyz", tuple(figures))


def _large(bench: Bench, rows: int) -> Figure:
    ledger = bench.ledger("large")
    with opened(ledger) as stage:
        bench.tell(f"start: making {rows:,} rows")
    prefill(ledger, stage.campaign, rows, bench.tell)
    bench.tell(f"start: on {rows:,} rows")
    taken = [_ready_s(ledger, stage.key) for _ in range(bench.plan.runs)]
    return figure(f"ready, {rows:,} rows", "s", taken, bar=LARGE_S)


def _ready_s(ledger: Ledger, key: str) -> float:
    began_s = time.perf_counter()
    with largesse(ledger, key) as server:
        Api(server.url, key).wait_until_ready()
        return time.perf_counter() - began_s
