"""Scenario `claim-rpc`: the same claim by Connect, in JSON and in binary, beside HTTP."""

from msgspec import Struct

from largesse.bench import asked
from largesse.bench.driver import client_name
from largesse.bench.exactness import Told, complaints
from largesse.bench.ledgers import Ledger
from largesse.bench.load import Load
from largesse.bench.plan import Bench, Plan
from largesse.bench.report import Bar, Result, beside, figure, ratios
from largesse.bench.stage import Trial, opened, tried

RATIO = Bar(at_least=0.7)


class _Run(Struct, frozen=True):
    http: Trial
    json: Trial
    binary: Trial
    complaints: list[str]


def claim_rpc(bench: Bench) -> Result:
    """Measure claims by Connect, beside claims by HTTP."""
    plan = bench.plan
    runs = bench.runs(
        "claim-rpc", f"{plan.connections} connections", lambda name: _run(bench.ledger(name), plan)
    )
    plain = [run.http.measured.per_second for run in runs]
    figures = [beside("claim, by HTTP", "claims/s", plain)]
    for name, trials, bar in (
        ("JSON", [run.json for run in runs], RATIO),
        ("binary", [run.binary for run in runs], None),
    ):
        speeds = [trial.measured.per_second for trial in trials]
        figures += [
            figure(f"{name}, throughput", "claims/s", speeds),
            figure(f"{name}, ratio to claim", "", ratios(speeds, plain), bar=bar),
            figure(f"{name}, p99", "ms", [trial.measured.p99_ms for trial in trials]),
            figure(f"{name}, CPU", "s/1,000 claims", [trial.cpu_s_per_1000 for trial in trials]),
        ]
    return Result(
        "claim-rpc",
        f"{plan.connections} connections, one campaign, an empty ledger; {client_name()}",
        tuple(figures),
        tuple(complaint for run in runs for complaint in run.complaints),
    )


def _run(ledger: Ledger, plan: Plan) -> _Run:
    with opened(ledger) as stage:
        number = stage.api.number(stage.campaign)
        loads = [
            Load(stage.server.url, (text,), plan.connections, plan.seconds)
            for text in (
                stage.claim_from(stage.campaign),
                asked.connect_json(number, stage.api.authorization),
                asked.connect_binary(number, stage.api.authorization),
            )
        ]
        http, json, binary = (tried(stage.server, load) for load in loads)
        stock = stage.stock()
    kept = ledger.kept()
    trials = (http, json, binary)
    heard = sum(trial.measured.issued for trial in trials)
    found = complaints(Told(heard, len(trials) * plan.connections), stock, kept)
    refused = sum(trial.measured.refused for trial in trials)
    if refused:
        found.append(f"{refused} claims of an open campaign were refused")
    return _Run(http, json, binary, found)
