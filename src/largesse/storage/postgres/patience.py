"""Connections that do not wait for ever: a server that says nothing is given up.

The network's own time limits notice an end that is gone. A server that stands still, or a network
that takes everything and passes nothing on, looks alive to them.
"""

from typing import TypeVar, cast

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

from largesse.kernel.clock import ticking_s

RV = TypeVar("RV")

LOOK_S = 0.1
"""So often somebody who waits looks at the time."""


class PatientConnection(Connection[TupleRow]):
    """Waits `silence_s_max` for any word from the server; then the connection is closed.

    What was asked last may have happened or not. None waits for ever.
    """

    silence_s_max: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = LOOK_S, timeout: float | None = None) -> RV:
        """See the parent; raises `OperationalError` in the end."""
        return super().wait(self._watched(gen), interval, timeout)

    def give_up(self) -> OperationalError:
        """Close, so that no late answer is taken for another one's; the error to raise."""
        self.close()
        return OperationalError(f"no word from the database for {self.silence_s_max} s")

    def _watched(self, gen: PQGen[RV]) -> PQGen[RV]:
        """The driver's own waiting, which yields what it waits for and is sent what came of it."""
        try:
            wanted = next(gen)
            since_s = ticking_s()
            while True:
                seen = yield wanted
                if seen:
                    since_s = ticking_s()
                elif self.silence_s_max is not None and ticking_s() - since_s > self.silence_s_max:
                    raise self.give_up()
                wanted = gen.send(seen)
        except StopIteration as done:
            return cast("RV", done.value)
