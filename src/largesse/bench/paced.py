"""Latency at a given pace, in an open loop.

The moments to send are fixed beforehand and a latency counts from its moment, not from when the
request could at last be sent. So a server that stalls makes slow all that should have been asked
meanwhile, as it would for people.
"""

import asyncio
import selectors
import time
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct

from largesse.bench.asked import Requests
from largesse.bench.client import BROKEN, Connection, connect
from largesse.bench.plan import BenchError
from largesse.loadtest.tally import percentile

LATE_S_MAX = 30
"""Answers that have not come so long after the last moment to send are given up."""


class OpenLoop:
    """Sends what is due over whichever connection is idle, and keeps the latencies.

    What finds none idle waits for the next answer, and its latency grows. `finished` is set with
    the last answer.
    """

    def __init__(
        self,
        moments_s: Sequence[float],
        connections: list[Connection],
        request: Callable[[], bytes],
    ) -> None:
        self.finished = asyncio.Event()
        self.latencies_s: list[float] = []
        self.statuses: dict[int, int] = {}
        self._moments_s = moments_s
        self._idle = deque(connections)
        self._request = request
        self._sent = 0

    def come_to(self, clock: Callable[[], float]) -> None:
        """Send what has become due by a clock that shows seconds since the beginning."""
        moments_s = self._moments_s
        while self._idle and self._sent < len(moments_s) and moments_s[self._sent] <= clock():
            due_s = moments_s[self._sent]
            self._sent += 1
            self._send(due_s, self._idle.popleft(), clock)

    def _send(self, due_s: float, connection: Connection, clock: Callable[[], float]) -> None:
        def answered(status: int) -> None:
            self.latencies_s.append(clock() - due_s)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if len(self.latencies_s) == len(self._moments_s):
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


def run(url: str, requests: Requests, moments_s: Sequence[float], connections: int) -> Paced:
    """Ask at these moments, counted from now. Raises `BenchError` where answers do not come."""
    with asyncio.Runner(loop_factory=_precise_loop) as runner:
        try:
            return runner.run(_run(url, requests, moments_s, connections))
        except TimeoutError:
            message = f"answers are missing {LATE_S_MAX} s after the last request was due"
            raise BenchError(message) from None


def _precise_loop() -> asyncio.AbstractEventLoop:
    """A loop that can wait for less than a millisecond: of all selectors only this one does."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def _run(url: str, requests: Requests, moments_s: Sequence[float], connections: int) -> Paced:
    lanes = await connect(url, connections)
    looped = OpenLoop(moments_s, lanes, requests.next)
    began_s = time.perf_counter()

    def clock() -> float:
        return time.perf_counter() - began_s

    async with asyncio.timeout(moments_s[-1] + LATE_S_MAX):
        for moment_s in moments_s:
            await asyncio.sleep(max(0.0, moment_s - clock()))
            looped.come_to(clock)
        await looped.finished.wait()
    await asyncio.gather(*(lane.close() for lane in lanes))
    ascending = sorted(looped.latencies_s)
    p50, p99, p999 = (1000 * percentile(ascending, share) for share in (0.5, 0.99, 0.999))
    return Paced(p50, p99, p999, looped.statuses)
