"""When claims are due, and how many units there are for them: as tables."""

import pytest

from largesse.loadtest.patterns import PATTERNS, moments_of, quotas_of, schedule_of
from largesse.loadtest.plan import LoadTestError, PatternName, Plan


@pytest.mark.parametrize(
    ("pattern", "count", "moments"),
    [
        ("steady", 40, {0: 0.0, 1: 0.1, 20: 2.0, 39: 3.9}),
        ("ramp", 20, {0: 0.0, 5: 2.0, 19: pytest.approx(3.9, abs=0.01)}),
        ("burst", 40, {0: 0.0, 9: 0.0, 10: 1.0, 39: 3.0}),
        ("many-campaigns", 40, {20: 2.0}),
        ("near-limit", 40, {20: 2.0}),
        ("around-start", 40, {20: 2.0}),
        ("disconnects", 40, {20: 2.0}),
    ],
)
def test_when_claims_are_due(pattern: PatternName, count: int, moments: dict[int, float]) -> None:
    """At ten a second for four seconds."""
    schedule = schedule_of(Plan(pattern=pattern, per_second=10, seconds=4))
    assert schedule.count == count
    assert {number: schedule.moment_s(number) for number in moments} == moments
    ascending = moments_of(pattern, per_second=10, seconds=4)
    assert ascending == [schedule.moment_s(number) for number in range(count)]
    assert ascending == sorted(ascending)
    assert ascending[-1] < 4


def test_every_pattern_is_tried() -> None:
    """The table above and the one of the patterns have the same names."""
    assert len(PATTERNS) == 7


@pytest.mark.parametrize("pattern", PATTERNS)
def test_full_speed_has_no_moments(pattern: PatternName) -> None:
    """But for the two that are nothing without them."""
    plan = Plan(pattern=pattern, per_second=None)
    if PATTERNS[pattern].needs_pace:
        with pytest.raises(LoadTestError, match="give --per-second"):
            schedule_of(plan)
        return
    schedule = schedule_of(plan)
    assert schedule.count is None
    assert schedule.moment_s(5) is None
    assert sum(quotas_of(plan)) > 1_000


@pytest.mark.parametrize(
    ("plan", "quotas"),
    [
        (Plan(per_second=10, seconds=2), [20]),
        (Plan(pattern="near-limit", per_second=5, seconds=1), [3]),
        (Plan(pattern="ramp", per_second=10, seconds=2), [10]),
        (Plan(pattern="many-campaigns", per_second=20, seconds=1), [2] * 4 + [1] * 12),
        (Plan(quota=7), [7]),
    ],
)
def test_how_many_units_there_are(plan: Plan, quotas: list[int]) -> None:
    """One for each claim unless told otherwise; all campaigns together have that many."""
    assert quotas_of(plan) == quotas


def test_each_campaign_needs_a_unit() -> None:
    """A campaign of none cannot be made."""
    with pytest.raises(LoadTestError, match="at least 16 units"):
        quotas_of(Plan(pattern="many-campaigns", quota=15))
