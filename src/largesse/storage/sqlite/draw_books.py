"""One campaign's draws in a batch of wishes: made ahead of the file until they are written."""

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from largesse.campaigns.model import Campaign
from largesse.draws import decide
from largesse.draws.dice import Rolls
from largesse.draws.model import Drawn, DrawWish
from largesse.issuance import decide as issuing
from largesse.issuance.model import Issued, Place
from largesse.kernel.calendar import LocalDays
from largesse.kernel.errors import UnavailableError
from largesse.storage.sqlite.draw_rows import count_draws, insert_draws
from largesse.storage.sqlite.fingerprint import Fingerprints, Scope
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


class BookTail(NamedTuple):
    """Where a campaign's draws end; remembered between batches to spare reading it.

    So many draws are `made`; `number` and `seq` begin the last extent of their rows.
    """

    made: int
    number: int = 0
    seq: int = 0


def read_book_tail(db: apsw.Connection, campaign: int) -> BookTail:
    """The tail of a campaign that nobody has drawn in since the start."""
    extent = rows(db, _LAST_EXTENT, (campaign,))
    return BookTail(count_draws(db, campaign), *(extent[0] if extent else ()))


class Ways(NamedTuple):
    """What leads to the draws of a moment."""

    prints: Fingerprints
    days: LocalDays


class Book:
    """The draws of one campaign in one version, from batch to batch.

    `lots` are its rewards in the order of the definition, `next` is the number of the next draw.
    `to_strangers` says whether anybody who never drew may draw at the moment `moment_ms`, in whose
    `period` his draws are counted; `capped`, whether it matters what a customer was given before.
    `drawn` are the draws of a batch, each with the hashes of its key and of its place in the
    period. A book of a batch that was not committed is of no more use.
    """

    def __init__(self, campaign: Campaign, tail: BookTail, ways: Ways, rolls: Rolls) -> None:
        definition = campaign.definition
        caps = [definition.per_customer_max]
        caps += [reward.per_customer_max for reward in definition.rewards]
        self.campaign = campaign
        self.tail = tail
        self.rolls = rolls
        self.wheel = decide.wheel(definition)
        self.most = definition.draws_per.n
        self.capped = any(cap is not None for cap in caps)
        self.asks_who = issuing.asks_who(definition)
        self._prints, self._days = ways
        self.seed_of_keys = self._prints.seed(Scope.DRAW_KEY, campaign.number)
        self._seed_of_firsts = (-1, 0)

    def open(self, transaction: Transaction, lots: Sequence[Lot]) -> None:
        """Begin a batch, with the lots of its transaction."""
        self.lots = lots
        self.moment_ms = -1
        self.period = 0
        self.to_strangers = False
        self.drawn: list[Drawn] = []
        self.of_keys: list[int] = []
        self.of_places: list[int] = []
        self.written = Written()
        self._transaction = transaction
        self._before = self.tail.made
        self.next = self._before + 1

    def seed_of_firsts(self, moment_ms: int) -> int:
        """The seed of the hashes of customers' first draws in the period of a moment."""
        asked_ms, seed = self._seed_of_firsts
        if moment_ms != asked_ms:
            seed = self._prints.seed_of_period(self.campaign.number, self.period_at(moment_ms), 1)
            self._seed_of_firsts = moment_ms, seed
        return seed

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
        self.to_strangers = decide.open_to_strangers(self.campaign, moment_ms)
        for lot in self.lots:
            lot.come_to(moment_ms, self._days)

    def has(self, at: int) -> bool:
        """Whether a reward has something for any stranger, while the book is open to them."""
        return self.lots[at].room > 0

    def draw(
        self, wish: DrawWish, ordinal: int, issued: Issued | None, codeless: Sequence[int] = ()
    ) -> Drawn:
        """The next draw: its customer's so many-th in the period, and what it won.

        `codeless` are the places of rewards that had no code for him.
        """
        return Drawn(
            wish.campaign,
            self.next,
            self.period,
            ordinal,
            wish.customer,
            wish.key,
            wish.seed,
            wish.now_ms,
            self.campaign.version,
            None if issued is None else Place(issued.reward, issued.serial),
            tuple(self.lots[at].number for at in codeless) if codeless else (),
        )

    def note(self, drawn: Drawn, of_key: int, of_place: int) -> None:
        """One more draw, to be found by the hashes of its key and of its place in the period."""
        self.next += 1
        self.drawn.append(drawn)
        self.of_keys.append(of_key)
        self.of_places.append(of_place)

    def write(self) -> None:
        """Write what was drawn at one moment: first what was won, then the draws in their order."""
        write_lots(self._transaction, self.lots, self.written)
        made = self.tail.made
        new = slice(made - self._before, None)
        drawn = self.drawn[new]
        if not drawn:
            return
        first = self._transaction.take_seqs(len(drawn))
        insert_draws(self._transaction.db, first, drawn)
        self._count(made, made + len(drawn))
        self._extend(made + 1, first)
        self.tail = self.tail._replace(made=made + len(drawn))
        for hashes in (self.of_keys, self.of_places):
            self.written.hashes += hashes[new]
            self.written.seqs += range(first, first + len(drawn))

    def _count(self, before: int, after: int) -> None:
        """Numbers go on where the file says that they stopped, or nothing is written."""
        counted = {"campaign": self.campaign.number, "before": before, "after": after}
        self._transaction.db.execute(_COUNT_ON if before else _COUNT, counted)
        if self._transaction.db.changes() != 1:
            message = f"the draws of campaign {self.campaign.number} are not what was decided on"
            raise UnavailableError(message)

    def _extend(self, number: int, seq: int) -> None:
        """Begin an extent unless the rows go on where the last one's stop."""
        tail = self.tail
        if not tail.number or seq - tail.seq != number - tail.number:
            extent = (self.campaign.number, number, seq)
            self._transaction.db.execute(_ADD_EXTENT, extent)
            self.tail = tail._replace(number=number, seq=seq)
