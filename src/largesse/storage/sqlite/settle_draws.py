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
from largesse.storage.sqlite.draw_books import Book, Ways
from largesse.storage.sqlite.draw_rows import read_draws
from largesse.storage.sqlite.fingerprint import Scope
from largesse.storage.sqlite.known import Chain, Known, look_up
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

LATELY_MAX = 65_536
"""Customers of whom it is remembered exactly that they drew: those who ask again at once."""

_GONE = DrawSettled(Outcome.CLOSED)
_NO_CHAINS: Sequence[Chain] = ()

_Asked = tuple[DrawWish, Book, tuple[int, int], Sequence[Chain]]
"""A wish, its campaign's book, what leads to its customer's draws (see `Book.find`), and to what he
holds, as far as caps ask for that."""


class _Past(NamedTuple):
    """What a wish's customer has drawn and was given."""

    prior: DrawPrior
    entries: Sequence[LedgerEntry]
    chains: Sequence[Chain]


_NOTHING = _Past(STRANGER, (), _NO_CHAINS)


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
        self._used_up: dict[tuple[int, int, int, str], Drawn] = {}

    def settle(self) -> list[DrawSettled]:
        """Bring all wishes to their outcomes and write what was drawn."""
        settled = [_GONE if asked is None else self._settle(*asked) for asked in self._asked]
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
            lots, ways = self._open_lots(campaign), Ways(memory.prints, memory.days)
            books[number] = Book(self._transaction, campaign, lots, ways)
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
        return wish, book, book.find(wish), _chains(wish, book) if book.capped else _NO_CHAINS

    def _find_draws(self) -> Known[Drawn]:
        """The draws behind each wish's key and behind its customer's ordinals, by their hashes.

        Ordinals have no gaps: whoever has no first draw of a period has no other.
        """
        hashes = [one for asked in self._asked if asked for one in asked[2]]
        found = self._memory.holders.find(hashes)
        if not found:
            return {}
        there = {hashes[at] for at, _ in found}
        later = [
            one
            for asked in self._asked
            if asked and asked[2][1] in there
            for one in asked[1].find_later(asked[0], asked[1].most)
        ]
        seqs = [(hashes[at], seq) for at, seq in found]
        seqs += [(later[at], seq) for at, seq in self._memory.holders.find(later)]
        draws = read_draws(self._db, sorted({seq for _, seq in seqs}))
        known: Known[Drawn] = {}
        for one, seq in sorted({*seqs}):
            if seq in draws:
                known.setdefault(one, []).append(draws[seq])
        return known

    def _find_held(self) -> Known[LedgerEntry]:
        """What those were given whose campaigns or rewards have caps."""
        chains = [chain for asked in self._asked if asked for chain in asked[3]]
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
            if asked and asked[1].asks_who:
                wanted.setdefault(asked[0].tenant, {})[asked[0].customer] = None
        return {
            (tenant, customer): standing
            for tenant, customers in wanted.items()
            for customer, standing in read_standings(self._db, tenant, list(customers)).items()
        }

    # --- decide -------------------------------------------------------------------------------

    def _settle(
        self, wish: DrawWish, book: Book, found_by: tuple[int, int], chains: Sequence[Chain]
    ) -> DrawSettled:
        if wish.now_ms != book.moment_ms:
            book.come_to(wish.now_ms)
        by_key, first = found_by
        known, fresh = self._known, self._fresh
        if (
            not book.open
            or wish.dry_run
            or by_key in known
            or first in known
            or by_key in fresh
            or first in fresh
            or (chains and any(chain.first in self._held for chain in chains))
        ):
            return self._settle_with_care(wish, book, found_by, chains)
        # Somebody who never drew in this period and holds nothing: nearly everybody is.
        drawn, issued = self._draw(
            wish, book, found_by, _Past(STRANGER, (), chains) if chains else _NOTHING
        )
        fresh[by_key] = fresh[first] = drawn
        return DrawSettled(Outcome.DRAWN, drawn, issued)

    def _settle_with_care(
        self, wish: DrawWish, book: Book, found_by: tuple[int, int], chains: Sequence[Chain]
    ) -> DrawSettled:
        """The rule with all that it may ask for."""
        entries = self._entries(chains)
        prior = self._prior(wish, book, found_by, entries)
        ended = decide.without_draw(wish, book.campaign, prior, partial(self._issued, book))
        if ended is not None:
            return ended
        by_key, place = found_by
        if prior.drawn:
            place = book.find_later(wish, prior.drawn + 1)[-1]
        drawn, issued = self._draw(wish, book, (by_key, place), _Past(prior, entries, chains))
        for one in (by_key, place):
            self._known.setdefault(one, []).append(drawn)
        return DrawSettled(Outcome.DRAWN, drawn, issued)

    def _prior(
        self,
        wish: DrawWish,
        book: Book,
        found_by: tuple[int, int],
        entries: Sequence[LedgerEntry],
    ) -> DrawPrior:
        by_key, first = found_by
        whose = wish.campaign, wish.customer
        bound = next(
            (
                drawn
                for drawn in self._draws(by_key)
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
        self, wish: DrawWish, book: Book, number: int, past: _Past
    ) -> tuple[Issued | None, Sequence[int]]:
        """What a draw wins, and which rewards turned out to have no code: out of stock, too."""
        codeless: list[int] = []
        available: Callable[[int], bool] = book.has
        if past.prior is not STRANGER:
            available = partial(_available, book, past.prior, codeless)
        while True:
            roll = self._dice(book.campaign, number, wish.seed)
            won = decide.pick(book.wheel, available, roll)
            if won is None:
                return None, codeless
            issued = self._issue(wish, book.lots[won], past)
            if issued is not None:
                return issued, codeless
            codeless.append(won)
            available = partial(_available, book, past.prior, codeless)

    # --- apply --------------------------------------------------------------------------------

    def _draw(
        self, wish: DrawWish, book: Book, found_by: tuple[int, int], past: _Past
    ) -> tuple[Drawn, Issued | None]:
        number = book.next
        issued, codeless = self._win(wish, book, number, past)
        drawn = Drawn(
            wish.campaign,
            number,
            book.period,
            past.prior.drawn + 1,
            wish.customer,
            wish.key,
            wish.seed,
            wish.now_ms,
            book.campaign.version,
            None if issued is None else Place(issued.reward, issued.serial),
            tuple(book.lots[at].number for at in codeless) if codeless else (),
        )
        book.note(drawn, found_by)
        if drawn.ordinal >= book.most:
            whose = wish.campaign, book.period, book.most, wish.customer
            self._used_up[whose] = past.prior.earliest or drawn
        return drawn, issued

    def _issue(self, wish: DrawWish, lot: Lot, past: _Past) -> Issued | None:
        ways = lot.ways
        found_by, *too = next_hashes(self._memory.prints, lot, wish, past.entries)
        issued = lot.issue(wish, found_by)
        if issued is None:
            return None
        for one in too:
            lot.find_last_too(one)
        if past.chains:
            first = ways.of_reward(wish.customer) if ways.by_key else ways.main(wish.customer, "")
            if first is not None:
                self._held.setdefault(first, []).append(LedgerEntry(issued))
        return issued

    def _entries(self, chains: Sequence[Chain]) -> list[LedgerEntry]:
        """What the customer was given, as far as caps ask; without others who share a hash."""
        found = {
            (entry.issued.reward, entry.issued.serial): entry
            for chain in chains
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
        if len(memory.used_up) >= LATELY_MAX:
            memory.used_up.clear()
        memory.used_up |= self._used_up
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


def _available(book: Book, prior: DrawPrior, codeless: Sequence[int], at: int) -> bool:
    """Whether a reward has something for a customer."""
    lot = book.lots[at]
    cap = lot.definition.per_customer_max
    return (
        at not in codeless
        and issuing.stock(lot.definition, lot.ahead, lot.offer.day) is None
        and (cap is None or prior.held_of.get(lot.number, 0) < cap)
    )
