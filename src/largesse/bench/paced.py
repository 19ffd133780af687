"""Latency at a given pace, in an open loop.

The moments to send are fixed beforehand and a latency counts from its moment, not from when the
request could at last be sent. So a server that stalls makes slow all that should have been asked
meanwhile, as it would for people.
"""

import asyncio
import selectors
import time
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from largesse.bench.asked import Requests
from largesse.bench.client import BROKEN, Connection, connect
from largesse.bench.load import percentile
from largesse.bench.plan import BenchError

LATE_S_MAX = 30
"""Answers that have not come so long after the last moment to send are given up."""


class Pace(Struct, frozen=True):
    """`count` moments, evenly apart, the first at `start_s`."""

    per_second: int
    count: int
    start_s: float = 0.0

    def moment_s(self, number: int) -> float:
        """When a request should be sent, counted from 0."""
        return self.start_s + number / self.per_second

    def due(self, now_s: float) -> int:
        """How many should have been sent by now."""
        if now_s < self.start_s:
            return 0
        return min(self.count, int((now_s - self.start_s) * self.per_second) + 1)


class OpenLoop:
    """Sends what is due over whichever connection is idle, and keeps the latencies.

    What finds none idle waits for the next answer, and its latency grows. `finished` is set with
    the last answer.
    """

    def __init__(
        self, pace: Pace, connections: list[Connection], request: Callable[[], bytes]
    ) -> None:
        self.finished = asyncio.Event()
        self.latencies_s: list[float] = []
        self.statuses: dict[int, int] = {}
        self._pace = pace
        self._idle = deque(connections)
        self._request = request
        self._waiting: deque[int] = deque()
        self._due = 0

    def come_to(self, clock: Callable[[], float]) -> None:
        """Send what has become due."""
        due = self._pace.due(clock())
        self._waiting.extend(range(self._due, due))
        self._due = due
        while self._waiting and self._idle:
            self._send(self._waiting.popleft(), self._idle.popleft(), clock)

    def _send(self, number: int, connection: Connection, clock: Callable[[], float]) -> None:
        def answered(status: int) -> None:
            self.latencies_s.append(clock() - self._pace.moment_s(number))
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if len(self.latencies_s) == self._pace.count:
                self.finished.set()
            if status != BROKEN:
                self._idle.append(connection)
                self.come_to(clock)

        connection.ask(self._request(), answered)


class Paced(Struct, frozen=True):
    """Latencies of one run, and how many answers had which status (0: none came)."""

    p50_ms: float
    p99_ms: float
    p999_ms: float
    statuses: dict[int, int]


def run(url: str, requests: Requests, pace: Pace, connections: int) -> Paced:
    """Ask at a pace, beginning now. Raises `BenchError` where answers do not come."""
    with asyncio.Runner(loop_factory=_precise_loop) as runner:
        try:
            return runner.run(_run(url, requests, pace, connections))
        except TimeoutError:
            message = f"answers are missing {LATE_S_MAX} s after the last request was due"
            raise BenchError(message) from None


def _precise_loop() -> asyncio.AbstractEventLoop:
    """A loop that can wait for less than a millisecond: of all selectors only this one does."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def _run(url: str, requests: Requests, pace: Pace, connections: int) -> Paced:
    lanes = await connect(url, connections)
    start_s = time.perf_counter()
    begun = Pace(pace.per_second, pace.count, start_s)
    looped = OpenLoop(begun, lanes, requests.next)
    async with asyncio.timeout(pace.count / pace.per_second + LATE_S_MAX):
        for number in range(pace.count):
            await asyncio.sleep(max(0.0, begun.moment_s(number) - time.perf_counter()))
            looped.come_to(time.perf_counter)
        await looped.finished.wait()
    await asyncio.gather(*(lane.close() for lane in lanes))
    ascending = sorted(looped.latencies_s)
    p50, p99, p999 = (1000 * percentile(ascending, share) for share in (0.5, 0.99, 0.999))
    return Paced(p50, p99, p999, looped.statuses)
