"""The patterns of load: when each claim is due, and what else is special."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec import Struct

from largesse.loadtest.plan import COMMON_QUOTA, LoadTestError, PatternName, Plan

MANY = 16
LEAD_S = 1.0
NEAR_QUOTA = 5_000
HANG_UP_EVERY = 3

Moment = Callable[[int, int, int], float]
"""(number of the claim from 0, claims per second, seconds) → seconds after the load's beginning."""


def _even(number: int, per_second: int, _: int) -> float:
    return number / per_second


def _rising(number: int, per_second: int, seconds: int) -> float:
    """The rate rises from nothing to `per_second`: half of them are due after 0.7 of the time."""
    return math.sqrt(2 * number * seconds / per_second)


def _at_once(number: int, per_second: int, _: int) -> float:
    """All claims of a second are due at its beginning."""
    return float(number // per_second)


class Pattern(Struct, frozen=True, kw_only=True):
    """A shape of load.

    `share` says how many units there are for each claim, `lead_s` how long before the opening the
    claims begin, `hang_up_every` that each so many-th customer leaves without hearing the answer.
    """

    about: str
    moment_s: Moment = _even
    volume: float = 1.0
    """How many claims there are, as a part of pace times seconds."""

    needs_pace: bool = False
    campaigns: int = 1
    share: float = 1.0
    quota_at_full_speed: int = COMMON_QUOTA
    lead_s: float = 0.0
    hang_up_every: int = 0


PATTERNS: Mapping[PatternName, Pattern] = MappingProxyType(
    {
        "steady": Pattern(about="an even pace"),
        "ramp": Pattern(
            about="a pace that rises from nothing", moment_s=_rising, volume=0.5, needs_pace=True
        ),
        "burst": Pattern(
            about="each second's claims all at once", moment_s=_at_once, needs_pace=True
        ),
        "many-campaigns": Pattern(about=f"{MANY} campaigns in turn", campaigns=MANY),
        "near-limit": Pattern(
            about="twice as many customers as units", share=0.5, quota_at_full_speed=NEAR_QUOTA
        ),
        "around-start": Pattern(
            about=f"a crowd that comes {LEAD_S:g} s before the opening", lead_s=LEAD_S
        ),
        "disconnects": Pattern(
            about="every third customer hangs up right after asking", hang_up_every=HANG_UP_EVERY
        ),
    }
)
"""All that there are, by name."""


class Schedule(Struct, frozen=True):
    """When claims are due, in seconds after the beginning of the load."""

    pattern: Pattern
    per_second: int | None
    seconds: int

    @property
    def count(self) -> int | None:
        """How many claims there are; None where as many as it goes."""
        if self.per_second is None:
            return None
        return max(1, round(self.pattern.volume * self.per_second * self.seconds))

    def moment_s(self, number: int) -> float | None:
        """When a claim is due; None where as soon as a connection is free."""
        if self.per_second is None:
            return None
        return self.pattern.moment_s(number, self.per_second, self.seconds)


def schedule_of(plan: Plan) -> Schedule:
    """The schedule of a plan. Raises `LoadTestError` for a pattern that has none without a pace."""
    pattern = PATTERNS[plan.pattern]
    if pattern.needs_pace and plan.per_second is None:
        message = f"{plan.pattern} is a pace of its own: give --per-second instead of --full-speed"
        raise LoadTestError(message)
    return Schedule(pattern, plan.per_second, plan.seconds)


def moments_of(pattern: PatternName, per_second: int, seconds: int) -> list[float]:
    """When each claim of a pattern is due, in seconds after the beginning."""
    schedule = Schedule(PATTERNS[pattern], per_second, seconds)
    moment_s = schedule.pattern.moment_s
    return [moment_s(number, per_second, seconds) for number in range(schedule.count or 0)]


def quotas_of(plan: Plan) -> list[int]:
    """The quota of each campaign: together the plan's, or what suits the pattern."""
    schedule = schedule_of(plan)
    pattern, count = schedule.pattern, schedule.count
    total = plan.quota
    if total is None:
        total = pattern.quota_at_full_speed if count is None else math.ceil(pattern.share * count)
    each, rest = divmod(total, pattern.campaigns)
    if each == 0:
        message = f"{pattern.campaigns} campaigns need at least {pattern.campaigns} units"
        raise LoadTestError(message)
    return [each + (index < rest) for index in range(pattern.campaigns)]
