"""What a crowd heard, claim by claim, while it comes in and when all is in."""

import math
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from largesse.loadtest.wishes import Given

ISSUED = "ISSUED"
NO_ANSWER = "NO_ANSWER"
HUNG_UP = "HUNG_UP"
STRANGE_ANSWER = "STRANGE_ANSWER"
"""How a claim ended whose customer heard nothing, did not wait to, or could make no sense of it."""


class Heard(Struct, frozen=True, gc=False):
    """What became of one claim; `sent_s` and `heard_s` are seconds since the load began.

    `outcome` is ISSUED, the code of a refusal, or one of those above. With `known` false it may
    have been issued all the same.
    """

    number: int
    outcome: str
    given: Given | None
    sent_s: float
    heard_s: float
    known: bool = True


class Latencies(Struct, frozen=True):
    """How long claims took, in milliseconds from the moment each was meant to be sent."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Tally:
    """All that was heard so far."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.latencies_s: list[float] = []
        self.outcomes: Counter[str] = Counter()
        self.by_second: Counter[int] = Counter()
        self.unsent = 0
        self.ended_s = 0.0

    def add(self, heard: Heard, due_s: float) -> None:
        """One more; its latency counts from when it was due. Who hung up has none."""
        self.heard.append(heard)
        self.outcomes[heard.outcome] += 1
        self.ended_s = heard.heard_s
        if heard.outcome != HUNG_UP:
            self.latencies_s.append(heard.heard_s - due_s)
            self.by_second[max(0, int(heard.heard_s))] += 1

    def latencies(self, last: int | None = None) -> Latencies:
        """Of all claims, or of the last so many."""
        chosen = self.latencies_s if last is None else self.latencies_s[-last:]
        ascending = sorted(chosen) or [0.0]
        p50, p95, p99, most = (
            round(1_000 * percentile(ascending, share), 3) for share in (0.5, 0.95, 0.99, 1.0)
        )
        return Latencies(p50, p95, p99, most)

    def per_second(self) -> list[int]:
        """How many answers came in each second of the load."""
        return [self.by_second[second] for second in range(max(self.by_second, default=-1) + 1)]


def percentile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed (the nearest rank)."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]
