"""One campaign's draws in a batch of wishes: made ahead of the file until they are written."""

from collections.abc import Sequence
from typing import NamedTuple

from largesse.campaigns.model import Campaign
from largesse.draws import decide
from largesse.draws.model import Drawn, DrawWish
from largesse.issuance import decide as issuing
from largesse.kernel.calendar import LocalDays
from largesse.kernel.errors import UnavailableError
from largesse.storage.sqlite.draw_rows import count_draws, insert_draws
from largesse.storage.sqlite.fingerprint import Fingerprints, Scope, keyed, of_customer
from largesse.storage.sqlite.lot_rows import Written, write_lots
from largesse.storage.sqlite.lots import Lot
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.transaction import Transaction

_COUNT = """
INSERT INTO draw_book (campaign, draws) SELECT :campaign, :after WHERE :before = 0
ON CONFLICT DO NOTHING"""
_COUNT_ON = "UPDATE draw_book SET draws = :after WHERE campaign = :campaign AND draws = :before"
_LAST_EXTENT = """
SELECT draw, seq FROM draw_extent WHERE campaign = ? ORDER BY draw DESC LIMIT 1"""
_ADD_EXTENT = "INSERT INTO draw_extent (campaign, draw, seq) VALUES (?, ?, ?)"


class Ways(NamedTuple):
    """What leads to the draws of a moment."""

    prints: Fingerprints
    days: LocalDays


class Book:
    """The draws of one campaign in one batch.

    `lots` are its rewards in the order of the definition. `open` says whether any stranger may draw
    at the moment `moment_ms`, in whose `period` his draws are counted; `capped`, whether it matters
    what a customer was given before.
    """

    def __init__(
        self,
        transaction: Transaction,
        campaign: Campaign,
        lots: Sequence[Lot],
        ways: Ways,
    ) -> None:
        definition = campaign.definition
        caps = [definition.per_customer_max]
        caps += [reward.per_customer_max for reward in definition.rewards]
        self.campaign = campaign
        self.lots = lots
        self.wheel = decide.wheel(definition)
        self.most = definition.draws_per.n
        self.capped = any(cap is not None for cap in caps)
        self.asks_who = issuing.asks_who(definition)
        self.moment_ms = -1
        self.period = 0
        self.open = False
        self.written = Written()
        self._transaction = transaction
        self._prints, self._days = ways
        self._by_key = self._prints.seed(Scope.DRAW_KEY, campaign.number)
        self._asked_ms = -1
        self._first = 0
        self._made = count_draws(transaction.db, campaign.number)
        self._drawn: list[Drawn] = []
        self._found_by: list[int] = []

    @property
    def next(self) -> int:
        """The number of the next draw."""
        return self._made + len(self._drawn) + 1

    def find(self, wish: DrawWish) -> tuple[int, int]:
        """What leads to a wish's draws: the hash of that of its key, and of the period's first."""
        if wish.now_ms != self._asked_ms:
            number, period = self.campaign.number, self.period_at(wish.now_ms)
            self._asked_ms = wish.now_ms
            self._first = self._prints.seed_of_period(number, period, 1)
        return (
            keyed(self._by_key, wish.customer, wish.key),
            of_customer(self._first, wish.customer),
        )

    def find_later(self, wish: DrawWish, upto: int) -> list[int]:
        """The hashes of the second draw of the period, and so on."""
        number, period = self.campaign.number, self.period_at(wish.now_ms)
        of_period = self._prints.of_period
        return [of_period(number, period, wish.customer, nth) for nth in range(2, upto + 1)]

    def period_at(self, moment_ms: int) -> int:
        """What a customer's draws are counted by at a moment."""
        definition = self.campaign.definition
        return decide.period(definition, self._days.day(definition.time_zone, moment_ms))

    def come_to(self, moment_ms: int) -> None:
        """Go on to another moment; what was drawn at the last one is written first."""
        self.write()
        self.moment_ms = moment_ms
        self.period = self.period_at(moment_ms)
        self.open = decide.open_to_strangers(self.campaign, moment_ms)
        for lot in self.lots:
            lot.come_to(moment_ms, self._days)

    def has(self, at: int) -> bool:
        """Whether a reward has something for any stranger, while the book is open to them."""
        return self.lots[at].room > 0

    def note(self, drawn: Drawn, found_by: tuple[int, int]) -> None:
        """One more draw, to be found by the hashes of its key and of its place in the period."""
        self._drawn.append(drawn)
        self._found_by += found_by

    def write(self) -> None:
        """Write what was drawn at one moment: first what was won, then the draws in their order."""
        write_lots(self._transaction, self.lots, self.written)
        if not self._drawn:
            return
        count, before = len(self._drawn), self._made
        first = self._transaction.take_seqs(count)
        insert_draws(self._transaction.db, first, self._drawn)
        self._count(before, before + count)
        self._extend(before + 1, first)
        self.written.hashes += self._found_by
        self.written.seqs += [seq for seq in range(first, first + count) for _ in range(2)]
        self._made = before + count
        self._drawn, self._found_by = [], []

    def _count(self, before: int, after: int) -> None:
        """Numbers go on where the file says that they stopped, or nothing is written."""
        counted = {"campaign": self.campaign.number, "before": before, "after": after}
        self._transaction.db.execute(_COUNT_ON if before else _COUNT, counted)
        if self._transaction.db.changes() != 1:
            message = f"the draws of campaign {self.campaign.number} are not what was decided on"
            raise UnavailableError(message)

    def _extend(self, number: int, seq: int) -> None:
        """Begin an extent unless the rows go on where the last one's stop."""
        db = self._transaction.db
        last = rows(db, _LAST_EXTENT, (self.campaign.number,))
        if not last or seq - last[0][1] != number - last[0][0]:
            db.execute(_ADD_EXTENT, (self.campaign.number, number, seq))
