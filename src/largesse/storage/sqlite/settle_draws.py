"""One batch of draws, settled inside the writer's transaction: load, decide, roll, apply.

What is won is given by the same `Lot` that claims are given by: stock, serial, code and the row of
the incentive are made in one place only.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import apsw

from largesse.campaigns.model import Campaign, Counters
from largesse.customers.model import Standing
from largesse.draws import decide
from largesse.draws.dice import Dice
from largesse.draws.model import Drawn, DrawPrior, DrawSettled, DrawWish
from largesse.issuance import decide as issuing
from largesse.issuance.model import Issued, LedgerEntry, Place, Wish
from largesse.kernel.errors import UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.campaigns import load_campaign
from largesse.storage.sqlite.customers import read_standings
from largesse.storage.sqlite.draw_rows import count_draws, insert_draws, read_draws
from largesse.storage.sqlite.fingerprint import Scope
from largesse.storage.sqlite.known import Chain, Known, look_up
from largesse.storage.sqlite.lot_rows import Written, write_lots
from largesse.storage.sqlite.lots import Lot
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.rows import read_entry
from largesse.storage.sqlite.settle import Memory, Turns, next_hashes, save_piece
from largesse.storage.sqlite.transaction import Transaction

_STATES = """
SELECT c.number, c.status, c.version
FROM carray(?) wanted CROSS JOIN campaign c ON c.number = wanted.value"""
_COUNTERS = """
SELECT number, issued, reserved, serials, day, issued_day FROM reward WHERE campaign = ?"""
_COUNT = """
INSERT INTO draw_book (campaign, draws) SELECT :campaign, :after WHERE :before = 0
ON CONFLICT DO NOTHING"""
_COUNT_ON = "UPDATE draw_book SET draws = :after WHERE campaign = :campaign AND draws = :before"
_LAST_EXTENT = """
SELECT draw, seq FROM draw_extent WHERE campaign = ? ORDER BY draw DESC LIMIT 1"""
_ADD_EXTENT = "INSERT INTO draw_extent (campaign, draw, seq) VALUES (?, ?, ?)"

LATELY_MAX = 65_536
"""Customers of whom it is remembered exactly that they drew: those who ask again at once."""

_GONE = DrawSettled(Outcome.CLOSED)
_STRANGER = DrawPrior()


class _Book:
    """The draws of one campaign in one batch; they run ahead of the file until written."""

    def __init__(self, transaction: Transaction, campaign: Campaign, lots: Sequence[Lot]) -> None:
        self.campaign = campaign
        self.lots = lots
        self.moment_ms = -1
        self.period = 0
        self.written = Written()
        self.turns: dict[tuple[int, int, str], Turns] = {}
        self._db = transaction.db
        self._transaction = transaction
        self._made = count_draws(self._db, campaign.number)
        self._drawn: list[Drawn] = []
        self._found_by: list[tuple[int, int]] = []

    @property
    def capped(self) -> bool:
        """Whether it matters what a customer was given before."""
        definition = self.campaign.definition
        caps = [definition.per_customer_max]
        caps += [reward.per_customer_max for reward in definition.rewards]
        return any(cap is not None for cap in caps)

    @property
    def next(self) -> int:
        """The number of the next draw."""
        return self._made + len(self._drawn) + 1

    def come_to(self, moment_ms: int, day: int) -> None:
        """Go on to another moment; what was drawn at the last one is written first."""
        self.write()
        self.moment_ms = moment_ms
        self.period = decide.period(self.campaign.definition, day)

    def note(self, drawn: Drawn, found_by: tuple[int, int]) -> None:
        """One more draw, to be found by two hashes."""
        self._drawn.append(drawn)
        self._found_by.append(found_by)

    def write(self) -> None:
        """Write what was drawn at one moment: first what was won, then the draws in their order."""
        write_lots(self._transaction, self.lots, self.written)
        if not self._drawn:
            return
        count, before = len(self._drawn), self._made
        first = self._transaction.take_seqs(count)
        insert_draws(self._db, first, self._drawn)
        self._count(before, before + count)
        self._extend(before + 1, first)
        for at, hashes in enumerate(self._found_by):
            self.written.hashes += hashes
            self.written.seqs += (first + at, first + at)
        self._made = before + count
        self._drawn, self._found_by = [], []

    def _count(self, before: int, after: int) -> None:
        """Numbers go on where the file says that they stopped, or nothing is written."""
        counted = {"campaign": self.campaign.number, "before": before, "after": after}
        self._db.execute(_COUNT_ON if before else _COUNT, counted)
        if self._db.changes() != 1:
            message = f"the draws of campaign {self.campaign.number} are not what was decided on"
            raise UnavailableError(message)

    def _extend(self, number: int, seq: int) -> None:
        """Begin an extent unless the rows go on where the last one's stop."""
        last = rows(self._db, _LAST_EXTENT, (self.campaign.number,))
        if not last or seq - last[0][1] != number - last[0][0]:
            self._db.execute(_ADD_EXTENT, (self.campaign.number, number, seq))


@dataclass(slots=True)
class _Knowledge:
    """What was known before the batch of those who ask in it, and what has come in it."""

    draws: dict[int, list[Drawn]] = field(default_factory=dict)
    entries: Known = field(default_factory=dict)
    standings: dict[tuple[int, str], Standing] = field(default_factory=dict)


def settle_draws(
    memory: Memory, dice: Dice, wishes: Sequence[DrawWish], transaction: Transaction
) -> list[DrawSettled]:
    """One answer per wish, in order. What a wish brings about, those behind it know of."""
    return _Batch(memory, dice, transaction, wishes).settle()


class _Batch:
    """Wishes on their way to their outcomes.

    A draw is found by two hashes: of its key, and of its customer, period and ordinal.
    """

    def __init__(
        self, memory: Memory, dice: Dice, transaction: Transaction, wishes: Sequence[DrawWish]
    ) -> None:
        self._memory = memory
        self._dice = dice
        self._transaction = transaction
        self._db = transaction.db
        self._wishes = wishes
        self._books = self._open_books()
        self._wanted = [self._book(wish) for wish in wishes]
        self._known = _Knowledge(self._find_draws(), self._find_entries(), self._find_standings())

    def settle(self) -> list[DrawSettled]:
        """Bring all wishes to their outcomes and write what was drawn."""
        settled = [
            _GONE if book is None else self._settle(wish, book)
            for wish, book in zip(self._wishes, self._wanted, strict=True)
        ]
        for book in self._books.values():
            book.write()
        save_piece(self._memory, self._transaction)
        self._transaction.on_commit(self._remember)
        return settled

    # --- load ---------------------------------------------------------------------------------

    def _open_books(self) -> dict[int, _Book]:
        numbers = apsw.carray(array("q", {wish.campaign for wish in self._wishes}))
        books = {}
        for number, status, version in rows(self._db, _STATES, (numbers,)):
            campaign = self._memory.campaigns.get(number)
            if campaign is None or (campaign.status, campaign.version) != (status, version):
                campaign = load_campaign(self._db, number)
                assert campaign is not None
            books[number] = _Book(self._transaction, campaign, self._open_lots(campaign))
        return books

    def _open_lots(self, campaign: Campaign) -> list[Lot]:
        """A lot for each reward, in the order of the definition."""
        memory = self._memory
        found = rows(self._db, _COUNTERS, (campaign.number,))
        counters = {reward: Counters(*counts) for reward, *counts in found}
        lots = []
        for reward in campaign.rewards:
            number = reward.number
            lots.append(memory.take_lot(self._transaction, campaign, number, counters[number]))
        return lots

    def _book(self, wish: DrawWish) -> _Book | None:
        book = self._books.get(wish.campaign)
        return None if book is None or book.campaign.tenant != wish.tenant else book

    def _find_draws(self) -> dict[int, list[Drawn]]:
        """The draws behind each wish's key and behind its customer's ordinals, by their hashes."""
        wanted: dict[int, None] = {}
        for wish, book in zip(self._wishes, self._wanted, strict=True):
            if book is not None:
                wanted |= dict.fromkeys([self._key_hash(wish), *self._period_hashes(wish, book)])
        hashes = list(wanted)
        found = self._memory.holders.find(hashes)
        draws = read_draws(self._db, sorted({seq for _, seq in found}))
        known: dict[int, list[Drawn]] = {}
        for at, seq in found:
            if seq in draws:
                known.setdefault(hashes[at], []).append(draws[seq])
        return known

    def _find_entries(self) -> Known:
        """What those were given whose campaigns or rewards have caps."""
        chains: list[Chain] = []
        for wish, book in zip(self._wishes, self._wanted, strict=True):
            if book is not None and book.capped:
                chains += self._chains(wish, book)
        if not chains:
            return {}
        hashes = [chain.first for chain in chains]
        memory = self._memory
        return look_up(self._db, memory.holders, memory.prints, hashes, chains.__getitem__)

    def _chains(self, wish: DrawWish, book: _Book) -> list[Chain]:
        """By what a customer's incentives are counted: all of the campaign, or those of rewards."""
        chains = []
        for lot in book.lots:
            first = lot.ways.of_reward(wish.customer)
            if not lot.ways.by_key:
                one = lot.ways.main(wish.customer, "")
                return [Chain(one, Scope.CAMPAIGN, wish.campaign, wish.customer)]
            if first is not None:
                number = lot.offer.reward.number
                chains.append(Chain(first, Scope.REWARD, number, wish.customer))
        return chains

    def _find_standings(self) -> dict[tuple[int, str], Standing]:
        asked: dict[int, dict[str, None]] = {}
        for wish, book in zip(self._wishes, self._wanted, strict=True):
            if book is not None and issuing.asks_who(book.campaign.definition):
                asked.setdefault(wish.tenant, {})[wish.customer] = None
        return {
            (tenant, customer): standing
            for tenant, customers in asked.items()
            for customer, standing in read_standings(self._db, tenant, list(customers)).items()
        }

    # --- decide -------------------------------------------------------------------------------

    def _settle(self, wish: DrawWish, book: _Book) -> DrawSettled:
        self._come_to(wish, book)
        entries = self._entries(wish, book)
        prior = self._prior(wish, book, entries)
        outcome = decide.draw(wish, book.campaign, prior)
        if prior.bound is not None:
            if outcome is not Outcome.DRAWN:
                return DrawSettled(outcome)
            return DrawSettled(outcome, prior.bound, self._issued(book, prior.bound), replayed=True)
        if outcome is Outcome.ALREADY_DRAWN:
            return DrawSettled(outcome, prior.earliest)
        if outcome is Outcome.CUSTOMER_LIMIT_REACHED:
            return DrawSettled(outcome, issued=prior.first_held)
        if outcome is not Outcome.DRAWN or wish.dry_run:
            return DrawSettled(outcome)
        return self._draw(wish, book, prior, entries)

    def _come_to(self, wish: DrawWish, book: _Book) -> None:
        if wish.now_ms == book.moment_ms:
            return
        days = self._memory.days
        book.come_to(wish.now_ms, days.day(book.campaign.definition.time_zone, wish.now_ms))
        for lot in book.lots:
            lot.come_to(wish.now_ms, days)

    def _prior(self, wish: DrawWish, book: _Book, entries: Sequence[LedgerEntry]) -> DrawPrior:
        bound = next(
            (
                drawn
                for drawn in self._known.draws.get(self._key_hash(wish), ())
                if (drawn.campaign, drawn.customer, drawn.key)
                == (wish.campaign, wish.customer, wish.key)
            ),
            None,
        )
        of_period = [
            drawn
            for one in self._period_hashes(wish, book)
            for drawn in self._known.draws.get(one, ())
            if (drawn.campaign, drawn.period, drawn.customer)
            == (wish.campaign, book.period, wish.customer)
        ]
        standing = self._known.standings.get((wish.tenant, wish.customer), _STRANGER.standing)
        if bound is None and not of_period and not entries and standing is _STRANGER.standing:
            return _STRANGER
        return decide.prior(bound, of_period, entries, book.campaign.definition, standing)

    def _draw(
        self, wish: DrawWish, book: _Book, prior: DrawPrior, entries: Sequence[LedgerEntry]
    ) -> DrawSettled:
        issued, codeless = self._win(wish, book, prior, entries)
        drawn = Drawn(
            wish.campaign,
            book.next,
            book.period,
            prior.drawn + 1,
            wish.customer,
            wish.key,
            wish.seed,
            wish.now_ms,
            book.campaign.version,
            None if issued is None else Place(issued.reward, issued.serial),
            tuple(book.campaign.rewards[at].number for at in codeless),
        )
        prints = self._memory.prints
        at = prints.of_period(wish.campaign, book.period, wish.customer, drawn.ordinal)
        found_by = (self._key_hash(wish), at)
        book.note(drawn, found_by)
        book.turns[wish.campaign, book.period, wish.customer] = Turns(
            drawn.ordinal, prior.earliest or drawn
        )
        for one in found_by:
            self._known.draws.setdefault(one, []).append(drawn)
        return DrawSettled(Outcome.DRAWN, drawn, issued)

    def _win(
        self, wish: DrawWish, book: _Book, prior: DrawPrior, entries: Sequence[LedgerEntry]
    ) -> tuple[Issued | None, Sequence[int]]:
        """What a draw wins, and which rewards turned out to have no code: out of stock, too."""
        codeless: list[int] = []

        def available(at: int) -> bool:
            lot = book.lots[at]
            cap = lot.definition.per_customer_max
            return (
                at not in codeless
                and issuing.stock(lot.definition, lot.ahead, lot.offer.day) is None
                and (cap is None or prior.held_of.get(lot.offer.reward.number, 0) < cap)
            )

        while True:
            roll = self._dice(book.campaign, book.next, wish.seed)
            won = decide.pick(book.campaign.definition, available, roll)
            if won is None:
                return None, codeless
            issued = self._issue(wish, book.lots[won], entries)
            if issued is not None:
                return issued, codeless
            codeless.append(won)

    # --- apply --------------------------------------------------------------------------------

    def _issue(self, wish: DrawWish, lot: Lot, entries: Sequence[LedgerEntry]) -> Issued | None:
        reward = lot.offer.reward.number
        claim = Wish(
            wish.tenant, wish.campaign, reward, wish.customer, wish.key, now_ms=wish.now_ms
        )
        found_by, *too = next_hashes(self._memory.prints, lot, claim, entries)
        issued = lot.issue(claim, found_by)
        if issued is None:
            return None
        for one in too:
            lot.find_last_too(one)
        ways, customer = lot.ways, wish.customer
        first = ways.of_reward(customer) if ways.by_key else ways.main(customer, "")
        if first is not None:
            self._known.entries.setdefault(first, []).append(LedgerEntry(issued))
        return issued

    def _entries(self, wish: DrawWish, book: _Book) -> list[LedgerEntry]:
        """What the customer was given, as far as caps ask; without others who share a hash."""
        if not book.capped:
            return []
        found = {
            (entry.issued.reward, entry.issued.serial): entry
            for chain in self._chains(wish, book)
            for entry in self._known.entries.get(chain.first, ())
            if chain.has(entry.issued)
        }
        return list(found.values())

    def _issued(self, book: _Book, drawn: Drawn) -> Issued | None:
        """What an earlier draw won, be it earlier in this very batch."""
        if drawn.won is None:
            return None
        book.write()
        entry = read_entry(self._db, drawn.won)
        assert entry is not None
        return entry.issued

    def _key_hash(self, wish: DrawWish) -> int:
        return self._memory.prints.draw_key(wish.campaign, wish.customer, wish.key)

    def _period_hashes(self, wish: DrawWish, book: _Book) -> list[int]:
        """By what the customer's draws of the wish's period are found, from the first on."""
        definition = book.campaign.definition
        day = self._memory.days.day(definition.time_zone, wish.now_ms)
        period = decide.period(definition, day)
        of_period = self._memory.prints.of_period
        return [
            of_period(wish.campaign, period, wish.customer, nth)
            for nth in range(1, definition.draws_per.n + 1)
        ]

    def _remember(self) -> None:
        """After the commit: holders first, so that no refusal can overlook a draw."""
        memory = self._memory
        hashes: list[int] = []
        seqs: list[int] = []
        for book in self._books.values():
            hashes += book.written.hashes
            seqs += book.written.seqs
        memory.holders.add(hashes, seqs, self._transaction.last_seq)
        for book in self._books.values():
            for key, turns in book.turns.items():
                if len(memory.lately) >= LATELY_MAX:
                    memory.lately.clear()
                memory.lately[key] = turns
            memory.keep_lots(book.lots)
