"""Scenario `draw`: draws beside claims, turn by turn on one server and into one ledger."""

from collections.abc import Sequence

from msgspec import Struct

from largesse.bench import asked
from largesse.bench.api import draws_of
from largesse.bench.driver import client_name
from largesse.bench.exactness import Told, complaints_of_draws, complaints_of_rows
from largesse.bench.load import Load
from largesse.bench.plan import Bench, Plan
from largesse.bench.report import Bar, Result, beside, figure, ratios
from largesse.bench.stage import Trial, opened, tried

ROUNDS = 2
"""Turns of either kind in a run, so that a machine that changes its mood changes it for both."""

RATIO = Bar(at_least=0.8)


class _Run(Struct, frozen=True):
    claims: tuple[Trial, ...]
    draws: tuple[Trial, ...]
    complaints: list[str]


def lucky_draw(bench: Bench) -> Result:
    """Measure draws, beside claims."""
    plan = bench.plan
    runs = bench.runs("draw", f"{ROUNDS} rounds", lambda name: _run(bench, name))
    claims = [trial for run in runs for trial in run.claims]
    draws = [trial for run in runs for trial in run.draws]
    speeds = [trial.measured.per_second for trial in draws]
    plain = [trial.measured.per_second for trial in claims]
    return Result(
        "draw",
        f"{plan.connections} connections, three prizes with codes, which four in ten win; "
        f"{ROUNDS} rounds of claims and draws in each run, an empty ledger; {client_name()}",
        (
            beside("claim", "claims/s", plain),
            figure("throughput", "draws/s", speeds),
            figure("ratio to claim", "", ratios(speeds, plain), bar=RATIO),
            figure("p50", "ms", [trial.measured.p50_ms for trial in draws]),
            figure("p99", "ms", [trial.measured.p99_ms for trial in draws]),
            figure("CPU", "s/1,000 draws", [trial.cpu_s_per_1000 for trial in draws]),
            beside("CPU of claim", "s/1,000 claims", [one.cpu_s_per_1000 for one in claims]),
        ),
        tuple(complaint for run in runs for complaint in run.complaints),
    )


def _run(bench: Bench, name: str) -> _Run:
    plan, ledger = bench.plan, bench.ledger(name)
    claims, draws = [], []
    with opened(ledger) as stage:
        campaign = stage.api.open_draw()
        text = asked.claim(draws_of(campaign), stage.api.authorization)
        load = Load(stage.server.url, (text,), plan.connections, plan.seconds)
        for _ in range(ROUNDS):
            claims.append(tried(stage.server, stage.load(plan)))
            draws.append(tried(stage.server, load))
        stock = stage.settled_stock([stage.campaign, campaign])
    claimed = ledger.sold()[stage.campaign].rows
    found = [
        *complaints_of_rows(_told(claims, plan), claimed),
        *complaints_of_draws(_told(draws, plan), stock[campaign], ledger.made(campaign)),
    ]
    if claimed != stock[stage.campaign]:
        found.append(f"{claimed} rows but {stock[stage.campaign]} issued by the API")
    refused = sum(trial.measured.refused for trial in (*claims, *draws))
    if refused:
        found.append(f"{refused} requests to open campaigns were refused")
    return _Run(tuple(claims), tuple(draws), found)


def _told(trials: Sequence[Trial], plan: Plan) -> Told:
    issued = sum(trial.measured.issued for trial in trials)
    return Told(issued, unheard_max=len(trials) * plan.connections)
