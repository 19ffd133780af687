"""The ledger of draws in an SQLite file."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import apsw

from largesse.campaigns.model import Campaign, DrawPeriod
from largesse.draws import decide
from largesse.draws.dice import Dice
from largesse.draws.model import Drawn, DrawSettled, DrawWish, Returned
from largesse.draws.ports import Before
from largesse.issuance import decide as issuing
from largesse.kernel.calendar import LocalDays, local_day
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.campaigns import load_campaign
from largesse.storage.sqlite.draw_rows import read_by_number, read_draws, read_returns
from largesse.storage.sqlite.fingerprint import of_customer
from largesse.storage.sqlite.issuance import SQLiteIncentiveStore
from largesse.storage.sqlite.query import number, rows
from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.settle_draws import settle_draws
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.writer import Writer

# When a campaign's first and last draws were made: their numbers and their moments ascend together.
_BOUNDS = """
SELECT f.at_ms, l.at_ms FROM draw_book b
JOIN draw_extent e ON e.campaign = b.campaign AND e.draw = 1
JOIN draw_extent x ON x.campaign = b.campaign AND x.draw =
  (SELECT max(draw) FROM draw_extent WHERE campaign = b.campaign)
JOIN journal f ON f.seq = e.seq
JOIN journal l ON l.seq = x.seq + b.draws - x.draw
WHERE b.campaign = ?"""

_MOST = """
SELECT max(coalesce(definition ->> '$.draws_per.n', 1)) FROM campaign_version WHERE campaign = ?"""

PERIODS_AT_ONCE = 1_024
"""Days of one customer looked for at a time, in memory: three years cost a millisecond."""


class _Verdict(NamedTuple):
    """What anybody is told of a campaign from one moment to another, if all are told alike."""

    campaign: Campaign
    first_ms: int
    after_ms: int
    refused: DrawSettled | None
    period: int
    seed_of_firsts: int
    asks_who: bool


class SQLiteDrawStore:
    """See `DrawStore`. Who has drawn is found in the memory that the store of incentives keeps."""

    def __init__(
        self, writer: Writer, readers: Readers, incentives: SQLiteIncentiveStore, dice: Dice
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._incentives = incentives
        self._memory = incentives.memory
        self._dice = dice
        self._days = LocalDays()
        self._verdicts: dict[int, _Verdict] = {}

    async def settle(self, wishes: Sequence[DrawWish]) -> list[DrawSettled]:
        """See `DrawStore`."""
        if not wishes:
            return []
        return await self._writer.write(partial(self._settle, wishes), bulky=True)

    def at_once(self, wishes: Sequence[DrawWish]) -> list[DrawSettled | None]:
        """See `DrawStore`."""
        if not self._incentives.heard_lately():
            return [None] * len(wishes)
        refusals = [self._refusal(wish) for wish in wishes]
        refused = [at for at, one in enumerate(refusals) if one is not None]
        if not refused:
            return refusals
        draw_key = self._memory.prints.draw_key
        hashes = [
            draw_key(one.campaign, one.customer, one.key)
            for one in map(wishes.__getitem__, refused)
        ]
        for found, _ in self._memory.holders.find(hashes):
            refusals[refused[found]] = None
        return refusals

    async def draw(self, campaign: int, number: int) -> Drawn | None:
        """See `DrawStore`."""
        return next(iter(await self.draws(campaign, number - 1, 1)), None)

    async def draws(self, campaign: int, after: int, limit: int) -> list[Drawn]:
        """See `DrawStore`."""
        return await self._readers.read(lambda db: read_by_number(db, campaign, after + 1, limit))

    async def returns(self, campaign: int, after: int, limit: int) -> list[Returned]:
        """See `DrawStore`. A position is that of the revoke's row."""
        return await self._readers.read(lambda db: read_returns(db, campaign, after, limit))

    async def draws_of(
        self, campaign: int, customer: str, before: Before | None, limit: int
    ) -> list[Drawn]:
        """See `DrawStore`. The days of the campaign are looked for in memory, newest first."""
        return await self._readers.read(
            lambda db: self._read_draws_of(db, campaign, customer, before, limit)
        )

    def _settle(self, wishes: Sequence[DrawWish], transaction: Transaction) -> list[DrawSettled]:
        self._incentives.hear_of(transaction)
        return settle_draws(self._memory, self._dice, wishes, transaction)

    def _refusal(self, wish: DrawWish) -> DrawSettled | None:
        """What is certain of a wish whose key is new."""
        campaign = self._memory.campaigns.get(wish.campaign)
        if campaign is None or campaign.tenant != wish.tenant:
            return None
        verdict = self._verdicts.get(wish.campaign)
        if (
            verdict is None
            or verdict.campaign is not campaign
            or not verdict.first_ms <= wish.now_ms < verdict.after_ms
        ):
            verdict = self._verdicts[wish.campaign] = self._judge(campaign, wish.now_ms)
        if verdict.refused is not None or verdict.asks_who:
            return verdict.refused
        lately = self._memory.drawn_lately
        first = lately.get(of_customer(verdict.seed_of_firsts, wish.customer))
        if first is None or not _is_place(first, wish, verdict.period, 1):
            return None  # as nearly always: who asks has not drawn, or long ago
        most = campaign.definition.draws_per.n
        if most > 1:
            prints = self._memory.prints
            last = prints.of_period(wish.campaign, verdict.period, wish.customer, most)
            drawn = lately.get(last)
            if drawn is None or not _is_place(drawn, wish, verdict.period, most):
                return None
        return DrawSettled(Outcome.ALREADY_DRAWN, first)

    def _judge(self, campaign: Campaign, now_ms: int) -> _Verdict:
        definition = campaign.definition
        first_ms, after_ms, day = self._days.span_within(
            definition.time_zone, now_ms, (definition.starts_at_ms, definition.ends_at_ms)
        )
        window = issuing.window(campaign, now_ms)
        period = decide.period(definition, day)
        return _Verdict(
            campaign,
            first_ms,
            after_ms,
            None if window is None else DrawSettled(window),
            period,
            self._memory.prints.seed_of_period(campaign.number, period, 1),
            issuing.asks_who(definition),
        )

    def _read_draws_of(
        self, db: apsw.Connection, campaign: int, customer: str, before: Before | None, limit: int
    ) -> list[Drawn]:
        found: list[Drawn] = []
        for periods in self._periods(db, campaign, before):
            if len(found) >= limit:
                break
            found += self._of_periods(db, campaign, customer, periods)
        found.sort(key=lambda drawn: Before(drawn.period, drawn.ordinal), reverse=True)
        beyond = [one for one in found if before is None or (one.period, one.ordinal) < before]
        return beyond[:limit]

    @staticmethod
    def _periods(
        db: apsw.Connection, campaign: int, before: Before | None
    ) -> Iterator[Sequence[int]]:
        """The periods in which there may be draws, newest first, some at a time."""
        bounds = rows(db, _BOUNDS, (campaign,))
        known = load_campaign(db, campaign)
        if not bounds or known is None:
            return
        definition = known.definition
        if definition.draws_per.period is DrawPeriod.CAMPAIGN:
            yield [0]
            return
        first, last = (local_day(definition.time_zone, at_ms) for at_ms in bounds[0])
        last = last if before is None else min(last, before.period)
        for start in range(last, first - 1, -PERIODS_AT_ONCE):
            yield range(start, max(start - PERIODS_AT_ONCE, first - 1), -1)

    def _of_periods(
        self, db: apsw.Connection, campaign: int, customer: str, periods: Sequence[int]
    ) -> list[Drawn]:
        """A customer's draws of some periods: first those that have any, then the rest of these."""
        most = number(db, _MOST, (campaign,))
        found = self._look_up(db, campaign, customer, [(period, 1) for period in periods])
        more = [(drawn.period, nth) for drawn in found for nth in range(2, most + 1)]
        return found + self._look_up(db, campaign, customer, more)

    def _look_up(
        self, db: apsw.Connection, campaign: int, customer: str, places: Sequence[tuple[int, int]]
    ) -> list[Drawn]:
        of_period = self._memory.prints.of_period
        hashes = [of_period(campaign, period, customer, nth) for period, nth in places]
        seqs = sorted({seq for _, seq in self._memory.holders.find(hashes)})
        wanted = set(places)
        return [
            drawn
            for drawn in read_draws(db, seqs).values()
            if (drawn.campaign, drawn.customer) == (campaign, customer)
            and (drawn.period, drawn.ordinal) in wanted
        ]


def _is_place(drawn: Drawn, wish: DrawWish, period: int, nth: int) -> bool:
    """Whether a draw that bears the hash is really the wish's customer's nth one of the period."""
    whose = wish.campaign, wish.customer, period, nth
    return (drawn.campaign, drawn.customer, drawn.period, drawn.ordinal) == whose
