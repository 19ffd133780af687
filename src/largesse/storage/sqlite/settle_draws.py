"""One batch of draws, settled inside the writer's transaction: load, decide, roll, apply.

What is won is given by the same `Lot` that claims are given by: stock, serial, code and the row of
the incentive are made in one place only.
"""

from array import array
from collections.abc import Mapping, Sequence
from functools import partial

import apsw

from largesse.campaigns.model import Campaign, Counters
from largesse.customers.model import Standing
from largesse.draws import decide
from largesse.draws.dice import Dice
from largesse.draws.model import STRANGER, Drawn, DrawPrior, DrawSettled, DrawWish
from largesse.issuance.model import Issued, LedgerEntry
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.campaigns import load_campaign
from largesse.storage.sqlite.customers import read_standings
from largesse.storage.sqlite.draw_books import Book, Ways, read_book_tail
from largesse.storage.sqlite.draw_rows import read_draws
from largesse.storage.sqlite.fingerprint import Scope, keyed, of_customer
from largesse.storage.sqlite.known import Chain, Known, look_up
from largesse.storage.sqlite.lot_rows import Written
from largesse.storage.sqlite.lots import Lot
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.rows import read_entry
from largesse.storage.sqlite.settle import Memory, next_hashes, save_piece
from largesse.storage.sqlite.transaction import Transaction

_STATES = """
SELECT c.number, c.status, c.version
FROM carray(?) wanted CROSS JOIN campaign c ON c.number = wanted.value"""
_COUNTERS = """
SELECT number, issued, reserved, serials, day, issued_day FROM reward WHERE campaign = ?"""

_GONE = DrawSettled(Outcome.CLOSED)
_DRAWN = Outcome.DRAWN  # looked up once: nearly every wish ends so

Chains = Sequence[Chain]


def settle_draws(
    memory: Memory, dice: Dice, wishes: Sequence[DrawWish], transaction: Transaction
) -> list[DrawSettled]:
    """One answer per wish, in order. What a wish brings about, those behind it know of."""
    return _Batch(memory, dice, transaction, wishes).settle()


class _Batch:
    """Wishes on their way to their outcomes.

    Each wish has its campaign's book and two hashes: that of the draw of its key, and that of its
    customer's first draw in the period. `known` has the draws and `held` the incentives of those
    who ask, as they were before this batch, by their hashes; `fresh` has the draws that strangers
    made in it, until somebody asks for them.
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
        self._wanted: list[Book | None] = []
        self._of_keys: list[int] = []
        self._firsts: list[int] = []
        self._find_ways()
        self._chains = self._find_chains()
        self._known = self._find_draws()
        self._held = self._find_held()
        self._standings = self._find_standings()
        self._fresh: dict[int, Drawn] = {}

    def settle(self) -> list[DrawSettled]:
        """Bring all wishes to their outcomes and write what was drawn."""
        settled = [
            self._settle(wish, book, of_key, first) if book else _GONE
            for wish, book, of_key, first in zip(
                self._wishes, self._wanted, self._of_keys, self._firsts, strict=True
            )
        ]
        for book in self._books.values():
            book.write()
        save_piece(self._memory, self._transaction)
        self._transaction.on_commit(self._remember)
        return settled

    # --- load ---------------------------------------------------------------------------------

    def _open_books(self) -> dict[int, Book]:
        """A book for each campaign that is wished for and exists, as this transaction finds it."""
        memory = self._memory
        wanted = apsw.carray(array("q", {wish.campaign for wish in self._wishes}))
        books = {}
        for number, status, version in rows(self._db, _STATES, (wanted,)):
            campaign = memory.campaigns.get(number)
            if campaign is None or (campaign.status, campaign.version) != (status, version):
                campaign = load_campaign(self._db, number)
                assert campaign is not None
            books[number] = self._take_book(campaign)
        return books

    def _take_book(self, campaign: Campaign) -> Book:
        """A book for this batch: what an earlier one gave back, as long as it is of this version.

        One that is taken and not given back was of a batch that came to nothing.
        """
        memory, db = self._memory, self._db
        book = memory.books.pop(campaign.number, None)
        if book is None or book.campaign is not campaign:
            tail = read_book_tail(db, campaign.number) if book is None else book.tail
            ways = Ways(memory.prints, memory.days)
            book = Book(campaign, tail, ways, self._dice(campaign))
        counters = {
            reward: Counters(*counts) for reward, *counts in rows(db, _COUNTERS, (campaign.number,))
        }
        take = partial(memory.take_lot, self._transaction, campaign)
        lots = [take(reward.number, counters[reward.number]) for reward in campaign.rewards]
        book.open(self._transaction, lots)
        return book

    def _find_ways(self) -> None:
        """Which book each wish is about, if there is one, and what leads to its rows."""
        books = self._books
        for wish in self._wishes:
            book = books.get(wish.campaign)
            if book is None or book.campaign.tenant != wish.tenant:
                self._wanted.append(None)
                self._of_keys.append(0)
                self._firsts.append(0)
                continue
            self._wanted.append(book)
            self._of_keys.append(keyed(book.seed_of_keys, wish.customer, wish.key))
            self._firsts.append(of_customer(book.seed_of_firsts(wish.now_ms), wish.customer))

    def _find_chains(self) -> Mapping[tuple[int, str], Chains]:
        """By what each customer's incentives are counted, where there are caps."""
        if not any(book.capped for book in self._books.values()):
            return {}
        return {
            (wish.campaign, wish.customer): _chains(wish, book)
            for wish, book in zip(self._wishes, self._wanted, strict=True)
            if book is not None and book.capped
        }

    def _find_draws(self) -> Known[Drawn]:
        """The draws behind each wish's key and behind its customer's ordinals, by their hashes.

        Ordinals have no gaps: whoever has no first draw of a period has no other.
        """
        hashes = self._of_keys + self._firsts
        found = self._memory.holders.find(hashes)
        if not found:
            return {}
        there = {hashes[at] for at, _ in found}
        later = [
            one
            for wish, book, first in zip(self._wishes, self._wanted, self._firsts, strict=True)
            if book is not None and first in there
            for one in book.find_later(wish, book.most)
        ]
        seqs = {(hashes[at], seq) for at, seq in found}
        seqs |= {(later[at], seq) for at, seq in self._memory.holders.find(later)}
        draws = read_draws(self._db, sorted({seq for _, seq in seqs}))
        known: Known[Drawn] = {}
        for one, seq in sorted(seqs):
            if seq in draws:
                known.setdefault(one, []).append(draws[seq])
        return known

    def _find_held(self) -> Known[LedgerEntry]:
        """What those were given whose campaigns or rewards have caps."""
        chains = [chain for of_customer in self._chains.values() for chain in of_customer]
        if not chains:
            return {}
        hashes = [chain.first for chain in chains]
        memory = self._memory
        return look_up(self._db, memory.holders, memory.prints, hashes, chains.__getitem__)

    def _find_standings(self) -> dict[tuple[int, str], Standing]:
        if not any(book.asks_who for book in self._books.values()):
            return {}
        wanted: dict[int, dict[str, None]] = {}
        for wish, book in zip(self._wishes, self._wanted, strict=True):
            if book is not None and book.asks_who:
                wanted.setdefault(wish.tenant, {})[wish.customer] = None
        return {
            (tenant, customer): standing
            for tenant, customers in wanted.items()
            for customer, standing in read_standings(self._db, tenant, list(customers)).items()
        }

    # --- decide -------------------------------------------------------------------------------

    def _settle(self, wish: DrawWish, book: Book, of_key: int, first: int) -> DrawSettled:
        if wish.now_ms != book.moment_ms:
            book.come_to(wish.now_ms)
        known, fresh = self._known, self._fresh
        if (
            not book.to_strangers
            or wish.dry_run
            or of_key in known
            or first in known
            or of_key in fresh
            or first in fresh
            or (book.capped and self._holds(wish))
        ):
            return self._settle_with_care(wish, book, of_key, first)
        # Somebody who never drew in this period and holds nothing: nearly everybody is.
        issued = None
        won = decide.pick(book.wheel, book.has, book.rolls(book.next, wish.seed))
        if won is not None:
            lot = book.lots[won]
            if book.capped:
                issued = self._issue(wish, book, lot, ())
            else:
                issued = lot.issue(wish, lot.ways.main(wish.customer, wish.key))
            if issued is None:  # no code can be had for it: what follows is for the rule to say
                return self._settle_with_care(wish, book, of_key, first)
        drawn = fresh[of_key] = fresh[first] = book.draw(wish, 1, issued)
        book.note(drawn, of_key, first)
        return DrawSettled(_DRAWN, drawn, issued)

    def _settle_with_care(self, wish: DrawWish, book: Book, of_key: int, first: int) -> DrawSettled:
        """The rule with all that it may ask for."""
        entries = self._entries(wish)
        prior = self._prior(wish, book, (of_key, first), entries)
        ended = decide.without_draw(wish, book.campaign, prior, partial(self._issued, book))
        if ended is not None:
            return ended
        place = book.find_later(wish, prior.drawn + 1)[-1] if prior.drawn else first
        issued, codeless = self._win(wish, book, prior, entries)
        drawn = book.draw(wish, prior.drawn + 1, issued, codeless)
        book.note(drawn, of_key, place)
        for one in (of_key, place):
            self._known.setdefault(one, []).append(drawn)
        return DrawSettled(_DRAWN, drawn, issued)

    def _prior(
        self,
        wish: DrawWish,
        book: Book,
        found_by: tuple[int, int],
        entries: Sequence[LedgerEntry],
    ) -> DrawPrior:
        of_key, first = found_by
        whose = wish.campaign, wish.customer
        bound = next(
            (
                drawn
                for drawn in self._draws(of_key)
                if (drawn.campaign, drawn.customer) == whose and drawn.key == wish.key
            ),
            None,
        )
        of_period = [
            drawn
            for one in (first, *book.find_later(wish, book.most))
            for drawn in self._draws(one)
            if (drawn.campaign, drawn.customer) == whose and drawn.period == book.period
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
        self, wish: DrawWish, book: Book, prior: DrawPrior, entries: Sequence[LedgerEntry]
    ) -> tuple[Issued | None, Sequence[int]]:
        """What a draw wins, and which rewards turned out to have no code: out of stock, too."""
        codeless: list[int] = []
        available = partial(_available, book, prior, codeless)
        while True:
            won = decide.pick(book.wheel, available, book.rolls(book.next, wish.seed))
            if won is None:
                return None, codeless
            issued = self._issue(wish, book, book.lots[won], entries)
            if issued is not None:
                return issued, codeless
            codeless.append(won)

    # --- apply --------------------------------------------------------------------------------

    def _issue(
        self, wish: DrawWish, book: Book, lot: Lot, entries: Sequence[LedgerEntry]
    ) -> Issued | None:
        """One more unit of a reward for somebody who was given `entries` before."""
        ways = lot.ways
        found_by, *too = next_hashes(self._memory.prints, lot, wish, entries)
        issued = lot.issue(wish, found_by)
        if issued is None:
            return None
        for one in too:
            lot.find_last_too(one)
        if book.capped:
            first = ways.of_reward(wish.customer) if ways.by_key else ways.main(wish.customer, "")
            if first is not None:
                self._held.setdefault(first, []).append(LedgerEntry(issued))
        return issued

    def _holds(self, wish: DrawWish) -> bool:
        """Whether a customer may hold what counts towards a cap."""
        chains = self._chains[wish.campaign, wish.customer]
        return any(chain.first in self._held for chain in chains)

    def _entries(self, wish: DrawWish) -> list[LedgerEntry]:
        """What the customer was given, as far as caps ask; without others who share a hash."""
        found = {
            (entry.issued.reward, entry.issued.serial): entry
            for chain in self._chains.get((wish.campaign, wish.customer), ())
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
        memory, written = self._memory, Written()
        for book in self._books.values():
            written.hashes += book.written.hashes
            written.seqs += book.written.seqs
        memory.holders.add(written.hashes, written.seqs, self._transaction.last_seq)
        for number, book in self._books.items():
            memory.drawn_lately.add(zip(book.of_places, book.drawn, strict=True))
            memory.keep_lots(book.lots)
            memory.books[number] = book


def _chains(wish: DrawWish, book: Book) -> Chains:
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


def _available(book: Book, prior: DrawPrior, codeless: Sequence[int], at: int) -> bool:
    """Whether a reward has something for a customer."""
    lot = book.lots[at]
    held = prior.held_of.get(lot.number, 0)
    return at not in codeless and decide.available(lot.definition, lot.ahead, lot.offer.day, held)
