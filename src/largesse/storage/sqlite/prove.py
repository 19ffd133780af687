"""The proof that the ledger adds up.

Rows of the journal never change. So a proof takes the counters of one moment, and afterwards reads
the rows that were there then in steps, each in a short transaction of its own: a long one would
keep the log from being copied into the file.
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Protocol, TypeVar

import apsw
from msgspec.structs import replace

from largesse.issuance.model import Conservation, Violation
from largesse.kernel.clock import Clock
from largesse.storage.sqlite.draw_proof import (
    DrawCensus,
    Made,
    compare_books,
    count_made,
    find_astray,
)
from largesse.storage.sqlite.fingerprint import Fingerprints
from largesse.storage.sqlite.holders import Holders
from largesse.storage.sqlite.scrutiny import Census, check_codes, find_strays, read_caps
from largesse.storage.sqlite.tally import (
    State,
    Tallies,
    compare,
    count,
    read_state,
    turn_days,
)

ROWS_AT_ONCE = 20_000
"""Rows of one step: some ten milliseconds of a reader."""

VIOLATIONS_MAX = 100
"""More of them would say nothing new."""

T = TypeVar("T")
ComeRound = Callable[[], Awaitable[None]]
"""Returns once all that was committed before the call is among the holders."""


class Reading(Protocol):
    """How a proof reads: `Readers`, or a file that nobody writes."""

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do work on one consistent state of the ledger."""


class Prover:
    """Holds the ledger against itself, and remembers how far it has counted."""

    def __init__(
        self, come_round: ComeRound, readers: Reading, holders: Holders, prints: Fingerprints
    ) -> None:
        self._come_round = come_round
        self._readers = readers
        self._holders = holders
        self._prints = prints
        self._counted = 0
        self._tallies: Tallies = {}
        self._made: Made = {}

    async def prove(self, clock: Clock, *, whole: bool) -> Conservation:
        """Count what came since the last proof, or everything; compare it with the counters.

        Only a whole proof looks at extents, codes and holders.
        """
        checked_at_ms = clock.now_ms()
        state = await self._readers.read(read_state)
        first = 0 if whole else self._counted
        tallies = {} if whole else {one: replace(tally) for one, tally in self._tallies.items()}
        made = {} if whole else dict(self._made)
        violations = await self._count(state, tallies, made, first)
        violations += compare(tallies, state.counters)
        violations += compare_books(made, state.books)
        if whole:
            violations += await self._scrutinise(state)
        self._counted, self._tallies, self._made = state.last_seq, tallies, made
        found = tuple(violations[:VIOLATIONS_MAX])
        return Conservation(checked_at_ms, state.campaigns, state.last_seq, found)

    async def _count(
        self, state: State, tallies: Tallies, made: Made, first: int
    ) -> list[Violation]:
        turn_days(tallies, state)
        today = state.today()
        violations: list[Violation] = []
        for start, end in _steps(first, state.last_seq):
            step = partial(count, tallies=tallies, today=today, first=start, last=end)
            violations += await self._readers.read(step)
            draws = partial(count_made, made=made, first=start, last=end)
            violations += await self._readers.read(draws)
        return violations

    async def _scrutinise(self, state: State) -> list[Violation]:
        await self._come_round()
        caps = await self._readers.read(read_caps)
        censuses = (
            Census(self._holders, self._prints, caps),
            DrawCensus(self._holders, self._prints),
        )
        violations = await self._readers.read(check_codes)
        for first, last in _steps(0, state.last_seq):
            violations += await self._readers.read(partial(find_strays, first=first, last=last))
            violations += await self._readers.read(partial(find_astray, first=first, last=last))
            for census in censuses:
                violations += await self._readers.read(partial(census.add, first=first, last=last))
        for census in censuses:
            violations += await self._excess(census, state)
        return violations

    async def _excess(self, census: Census | DrawCensus, state: State) -> list[Violation]:
        """What is held or drawn more often than it may be."""
        if not await self._readers.read(lambda _: census.suspects()):
            return []
        seqs: list[int] = []
        for first, last in _steps(0, state.last_seq):
            seqs += await self._readers.read(partial(census.pick, first=first, last=last))
        return await self._readers.read(partial(census.excess, seqs=seqs))


def _steps(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cuts the rows after `first` up to `last` into steps."""
    for start in range(first, last, ROWS_AT_ONCE):
        yield start, min(start + ROWS_AT_ONCE, last)
