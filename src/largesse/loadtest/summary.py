"""What a load test found, for people and for programs."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from largesse.loadtest.compare import Book
from largesse.loadtest.plan import Plan
from largesse.loadtest.tally import HUNG_UP, ISSUED, Latencies, Tally

BARS = "▁▂▃▄▅▆▇█"


class Summary(Struct, frozen=True, kw_only=True):
    """The figures of a run. `mismatches` is empty where answers and ledger agree.

    `requests` counts the claims of the crowd, `unsent` those that a slow server left no time for,
    `issued` and `left` come from the ledger, `by_second` counts answers.
    """

    pattern: str
    protocol: str
    connections: int
    requests: int
    successes: int
    refusals: Mapping[str, int]
    unheard: int
    unsent: int
    asked_again: int
    issued: int
    left: int
    seconds: float
    per_second: float
    latency: Latencies
    by_second: Sequence[int]
    campaigns: Sequence[str]
    mismatches: Sequence[str]

    @property
    def exact(self) -> bool:
        """Whether everything agrees."""
        return not self.mismatches


def summary_of(
    plan: Plan, tally: Tally, books: Sequence[Book], mismatches: Sequence[str], asked_again: int
) -> Summary:
    """The summary of what was heard and of what the ledger holds."""
    outcomes = dict(tally.outcomes.most_common())
    answers = len(tally.latencies_s)
    return Summary(
        pattern=plan.pattern,
        protocol=plan.protocol,
        connections=plan.connections,
        requests=len(tally.heard),
        successes=outcomes.pop(ISSUED, 0),
        unheard=outcomes.pop(HUNG_UP, 0),
        refusals=outcomes,
        unsent=tally.unsent,
        asked_again=asked_again,
        issued=sum(len(book.incentives) for book in books),
        left=sum(book.campaign.rewards[0].stock.left or 0 for book in books),
        seconds=round(tally.ended_s, 3),
        per_second=round(answers / tally.ended_s, 1) if tally.ended_s else 0.0,
        latency=tally.latencies(),
        by_second=tally.per_second(),
        campaigns=[book.campaign.id for book in books],
        mismatches=mismatches,
    )


def sparkline(values: Sequence[int], width: int = 60) -> str:
    """Values as bars, from nothing to the highest; several fall together where there are many."""
    step = max(1, -(-len(values) // width))
    grouped = [sum(values[at : at + step]) for at in range(0, len(values), step)]
    most = max(grouped, default=0) or 1
    return "".join(BARS[round(value / most * (len(BARS) - 1))] for value in grouped)
