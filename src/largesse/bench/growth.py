"""Scenario `claim-grow`: what is left of the speed when the ledger has grown."""

from msgspec import Struct

from largesse.bench.driver import client_name
from largesse.bench.exactness import Told, complaints
from largesse.bench.ledgers import Ledger
from largesse.bench.plan import Bench, Plan
from largesse.bench.prefill import prefill
from largesse.bench.report import Bar, Result, beside, figure
from largesse.bench.stage import (
    Stage,
    Trial,
    ceiling,
    load_figures,
    opened,
    reopened,
    tried,
)

ROWS = 2_000_000
"""Unless the plan says otherwise; the bar is meant for ten million."""

RATIO = Bar(at_least=0.5)
OF_THE_START = Bar(at_least=0.8)


class _Grown(Struct, frozen=True):
    """Trials on the large ledger with their ceilings, and what was found wrong with it."""

    ceilings: list[Trial]
    trials: list[Trial]
    bytes_each: float
    complaints: list[str]


def claim_grow(bench: Bench) -> Result:
    """Measure claims on an empty ledger, fill it, and measure again."""
    plan = bench.plan
    rows = ROWS if plan.rows is None else plan.rows
    starts = bench.runs(
        "claim-grow", "an empty ledger", lambda name: _begin(bench.ledger(name), plan)
    )
    grown = _grow(bench, *starts[-1], rows)
    begun = [trial.measured.per_second for _, trial in starts]
    ratios = [
        trial.measured.per_second / speed for trial, speed in zip(grown.trials, begun, strict=True)
    ]
    figures = [
        beside("throughput at the start", "claims/s", begun),
        *load_figures("claims", grown.trials, grown.ceilings, RATIO),
        figure("ratio to the start", "", ratios, bar=OF_THE_START),
        figure("disk", "bytes/incentive", [grown.bytes_each]),
    ]
    about = f"{rows:,} rows, filled in process through the use case of claims; {client_name()}"
    return Result("claim-grow", about, tuple(figures), tuple(grown.complaints))


def _begin(ledger: Ledger, plan: Plan) -> tuple[Stage, Trial]:
    """Measure on an empty ledger; it stays where it is, its server ends."""
    with opened(ledger) as stage:
        return stage, tried(stage.server, stage.load(plan))


def _again(small: Stage, plan: Plan) -> tuple[Trial, Trial, int]:
    """Measure on that ledger as it is now, after its ceiling; and what its stock says then."""
    most = ceiling(small.ledger.folder / "echo", plan)
    with reopened(small) as stage:
        return most, tried(stage.server, stage.load(plan)), stage.stock()


def _grow(bench: Bench, small: Stage, start: Trial, rows: int) -> _Grown:
    """Fill the ledger of the last start to so many rows and measure there."""
    plan, ledger = bench.plan, small.ledger
    before = ledger.kept()
    prefill(ledger, small.campaign, max(0, rows - before.rows), bench.tell)
    runs = bench.runs("claim-grow", f"{rows:,} rows", lambda _: _again(small, plan))
    trials = [trial for _, trial, _ in runs]
    kept = ledger.kept()
    heard = sum(trial.measured.issued for trial in trials)
    filled = max(before.rows, rows)
    told = Told(filled + heard, unheard_max=plan.connections * plan.runs)
    found = complaints(told, runs[-1][2], kept)
    if not start.measured.issued <= before.rows <= start.measured.issued + plan.connections:
        found.append(f"{before.rows} rows where the answers told of {start.measured.issued}")
    return _Grown([most for most, _, _ in runs], trials, ledger.disk_bytes() / kept.rows, found)
