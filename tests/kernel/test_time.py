"""Clocks that never go back, and days as people in a zone count them."""

import pytest

from largesse.kernel.calendar import LocalDays, day_bounds_ms, local_day, zone_exists
from largesse.kernel.clock import FakeClock, SystemClock, TenantClocks

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FORWARD_DAY = 20_891
"""2027-03-14, on which New York skips the hour from 02:00."""
BACK_DAY = 21_129
"""2027-11-07, on which New York lives the hour from 01:00 twice."""


@pytest.mark.parametrize(
    ("zone", "moment_ms", "day"),
    [
        ("UTC", 0, 0),
        ("UTC", DAY_MS - 1, 0),
        ("UTC", DAY_MS, 1),
        ("UTC", -1, -1),
        ("Asia/Seoul", 15 * HOUR_MS - 1, 0),
        ("Asia/Seoul", 15 * HOUR_MS, 1),
        ("America/New_York", 0, -1),
        ("America/New_York", 5 * HOUR_MS, 0),
        ("Pacific/Kiritimati", 951_780_000_000, 11_016),  # 2000-02-29 there, 02-28 in UTC
    ],
)
def test_the_local_day(zone: str, moment_ms: int, day: int) -> None:
    """A day begins at local midnight."""
    assert local_day(zone, moment_ms) == day


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", FORWARD_DAY, 24),
        ("America/New_York", FORWARD_DAY, 23),
        ("America/New_York", BACK_DAY, 25),
        ("Asia/Seoul", FORWARD_DAY, 24),
        ("Africa/Cairo", 20_203, 23),  # 2025-04-25 begins at 01:00: midnight is skipped
    ],
)
def test_the_bounds_of_a_day(zone: str, day: int, hours: int) -> None:
    """A day has as many hours as its zone gives it, and its bounds are its own moments."""
    first_ms, after_ms = day_bounds_ms(zone, day)

    assert after_ms - first_ms == hours * HOUR_MS
    assert [local_day(zone, ms) for ms in (first_ms - 1, first_ms, after_ms - 1, after_ms)] == [
        day - 1,
        day,
        day,
        day + 1,
    ]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/New_York", "Africa/Cairo"])
def test_remembered_days_are_the_calendar_s(zone: str) -> None:
    """Hour by hour over both changes of the clocks, and backwards too."""
    days = LocalDays()
    moments = [FORWARD_DAY * DAY_MS + hour * HOUR_MS for hour in range(-30, 260 * 24)]

    for moment_ms in (*moments, *moments[::-7]):
        assert days.day(zone, moment_ms) == local_day(zone, moment_ms)


NOON_MS, DAY_MS = 43_200_000, 86_400_000


@pytest.mark.parametrize(
    ("edges_ms", "first_ms", "after_ms"),
    [
        ((), 0, DAY_MS),
        ((None, -1, DAY_MS), 0, DAY_MS),
        ((NOON_MS - 1, 5), NOON_MS - 1, DAY_MS),
        ((NOON_MS,), NOON_MS, DAY_MS),
        ((NOON_MS + 1, DAY_MS - 1), 0, NOON_MS + 1),
        ((5, DAY_MS - 1, None), 5, DAY_MS - 1),
    ],
)
def test_a_day_is_cut_at_its_edges(
    edges_ms: tuple[int | None, ...], first_ms: int, after_ms: int
) -> None:
    """From the last one on, the moment's own included, to before the next one."""
    cut = LocalDays().span_within("UTC", NOON_MS, edges_ms)
    assert cut == (first_ms, after_ms, 0)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Asia/Seoul", True),
        ("UTC", True),
        ("asia/seoul", False),
        ("Asia/Nowhere", False),
        ("", False),
        ("../UTC", False),
        ("\ud800", False),
    ],
)
def test_zones_are_known_by_their_exact_name(name: str, *, known: bool) -> None:
    """No path and no other case will do."""
    assert zone_exists(name) is known


def test_the_system_clock_never_goes_back() -> None:
    """It tells the time of the machine, and is in step with it."""
    clock = SystemClock()
    told = [clock.now_ms() for _ in range(100)]

    assert told == sorted(told)
    assert abs(clock.jump_ms()) < 1000


def test_the_system_clock_holds_still_until_it_has_caught_up() -> None:
    """What was told before it was made is told again; its distance counts as a jump back."""
    ahead_ms = SystemClock().now_ms() + HOUR_MS
    clock = SystemClock(ahead_ms)

    assert [clock.now_ms(), clock.now_ms()] == [ahead_ms, ahead_ms]
    assert -HOUR_MS <= clock.jump_ms() < -HOUR_MS + 10_000


def test_the_system_clock_runs_on_from_the_past() -> None:
    """What was told before it was made is over: it is the time of the machine, and in step."""
    machine_ms = SystemClock().now_ms()
    clock = SystemClock(machine_ms - HOUR_MS)

    assert clock.now_ms() >= machine_ms
    assert abs(clock.jump_ms()) < 1000


def test_a_fake_clock_moves_when_told_to() -> None:
    """And never by itself."""
    clock = FakeClock(5)

    clock.advance(3)

    assert (clock.now_ms(), clock.now_ms(), clock.jump_ms()) == (8, 8, 0)


def test_a_tenant_s_clock_stands_until_it_is_set() -> None:
    """It moves forward only; tenants without one live in the time of the machine."""
    machine = FakeClock(100)
    clocks = TenantClocks(machine)
    clocks.set(1, 500)
    clocks.set(1, 400)
    machine.advance(50)

    assert clocks.now_ms(1) == 500
    assert clocks.now_ms(2) == 150
