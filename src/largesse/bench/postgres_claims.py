"""Scenario `claim-postgres`: claims on PostgreSQL by one worker and by two, and the naive way."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from msgspec import Struct

from largesse.bench import naive
from largesse.bench.api import Api
from largesse.bench.driver import client_name
from largesse.bench.exactness import Told, complaints
from largesse.bench.ledgers import Ledger
from largesse.bench.load import Measured
from largesse.bench.plan import Bench, Plan
from largesse.bench.report import Bar, Result, beside, figure, ratios
from largesse.bench.server import largesse
from largesse.bench.stage import Stage, Trial, ceiling, load_figures, opened, tried

WORKERS = 2

RATIO = Bar(at_least=0.33)
TO_ONE = Bar(at_least=1.0)
TO_NAIVE = Bar(at_least=10)


class _Run(Struct, frozen=True):
    ceiling: Trial
    one: Trial
    two_per_second: float
    naive_per_second: float
    bytes_each: float
    complaints: list[str]


def claim_postgres(bench: Bench) -> Result:
    """Measure claims on an empty database, by one worker and by two on another."""
    plan = bench.plan
    about = f"{plan.connections} connections"
    runs = bench.runs("claim-postgres", about, lambda name: _run(bench, name))
    ones = [run.one.measured.per_second for run in runs]
    twos = [run.two_per_second for run in runs]
    naives = [run.naive_per_second for run in runs]
    ones_figures = load_figures(
        "claims", [run.one for run in runs], [run.ceiling for run in runs], RATIO
    )
    return Result(
        "claim-postgres",
        f"PostgreSQL on this machine, {plan.connections} connections, an empty database; "
        f"the naive way: {naive.CONNECTIONS} connections to the database; {client_name()}",
        (
            *ones_figures,
            figure(f"throughput, {WORKERS} workers", "claims/s", twos),
            figure(f"{WORKERS} workers to one", "", ratios(twos, ones), bar=TO_ONE),
            beside("the naive way", "claims/s", naives),
            figure("ratio to the naive way", "", ratios(ones, naives), bar=TO_NAIVE),
            figure("disk", "bytes/incentive", [run.bytes_each for run in runs]),
        ),
        tuple(complaint for run in runs for complaint in run.complaints),
    )


def _run(bench: Bench, name: str) -> _Run:
    plan = bench.plan
    naive_per_second = naive.per_second(bench.ledger(f"{name}-naive").url, plan.seconds)
    alone = bench.ledger(f"{name}-one")
    most = ceiling(alone.folder / "echo", plan)
    with opened(alone) as stage:
        one = tried(stage.server, stage.load(plan))
        stock = stage.stock()
    found = _complaints(plan, [one.measured], stock, alone)
    shared = bench.ledger(f"{name}-two")
    with opened(shared) as stage:
        both = _both(stage, plan)
        stock = stage.stock()
    found += _complaints(plan, both, stock, shared)
    per_second = sum(measured.per_second for measured in both)
    return _Run(
        most,
        one,
        per_second,
        naive_per_second,
        alone.disk_bytes() / max(1, one.measured.issued),
        found,
    )


def _both(stage: Stage, plan: Plan) -> list[Measured]:
    """The same crowd, shared by the stage's server and others on its ledger."""
    share = replace(plan, connections=max(1, plan.connections // WORKERS))
    with ExitStack() as stack:
        stages = [stage]
        for _ in range(1, WORKERS):
            server = stack.enter_context(largesse(stage.ledger, stage.key))
            Api(server.url, stage.key).wait_until_ready()
            stages.append(replace(stage, server=server))
        with ThreadPoolExecutor(WORKERS) as crowds:
            loads = [partial(tried, one.server, one.load(share)) for one in stages]
            trials = [crowds.submit(load) for load in loads]
            return [trial.result().measured for trial in trials]


def _complaints(plan: Plan, seen: Sequence[Measured], stock: int, ledger: Ledger) -> list[str]:
    issued = sum(measured.issued for measured in seen)
    found = complaints(Told(issued, unheard_max=plan.connections), stock, ledger.kept())
    refused = sum(measured.refused for measured in seen)
    if refused:
        found.append(f"{refused} claims of an open campaign were refused")
    return found
