"""The sweep by itself: when deadlines strike, when it runs, and what it tells."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.server import ServerState

from largesse.http.deadlines import LaneLimits, Watch


class Loop:
    """A loop whose time the test moves; it has room for one timer."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timer: Callable[[], None] | None = None

    def time(self) -> float:
        """The time."""
        return self.now

    def call_later(self, delay_s: float, callback: Callable[..., None], *given: object) -> None:
        """Set the timer."""
        assert self.timer is None, "the sweep has one timer"
        due = self.now + delay_s

        def strike() -> None:
            self.now = due
            callback(*given)

        self.timer = strike

    def strike(self) -> None:
        """Let the timer strike."""
        timer, self.timer = self.timer, None
        assert timer is not None
        timer()


class Connection:
    """A connection that counts how often it was looked at."""

    def __init__(self) -> None:
        self.server_state = ServerState()
        self.checked = 0

    def check(self) -> None:
        """Count."""
        self.checked += 1


def watch_of(limits: LaneLimits) -> Watch:
    """A watch that makes no request ids."""
    return Watch(limits, lambda: "")


@pytest.mark.parametrize("sweep_s", [0.25, 0.5, 1.0])
def test_a_deadline_strikes_early_rather_than_late(sweep_s: float) -> None:
    """At the last sweep before the limit would be over, and at most two sweeps before it."""
    watch = watch_of(LaneLimits(sweep_s=sweep_s))
    while not watch.overdue(0.0, 5.0):
        watch.now += sweep_s
    assert 5.0 - 2 * sweep_s <= watch.now <= 5.0


def test_the_sweep_runs_only_while_there_are_connections() -> None:
    """An idle server wakes for nobody, and wakes again with the next connection."""
    loop: Any = Loop()
    watch, first, second = watch_of(LaneLimits()), Connection(), Connection()
    watch.join(first, loop)
    watch.join(second, loop)
    loop.strike()
    watch.leave(first)
    loop.strike()
    watch.leave(second)
    loop.strike()

    assert (first.checked, second.checked, loop.timer) == (1, 2, None)
    watch.join(first, loop)
    assert loop.timer is not None


def test_the_clock_is_fresh_when_the_first_connection_joins() -> None:
    """After hours without one, its time must not count from the last sweep."""
    loop: Any = Loop()
    watch = watch_of(LaneLimits())
    loop.now = 5_000.0
    watch.join(Connection(), loop)
    assert watch.now == 5_000.0


def test_every_head_ends_with_the_servers_date() -> None:
    """Read once per sweep from where uvicorn keeps it."""
    loop: Any = Loop()
    watch, connection = watch_of(LaneLimits()), Connection()
    watch.join(connection, loop)
    assert watch.head_end == b"\r\n"
    connection.server_state.default_headers = [(b"date", b"today")]
    loop.strike()
    assert watch.head_end == b"date: today\r\n\r\n"


def test_refusals_are_told_once_per_sweep(caplog: pytest.LogCaptureFixture) -> None:
    """One line with the counts, also for those of the last connection, then none."""
    loop: Any = Loop()
    watch, connection = watch_of(LaneLimits()), Connection()
    watch.join(connection, loop)
    watch.refused["MALFORMED"] += 50
    watch.leave(connection)
    loop.strike()
    assert caplog.messages == ["Refused requests: {'MALFORMED': 50}"]


async def test_what_is_answered_in_a_tick_is_sent_at_its_end() -> None:
    """All of it in its order, with one call; what comes of the sending goes with the next."""
    watch = watch_of(LaneLimits())
    loop = asyncio.get_running_loop()
    sent: list[str] = []

    def send_first() -> None:
        sent.append("first")
        watch.send_soon(lambda: sent.append("third"), loop)

    watch.send_soon(send_first, loop)
    watch.send_soon(lambda: sent.append("second"), loop)
    assert sent == []
    await asyncio.sleep(0)
    assert sent == ["first", "second"]
    await asyncio.sleep(0)
    assert sent == ["first", "second", "third"]
