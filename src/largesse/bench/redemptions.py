"""Scenario `redeem`: coupons used, each by its customer, and one that everybody wants to use."""

from msgspec import Struct

from largesse.bench import asked
from largesse.bench.driver import client_name
from largesse.bench.exactness import Told, complaints, complaints_of_rows
from largesse.bench.load import Load
from largesse.bench.plan import Bench, Plan
from largesse.bench.report import Bar, Result, beside, figure, ratios
from largesse.bench.stage import Stage, Trial, opened, tried
from largesse.client.model import Claimed

COUPONS_PER_S = 60_000
"""Given beforehand for each second: more than a server redeems in it."""

RATIO = Bar(at_least=0.8)


class _Run(Struct, frozen=True):
    claims: Trial
    distinct: Trial
    hot: Trial
    complaints: list[str]


def redeem(bench: Bench) -> Result:
    """Measure redemptions of different coupons and of a single one, beside claims."""
    plan = bench.plan
    runs = bench.runs("redeem", "claims first", lambda name: _run(bench, name))
    plain = [run.claims.measured.per_second for run in runs]
    distinct = [run.distinct for run in runs]
    hot = [run.hot for run in runs]
    speeds = [trial.measured.per_second for trial in distinct]
    of_hot = [trial.measured.per_second for trial in hot]
    return Result(
        "redeem",
        f"{plan.connections} connections; coupons of as many customers, then one coupon that all "
        f"ask for; {client_name()}",
        (
            beside("claim", "claims/s", plain),
            figure("throughput", "redemptions/s", speeds),
            figure("ratio to claim", "", ratios(speeds, plain), bar=RATIO),
            figure("p50", "ms", [trial.measured.p50_ms for trial in distinct]),
            figure("p99", "ms", [trial.measured.p99_ms for trial in distinct]),
            figure("CPU", "s/1,000 redemptions", [trial.cpu_s_per_1000 for trial in distinct]),
            figure("one hot coupon", "answers/s", of_hot),
            figure("one hot coupon, ratio to claim", "", ratios(of_hot, plain), bar=RATIO),
            figure("one hot coupon, p99", "ms", [trial.measured.p99_ms for trial in hot]),
        ),
        tuple(complaint for run in runs for complaint in run.complaints),
    )


def _run(bench: Bench, name: str) -> _Run:
    plan, ledger = bench.plan, bench.ledger(name)
    with opened(ledger) as stage:
        claims = tried(stage.server, stage.load(plan))
        coupons = _given(stage, COUPONS_PER_S * plan.seconds)
        distinct = tried(stage.server, _uses(stage, plan, coupons[1:]))
        hot = tried(stage.server, _uses(stage, plan, coupons[:1]))
        stock = stage.stock()
    told = Told(claims.measured.issued + len(coupons), unheard_max=plan.connections)
    found = complaints(told, stock, ledger.kept())
    # Nobody is told twice of one coupon, and of the hot one somebody is told.
    used = Told(distinct.measured.issued + 1, unheard_max=plan.connections)
    found += complaints_of_rows(used, ledger.used())
    if hot.measured.issued != 1:
        found.append(f"{hot.measured.issued} answers say that they used one coupon")
    if distinct.measured.refused:
        found.append(f"{distinct.measured.refused} coupons were refused: too few were given before")
    return _Run(claims, distinct, hot, found)


def _given(stage: Stage, count: int) -> tuple[str, ...]:
    """Coupons of as many customers, as requests name them."""
    customers = [asked.winner(number) for number in range(count)]
    given = stage.api.claim_all(stage.campaign, customers)
    coupons: list[str] = []
    for customer, claimed in zip(customers, given, strict=True):
        assert isinstance(claimed, Claimed), claimed
        coupons.append(asked.coupon(customer, claimed.incentive.id))
    return tuple(coupons)


def _uses(stage: Stage, plan: Plan, coupons: tuple[str, ...]) -> Load:
    text = asked.redemption(stage.api.authorization, coupons)
    return Load(stage.server.url, (text,), plan.connections, plan.seconds, items=coupons)
