"""Scenario `soldout`: after the last unit, most are refused and winners ask once more."""

from msgspec import Struct

from largesse.bench.asked import winner
from largesse.bench.driver import client_name
from largesse.bench.exactness import Told, complaints
from largesse.bench.ledgers import Ledger
from largesse.bench.load import Measured
from largesse.bench.plan import Bench, Plan
from largesse.bench.report import Bar, Result
from largesse.bench.stage import Trial, ceiling, load_figures, opened, tried
from largesse.client.model import Claimed, Refusal

UNITS = 20_000
ASKED_AGAIN = 1_000
"""Winners whose retries are held against their claims."""

RATIO = Bar(at_least=0.75)


class _Run(Struct, frozen=True):
    ceiling: Trial
    trial: Trial
    complaints: list[str]


def soldout(bench: Bench) -> Result:
    """Measure refusals, with every tenth request a winner's retry, beside the echo."""
    plan = bench.plan
    runs = bench.runs(
        "soldout", f"{UNITS:,} units gone", lambda name: _run(bench.ledger(name), plan)
    )
    return Result(
        "soldout",
        f"{plan.connections} connections, {UNITS:,} units gone, 10 % winners' retries; "
        + client_name(),
        tuple(
            load_figures(
                "answers", [run.trial for run in runs], [run.ceiling for run in runs], RATIO
            )
        ),
        tuple(complaint for run in runs for complaint in run.complaints),
    )


def retry_complaints(measured: Measured, connections: int) -> list[str]:
    """Whether the winners who asked again, and nobody else, were given what they have.

    wrk puts one more request together than it sends, to look at it.
    """
    least = measured.winners_asked - connections - 1
    if least <= measured.issued <= measured.winners_asked:
        return []
    return [f"{measured.issued} had their incentive of {measured.winners_asked} winners who asked"]


def _run(ledger: Ledger, plan: Plan) -> _Run:
    most = ceiling(ledger.folder / "echo", plan, winners=UNITS)
    with opened(ledger, quota=UNITS) as stage:
        winners = [winner(number) for number in range(UNITS)]
        first = stage.api.claim_all(stage.campaign, winners)
        trial = tried(stage.server, stage.load(plan, winners=UNITS))
        again = stage.api.claim_all(stage.campaign, winners[:ASKED_AGAIN])
        stock = stage.stock()
    kept = ledger.kept()
    found = complaints(Told(UNITS), stock, kept, quota=UNITS)
    found += retry_complaints(trial.measured, plan.connections)
    if [_given(one) for one in again] != [_given(one) for one in first[:ASKED_AGAIN]]:
        found.append("a winner's retry was answered otherwise than his claim")
    return _Run(most, trial, found)


def _given(result: Claimed | Refusal) -> object:
    """What a claim brought, without the mark of a replay."""
    return result.incentive if isinstance(result, Claimed) else result
