"""Time as a dependency: only this module reads the clocks of the machine.

Every moment is an integer of milliseconds since 1970-01-01T00:00:00Z.
"""

import time
from typing import Protocol

JUMP_MS_MAX = 5_000
"""How far the wall clock may run away from the monotonic one before largesse is not ready."""


def stopwatch_s() -> float:
    """Seconds since some moment, to microseconds: only differences mean anything."""
    return time.perf_counter()


def ticking_s() -> float:
    """Seconds of a clock that nobody sets."""
    return time.monotonic()


class Clock(Protocol):
    """Tells the wall-clock time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch; never less than what it said before."""


class MachineClock(Clock, Protocol):
    """A clock that knows whether it may be trusted."""

    def jump_ms(self) -> int:
        """How far it was set forward since it was made (or stands back, negative)."""


class SystemClock:
    """The time of the machine, held still where the machine turns it back.

    The ledger's time never goes back: while the wall clock stands behind what was already told, the
    last moment is told again. `not_before_ms` is what was told before this clock was made.
    """

    def __init__(self, not_before_ms: int = 0) -> None:
        self._not_before_ms = not_before_ms
        self._last_ms = not_before_ms
        self._offset_ms = self._wall_minus_monotonic()

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        self._last_ms = max(self._last_ms, self._wall_ms())
        return self._last_ms

    def jump_ms(self) -> int:
        """How far the wall clock was set forward (or back, negative) since this clock was made.

        Or how far it stands behind what was told before that (negative), where this is more.
        """
        set_by_ms = self._wall_minus_monotonic() - self._offset_ms
        behind_by_ms = min(0, self._wall_ms() - self._not_before_ms)
        return max(set_by_ms, behind_by_ms, key=abs)

    @staticmethod
    def _wall_ms() -> int:
        return time.time_ns() // 1_000_000

    @staticmethod
    def _wall_minus_monotonic() -> int:
        return (time.time_ns() - time.monotonic_ns()) // 1_000_000


class CarriedClock:
    """The time of another machine, carried on between two words of it by a clock nobody sets.

    So machines that share a ledger agree, and setting the clock of one of them changes nothing. It
    follows the other's clock forward at once; where it is ahead it stands still until overtaken.
    """

    def __init__(self, not_before_ms: int = 0) -> None:
        self._not_before_ms = not_before_ms
        self._last_ms = not_before_ms
        self._ahead_ms = 0
        self._heard = False
        self._jump_ms = 0

    def hear(self, told_ms: int, asked_s: float, answered_s: float) -> None:
        """Take the other's word: what it told between two moments of `ticking_s`.

        A word that lies within the doubt that its own way brings changes nothing.
        """
        doubt_ms = (answered_s - asked_s) * 500
        ahead_ms = told_ms - round((asked_s + answered_s) * 500)
        if not self._heard:
            self._heard, self._ahead_ms = True, ahead_ms
            return
        change_ms = ahead_ms - self._ahead_ms
        if abs(change_ms) <= doubt_ms + 1:
            return
        self._ahead_ms = ahead_ms
        if abs(change_ms) > JUMP_MS_MAX:
            self._jump_ms += change_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch, by the other machine."""
        self._last_ms = max(self._last_ms, self._present_ms())
        return self._last_ms

    def jump_ms(self) -> int:
        """How far the other's clock was set (back: negative), or stands behind what was told."""
        behind_ms = min(0, self._present_ms() - self._not_before_ms)
        return max(self._jump_ms, behind_ms, key=abs)

    def _present_ms(self) -> int:
        return int(ticking_s() * 1000) + self._ahead_ms


class FakeClock:
    """A time that moves only when told to."""

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The time last set."""
        return self._now_ms

    def jump_ms(self) -> int:
        """A fake clock is never out of step with itself."""
        return 0

    def advance(self, by_ms: int) -> None:
        """Let time pass."""
        assert by_ms >= 0
        self._now_ms += by_ms


class TenantClocks:
    """The time as each tenant sees it.

    A tenant in test mode has a clock of its own that stands still until it is moved forward over
    the API; every other tenant lives in the time of the machine. All that a tenant's campaigns
    read of time comes from here.
    """

    def __init__(self, machine: Clock) -> None:
        self.machine = machine
        self._standing: dict[int, int] = {}

    def now_ms(self, tenant: int) -> int:
        """The present moment of one tenant, by its number."""
        standing = self._standing.get(tenant)
        return self.machine.now_ms() if standing is None else standing

    def set(self, tenant: int, now_ms: int) -> None:
        """Give a tenant in test mode its moment. A moment before its present one is ignored."""
        self._standing[tenant] = max(now_ms, self._standing.get(tenant, now_ms))
