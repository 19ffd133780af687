"""`largesse loadtest`: a crowd before a running server, and whether every answer was true."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import uvloop
from cyclopts import Parameter
from cyclopts.validators import Number
from msgspec import to_builtins
from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from largesse.cli.options import Remote
from largesse.cli.shown import Shown, facts
from largesse.loadtest.patterns import PATTERNS
from largesse.loadtest.plan import PatternName, Plan, Protocol
from largesse.loadtest.run import LoadTest
from largesse.loadtest.summary import Summary, sparkline
from largesse.loadtest.tally import Tally

Count = Annotated[int, Parameter(validator=Number(gte=1))]
"""At least one."""

RECENT = 1_000
"""The latency that is shown while it runs is of so many claims."""

_STEADY = Plan()
_PATTERNS = "; ".join(f"{name}: {pattern.about}" for name, pattern in PATTERNS.items())
_PATTERN = f"How the crowd comes. {_PATTERNS}."


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much of it."""

    per_second: Count = _STEADY.per_second or 0
    """Claims per second, sent when they are due whether or not the server keeps up."""

    full_speed: Annotated[bool, Parameter(negative=())] = False
    """No pace: every connection claims again as soon as it has its answer."""

    seconds: Count = _STEADY.seconds
    """How long the crowd comes."""

    connections: Count = _STEADY.connections
    """How many claims may be under way at once."""

    quota: Count | None = None
    """How many units there are; by default as many as claims, near-limit half as many."""

    protocol: Protocol = _STEADY.protocol
    """How to claim: the REST interface, or the coupon service of RPC in JSON."""

    def plan(self, pattern: PatternName) -> Plan:
        """With a pattern, the whole plan."""
        return Plan(
            pattern=pattern,
            per_second=None if self.full_speed else self.per_second,
            seconds=self.seconds,
            connections=self.connections,
            quota=self.quota,
            protocol=self.protocol,
        )


_LOCAL = Remote()
_SOME = Load()


def loadtest(
    pattern: Annotated[PatternName, Parameter(help=_PATTERN)] = "steady",
    /,
    *,
    load: Load = _SOME,
    remote: Remote = _LOCAL,
) -> Shown:
    """Claim like a crowd from a running server, then hold its answers against its ledger."""
    plan = load.plan(pattern)
    with _watching() as screen:
        test = LoadTest(plan, remote.url, remote.opened_by(), screen)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            summary = runner.run(test.run())
    document = {**to_builtins(summary), "exact": summary.exact}
    return Shown(document, _drawn(summary), int(not summary.exact))


class _Screen:
    """Shows on standard error what the test is doing; where nobody sees it, one line for each."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live

    def tell(self, doing: str) -> None:
        """What it is doing now."""
        if self._console.is_terminal:
            self._live.update(Spinner("dots", Text(doing)))
        else:
            self._console.print(doing, soft_wrap=True)

    def beat(self, tally: Tally) -> None:
        """How the load stands."""
        if self._console.is_terminal:
            self._live.update(Spinner("dots", _standing(tally)))


@contextmanager
def _watching() -> Iterator[_Screen]:
    console = Console(stderr=True, highlight=False)
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        yield _Screen(console, live)


def _standing(tally: Tally) -> Text:
    seconds, issued = tally.per_second(), tally.outcomes["ISSUED"]
    recent = tally.latencies(RECENT)
    return Text(
        f"{len(tally.heard):,} claims  {sparkline(seconds, 30)}  "
        f"{seconds[-2] if len(seconds) > 1 else 0:,}/s  {issued:,} issued  "
        f"{len(tally.latencies_s) - issued:,} refused  p99 {recent.p99_ms:.1f} ms"
    )


def _drawn(summary: Summary) -> list[RenderableType]:
    refusals = ", ".join(f"{count:,} {outcome}" for outcome, count in summary.refusals.items())
    latency = summary.latency
    rows: list[tuple[str, object]] = [
        ("pattern", f"{summary.pattern}, over {summary.protocol}"),
        ("requests", f"{summary.requests:,} in {summary.seconds:.1f} s"),
        ("successes", f"{summary.successes:,}"),
        ("refusals", refusals or "none"),
        ("hung up", f"{summary.unheard:,}"),
        ("never sent", f"{summary.unsent:,}"),
        ("asked again", f"{summary.asked_again:,}"),
        ("issued", f"{summary.issued:,}"),
        ("left", f"{summary.left:,}"),
        ("latency", f"p50 {latency.p50_ms} ms, p95 {latency.p95_ms} ms, p99 {latency.p99_ms} ms"),
        ("per second", f"{summary.per_second:,}  {sparkline(summary.by_second)}"),
    ]
    seldom = {"hung up", "never sent"}
    shown = facts((name, value) for name, value in rows if value != "0" or name not in seldom)
    if summary.exact:
        return [shown, Text("Answers and ledger agree.", style="green")]
    return [shown, *(Text(f"MISMATCH  {one}", style="bold red") for one in summary.mismatches)]
