"""Scenario `claim`: one campaign, customers with random ids, as fast as it goes."""

from msgspec import Struct

from largesse.bench.driver import client_name
from largesse.bench.exactness import complaints
from largesse.bench.ledgers import Ledger
from largesse.bench.plan import Bench, Plan
from largesse.bench.report import Bar, Result, figure
from largesse.bench.stage import Trial, ceiling, load_figures, opened, told, tried

RATIO = Bar(at_least=0.5)


class _Run(Struct, frozen=True):
    ceiling: Trial
    trial: Trial
    bytes_each: float
    complaints: list[str]


def claim(bench: Bench) -> Result:
    """Measure claims on an empty ledger, beside the echo."""
    plan = bench.plan
    runs = bench.runs(
        "claim", f"{plan.connections} connections", lambda name: _run(bench.ledger(name), plan)
    )
    figures = load_figures(
        "claims", [run.trial for run in runs], [run.ceiling for run in runs], RATIO
    )
    return Result(
        "claim",
        f"{plan.connections} connections, an empty ledger; {client_name()}",
        (*figures, figure("disk", "bytes/incentive", [run.bytes_each for run in runs])),
        tuple(complaint for run in runs for complaint in run.complaints),
    )


def _run(ledger: Ledger, plan: Plan) -> _Run:
    most = ceiling(ledger.folder / "echo", plan)
    with opened(ledger) as stage:
        load = stage.load(plan) if plan.claims is None else stage.load_up_to(plan, plan.claims)
        trial = tried(stage.server, load)
        stock = stage.stock()
    kept = ledger.kept()
    found = complaints(told(trial.measured, plan), stock, kept)
    if trial.measured.refused:
        found.append(f"{trial.measured.refused} claims of an open campaign were refused")
    return _Run(most, trial, ledger.disk_bytes() / max(1, kept.rows), found)
