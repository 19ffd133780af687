"""One batch of draws, settled inside the writer's transaction: load, decide, roll, apply.

What is won is given by the same `Lot` that claims are given by: stock, serial, code and the row of
the incentive are made in one place only.
"""

from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import apsw

from largesse.campaigns.model import Campaign, Counters
from largesse.customers.model import Standing
from largesse.draws import decide
from largesse.draws.dice import Dice
from largesse.draws.model import STRANGER, Drawn, DrawPrior, DrawSettled, DrawWish
from largesse.issuance import decide as issuing
from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.campaigns import load_campaign
from largesse.storage.sqlite.customers import read_standings
from largesse.storage.sqlite.draw_books import Book, Days
from largesse.storage.sqlite.draw_rows import read_draws
from largesse.storage.sqlite.fingerprint import Scope
from largesse.storage.sqlite.known import Chain, Known, look_up
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

LATELY_MAX = 65_536
"""Customers of whom it is remembered exactly that they drew: those who ask again at once."""

_GONE = DrawSettled(Outcome.CLOSED)


class _Asked(NamedTuple):
    """A wish with its campaign's book, and what leads to what its customer has drawn and holds.

    `by_key` is the hash of the draw that its key brought about, `first` that of the first draw of
    the period. `chains` has the customer's incentives, as far as caps ask for them.
    """

    wish: DrawWish
    book: Book
    by_key: int
    first: int
    chains: tuple[Chain, ...]


def settle_draws(
    memory: Memory, dice: Dice, wishes: Sequence[DrawWish], transaction: Transaction
) -> list[DrawSettled]:
    """One answer per wish, in order. What a wish brings about, those behind it know of."""
    return _Batch(memory, dice, transaction, wishes).settle()


class _Batch:
    """Wishes on their way to their outcomes.

    `known` has the draws and `held` the incentives behind the hashes of those who ask, as they were
    before this batch; `fresh` the draws that strangers made in it, until somebody asks for them.
    """

    def __init__(
        self, memory: Memory, dice: Dice, transaction: Transaction, wishes: Sequence[DrawWish]
    ) -> None:
        self._memory = memory
        self._dice = dice
        self._transaction = transaction
        self._db = transaction.db
        self._books = self._open_books({wish.campaign for wish in wishes})
        self._asked = [self._ask(wish) for wish in wishes]
        self._known = self._find_draws()
        self._held = self._find_held()
        self._standings = self._find_standings()
        self._fresh: dict[int, Drawn] = {}
        self._turns: dict[tuple[int, int, str], Turns] = {}

    def settle(self) -> list[DrawSettled]:
        """Bring all wishes to their outcomes and write what was drawn."""
        settled = [_GONE if asked is None else self._settle(asked) for asked in self._asked]
        for book in self._books.values():
            book.write()
        save_piece(self._memory, self._transaction)
        self._transaction.on_commit(self._remember)
        return settled

    # --- load ---------------------------------------------------------------------------------

    def _open_books(self, campaigns: set[int]) -> dict[int, Book]:
        memory = self._memory
        books = {}
        for number, status, version in rows(
            self._db, _STATES, (apsw.carray(array("q", campaigns)),)
        ):
            campaign = memory.campaigns.get(number)
            if campaign is None or (campaign.status, campaign.version) != (status, version):
                campaign = load_campaign(self._db, number)
                assert campaign is not None
            found_by = Days(campaign, memory.prints, memory.days)
            lots = self._open_lots(campaign)
            books[number] = Book(self._transaction, campaign, lots, found_by)
        return books

    def _open_lots(self, campaign: Campaign) -> list[Lot]:
        """A lot for each reward, in the order of the definition."""
        found = rows(self._db, _COUNTERS, (campaign.number,))
        counters = {reward: Counters(*counts) for reward, *counts in found}
        take = partial(self._memory.take_lot, self._transaction, campaign)
        return [take(reward.number, counters[reward.number]) for reward in campaign.rewards]

    def _ask(self, wish: DrawWish) -> _Asked | None:
        book = self._books.get(wish.campaign)
        if book is None or book.campaign.tenant != wish.tenant:
            return None
        found_by = book.found_by
        return _Asked(
            wish,
            book,
            found_by.by_key(wish.customer, wish.key),
            found_by.first(wish.customer, wish.now_ms),
            tuple(_chains(wish, book)) if book.capped else (),
        )

    def _find_draws(self) -> Known[Drawn]:
        """The draws behind each wish's key and behind its customer's ordinals, by their hashes.

        Ordinals have no gaps: whoever has no first draw of a period has no other.
        """
        hashes: list[int] = []
        for asked in self._asked:
            if asked is not None:
                hashes += (asked.by_key, asked.first)
        found = self._memory.holders.find(hashes)
        if not found:
            return {}
        there = {hashes[at] for at, _ in found}
        later = {
            one
            for asked in self._asked
            if asked is not None and asked.first in there
            for one in _later(asked)
        }
        more = [*later]
        seqs = [(hashes[at], seq) for at, seq in found]
        seqs += [(more[at], seq) for at, seq in self._memory.holders.find(more)]
        draws = read_draws(self._db, sorted({seq for _, seq in seqs}))
        known: Known[Drawn] = {}
        for one, seq in sorted({*seqs}):
            if seq in draws:
                known.setdefault(one, []).append(draws[seq])
        return known

    def _find_held(self) -> Known[LedgerEntry]:
        """What those were given whose campaigns or rewards have caps."""
        chains = [chain for asked in self._asked if asked for chain in asked.chains]
        if not chains:
            return {}
        hashes = [chain.first for chain in chains]
        memory = self._memory
        return look_up(self._db, memory.holders, memory.prints, hashes, chains.__getitem__)

    def _find_standings(self) -> dict[tuple[int, str], Standing]:
        if not any(book.asks_who for book in self._books.values()):
            return {}
        wanted: dict[int, dict[str, None]] = {}
        for asked in self._asked:
            if asked is not None and asked.book.asks_who:
                wanted.setdefault(asked.wish.tenant, {})[asked.wish.customer] = None
        return {
            (tenant, customer): standing
            for tenant, customers in wanted.items()
            for customer, standing in read_standings(self._db, tenant, list(customers)).items()
        }

    # --- decide -------------------------------------------------------------------------------

    def _settle(self, asked: _Asked) -> DrawSettled:
        wish, book, by_key, first, chains = asked
        if wish.now_ms != book.moment_ms:
            book.come_to(wish.now_ms, self._memory.days)
        if (
            not book.open
            or wish.dry_run
            or self._is_known(by_key)
            or self._is_known(first)
            or any(chain.first in self._held for chain in chains)
        ):
            return self._settle_with_care(asked)
        # Somebody who never drew in this period and holds nothing: nearly everybody is.
        issued, without_code = self._win(asked, STRANGER, ())
        drawn = self._note(asked, STRANGER, issued, without_code)
        self._fresh[by_key] = self._fresh[first] = drawn
        return DrawSettled(Outcome.DRAWN, drawn, issued)

    def _is_known(self, one: int) -> bool:
        return one in self._known or one in self._fresh

    def _settle_with_care(self, asked: _Asked) -> DrawSettled:
        """The rule with all that it may ask for."""
        wish, book = asked.wish, asked.book
        entries = self._entries(asked)
        prior = self._prior(asked, entries)
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
        issued, without_code = self._win(asked, prior, entries)
        drawn = self._note(asked, prior, issued, without_code)
        for one in (asked.by_key, self._place(asked, drawn.ordinal)):
            self._known.setdefault(one, []).append(drawn)
        return DrawSettled(Outcome.DRAWN, drawn, issued)

    def _prior(self, asked: _Asked, entries: Sequence[LedgerEntry]) -> DrawPrior:
        wish, book = asked.wish, asked.book
        of_customer = wish.campaign, wish.customer
        bound = next(
            (
                drawn
                for drawn in self._draws(asked.by_key)
                if (drawn.campaign, drawn.customer) == of_customer and drawn.key == wish.key
            ),
            None,
        )
        period = book.found_by.period(wish.now_ms)
        of_period = [
            drawn
            for one in (asked.first, *_later(asked))
            for drawn in self._draws(one)
            if (drawn.campaign, drawn.customer) == of_customer and drawn.period == period
        ]
        standing = self._standings.get((wish.tenant, wish.customer), STRANGER.standing)
        return decide.prior(bound, of_period, entries, book.campaign.definition, standing)

    def _draws(self, one: int) -> Sequence[Drawn]:
        """The draws that may be meant by a hash."""
        fresh = self._fresh.pop(one, None)
        if fresh is not None:
            self._known.setdefault(one, []).append(fresh)
        return self._known.get(one, ())

    def _win(
        self, asked: _Asked, prior: DrawPrior, entries: Sequence[LedgerEntry]
    ) -> tuple[Issued | None, Sequence[int]]:
        """What a draw wins, and which rewards turned out to have no code: out of stock, too."""
        book, seed = asked.book, asked.wish.seed
        codeless: list[int] = []
        available: Callable[[int], bool] = book.has
        if prior is not STRANGER:
            available = partial(_available, book, prior, codeless)
        while True:
            roll = self._dice(book.campaign, book.next, seed)
            won = decide.pick(book.wheel, available, roll)
            if won is None:
                return None, codeless
            issued = self._issue(asked, book.lots[won], entries)
            if issued is not None:
                return issued, codeless
            codeless.append(won)
            available = partial(_available, book, prior, codeless)

    # --- apply --------------------------------------------------------------------------------

    def _note(
        self,
        asked: _Asked,
        prior: DrawPrior,
        issued: Issued | None,
        without_code: Sequence[int],
    ) -> Drawn:
        wish, book = asked.wish, asked.book
        drawn = Drawn(
            wish.campaign,
            book.next,
            book.found_by.period(wish.now_ms),
            prior.drawn + 1,
            wish.customer,
            wish.key,
            wish.seed,
            wish.now_ms,
            book.campaign.version,
            None if issued is None else Place(issued.reward, issued.serial),
            tuple(book.lots[at].number for at in without_code) if without_code else (),
        )
        book.note(drawn, asked.by_key, self._place(asked, drawn.ordinal))
        if drawn.ordinal >= book.most:
            turns = Turns(drawn.ordinal, prior.earliest or drawn)
            self._turns[wish.campaign, drawn.period, wish.customer] = turns
        return drawn

    def _place(self, asked: _Asked, ordinal: int) -> int:
        """The hash of a customer's draw of an ordinal."""
        return asked.first if ordinal == 1 else _later(asked, ordinal)[-1]

    def _issue(self, asked: _Asked, lot: Lot, entries: Sequence[LedgerEntry]) -> Issued | None:
        wish, ways = asked.wish, lot.ways
        found_by, *too = next_hashes(self._memory.prints, lot, wish, entries)
        issued = lot.issue(wish, found_by)
        if issued is None:
            return None
        for one in too:
            lot.find_last_too(one)
        if asked.chains:
            first = ways.of_reward(wish.customer) if ways.by_key else ways.main(wish.customer, "")
            if first is not None:
                self._held.setdefault(first, []).append(LedgerEntry(issued))
        return issued

    def _entries(self, asked: _Asked) -> list[LedgerEntry]:
        """What the customer was given, as far as caps ask; without others who share a hash."""
        found = {
            (entry.issued.reward, entry.issued.serial): entry
            for chain in asked.chains
            for entry in self._held.get(chain.first, ())
            if chain.has(entry.issued)
        }
        return list(found.values())

    def _issued(self, book: Book, drawn: Drawn) -> Issued | None:
        """What an earlier draw won, be it earlier in this very batch."""
        if drawn.won is None:
            return None
        book.write()
        entry = read_entry(self._db, drawn.won)
        assert entry is not None
        return entry.issued

    def _remember(self) -> None:
        """After the commit: holders first, so that no refusal can overlook a draw."""
        memory = self._memory
        books = self._books.values()
        hashes = [one for book in books for one in book.written.hashes]
        seqs = [one for book in books for one in book.written.seqs]
        memory.holders.add(hashes, seqs, self._transaction.last_seq)
        if len(memory.lately) >= LATELY_MAX:
            memory.lately.clear()
        memory.lately |= self._turns
        for book in books:
            memory.keep_lots(book.lots)


def _chains(wish: DrawWish, book: Book) -> list[Chain]:
    """By what a customer's incentives are counted: all of the campaign, or those of rewards."""
    chains = []
    for lot in book.lots:
        if not lot.ways.by_key:
            one = lot.ways.main(wish.customer, "")
            return [Chain(one, Scope.CAMPAIGN, wish.campaign, wish.customer)]
        first = lot.ways.of_reward(wish.customer)
        if first is not None:
            chains.append(Chain(first, Scope.REWARD, lot.number, wish.customer))
    return chains


def _later(asked: _Asked, upto: int | None = None) -> list[int]:
    """By what a customer's draws of the wish's period are found, from the second on."""
    wish, book = asked.wish, asked.book
    return book.found_by.later(wish.customer, wish.now_ms, book.most if upto is None else upto)


def _available(book: Book, prior: DrawPrior, codeless: Sequence[int], at: int) -> bool:
    """Whether a reward has something for a customer."""
    lot = book.lots[at]
    cap = lot.definition.per_customer_max
    return (
        at not in codeless
        and issuing.stock(lot.definition, lot.ahead, lot.offer.day) is None
        and (cap is None or prior.held_of.get(lot.number, 0) < cap)
    )
