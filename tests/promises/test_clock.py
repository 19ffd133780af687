"""Promise: windows and days follow the clock that was given, in every zone."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from crowd import crowd
from running import Running, hosted, served
from shop import Json, Shop, a_reward, new_tenant, rfc3339, shop

from largesse.kernel.calendar import day_bounds_ms, local_day
from largesse.kernel.clock import FakeClock
from largesse.testing.factories import NOW_MS

HOUR_MS = 3_600_000
YEAR_MS = 366 * 24 * HOUR_MS
STEP_MS = 6 * HOUR_MS
"""No zone sets its clocks and sets them back in less."""

EPOCH = date(1970, 1, 1)
NOTICED_S_MAX = 10.0
ZONES = sorted(available_timezones())


@dataclass(frozen=True, order=True)
class Event:
    """A moment just before a zone's midnight, or at it, and a campaign there."""

    at_ms: int
    zone: str
    sale: str


def date_at(zone: ZoneInfo, moment_ms: int) -> date:
    """The date on a calendar on the wall: what a day is, in one line and without our code."""
    return datetime.fromtimestamp(moment_ms / 1000, zone).date()


def change_after(zone: ZoneInfo, after_ms: int) -> int:
    """The first moment after another with a new date: by halving, to the millisecond."""
    low, high = after_ms, after_ms + 26 * HOUR_MS
    day = date_at(zone, low)
    assert date_at(zone, high) != day
    while high - low > 1:
        middle = (low + high) // 2
        if date_at(zone, middle) == day:
            low = middle
        else:
            high = middle
    return high


def odd_moments(name: str, from_ms: int) -> list[int]:
    """Moments within a year shortly before a zone's clocks are set; one, if they never are.

    A day around each of them has 23 or 25 hours, or something odder.
    """
    zone = ZoneInfo(name)
    moments = range(from_ms, from_ms + YEAR_MS, STEP_MS)
    offsets = [datetime.fromtimestamp(moment / 1000, zone).utcoffset() for moment in moments]
    changes = zip(moments, itertools.pairwise(offsets), strict=False)
    return [moment for moment, (one, other) in changes if one != other] or [from_ms]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running `largesse serve`."""
    with served(tmp_path_factory.mktemp("clock")) as running:
        yield running


@pytest.fixture
async def timeless(server: Running) -> AsyncIterator[Shop]:
    """A tenant whose time stands still until it is told to move."""
    key = await new_tenant(server.port, test_mode=True)
    async with shop(server.port, 4, key) as opened:
        yield opened


@pytest.mark.slow
def test_days_of_every_zone_begin_when_the_date_changes() -> None:
    """The calendar against a wall clock, around each change of the clocks in a year."""
    checked = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        for moment in odd_moments(name, NOW_MS):
            midnight = moment - 26 * HOUR_MS
            for _ in range(3):
                midnight = change_after(zone, midnight)
                day = (date_at(zone, midnight) - EPOCH) // timedelta(days=1)
                assert local_day(name, midnight) == day, (name, midnight)
                assert local_day(name, midnight - 1) == day - 1, (name, midnight)
                assert day_bounds_ms(name, day)[0] == midnight, (name, midnight)
                checked += 1
    assert checked > 3 * len(ZONES)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_daily_quotas_turn_at_midnight_in_every_zone(
    timeless: Shop, told: Callable[[str], None]
) -> None:
    """In each zone, near a change of its clocks: one a millisecond before midnight, one at it."""
    now_ms = await timeless.advance(by_ms=48 * HOUR_MS)
    events = []
    for name in ZONES:
        sale = await timeless.campaign(time_zone=name, rewards=[a_reward(quota_daily=1)])
        moment = max(odd_moments(name, now_ms)[0] - 12 * HOUR_MS, now_ms)
        midnight = change_after(ZoneInfo(name), moment)
        events += [Event(midnight - 1, name, sale), Event(midnight, name, sale)]
    for moment_ms, several in itertools.groupby(sorted(events), attrgetter("at_ms")):
        await timeless.advance(to=rfc3339(moment_ms))
        for event in several:
            told_to = await day_of(timeless, event.sale, moment_ms)
            assert told_to == ["ISSUED", "SOLD_OUT_TODAY"], event
    told(f"clock: the daily quota turned at midnight to the millisecond in {len(ZONES)} zones")


async def day_of(tenant: Shop, sale: str, moment_ms: int) -> list[str]:
    """What two customers are told at a moment, one after the other."""
    names = (f"first-{moment_ms}", f"second-{moment_ms}")
    return [outcome((await tenant.claimed(sale, name)).json()) for name in names]


def outcome(answer: Json) -> str:
    """How a claim ended."""
    return str(answer["outcome"] if "outcome" in answer else answer["code"])


async def test_a_leap_day_is_a_day(timeless: Shop) -> None:
    """28 and 29 February and 1 March 2028 each have their own quota."""
    sale = await timeless.campaign(time_zone="Asia/Seoul", rewards=[a_reward(quota_daily=1)])
    first = datetime(2028, 2, 28, 12, tzinfo=ZoneInfo("Asia/Seoul")).astimezone(UTC)
    for number in range(3):
        moment_ms = round((first + timedelta(days=number)).timestamp() * 1000)
        await timeless.advance(to=rfc3339(moment_ms))
        assert await day_of(timeless, sale, moment_ms) == ["ISSUED", "SOLD_OUT_TODAY"]


async def test_time_never_goes_back(timeless: Shop) -> None:
    """A test clock refuses to go back; what was closed stays closed."""
    now_ms = await timeless.advance(by_ms=0)
    sale = await timeless.campaign(ends_at=rfc3339(now_ms + 10))
    assert await timeless.advance(by_ms=10) == now_ms + 10
    back = await timeless.ask("POST", "/test-clock:advance", {"to": rfc3339(now_ms)})
    assert (back.status, back.json()["code"]) == (422, "CLOCK_GOES_BACK")
    assert await timeless.advance(by_ms=0) == now_ms + 10
    assert outcome((await timeless.claimed(sale, "ann")).json()) == "CLOSED"


class JumpingClock(FakeClock):
    """A machine's clock that somebody sets."""

    def __init__(self, now_ms: int) -> None:
        super().__init__(now_ms)
        self.set_by_ms = 0

    def jump_ms(self) -> int:
        """How far it was set."""
        return self.set_by_ms


@pytest.mark.parametrize("jump_ms", [HOUR_MS, -HOUR_MS, 5_001, -5_001])
async def test_a_clock_that_was_set_makes_not_ready(tmp_path: Path, jump_ms: int) -> None:
    """Over 5 s against the monotonic clock: not ready, with the reason; set right: ready again."""
    clock = JumpingClock(NOW_MS)
    async with hosted(tmp_path, clock) as port:
        assert (await readiness(port, 200))["ready"] is True
        clock.set_by_ms = jump_ms
        told = await readiness(port, 503)
        assert "clock" in told["problems"]["clock"]
        clock.set_by_ms = 5_000
        assert (await readiness(port, 200))["problems"] == {}


async def readiness(port: int, status: int) -> Json:
    """Wait until /readyz answers with a status; what it says."""
    async with asyncio.timeout(NOTICED_S_MAX), crowd(port) as visitors:
        while (answer := await visitors.ask("GET", "/readyz")).status != status:
            pass
        return answer.json()
