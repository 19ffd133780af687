"""One batch of draws, settled in one transaction: load, decide, roll, apply.

What is won is given by the same `Lot` that claims are given by: stock, serial, code and the row of
the incentive are made in one place only.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from largesse.campaigns.model import Reward
from largesse.customers.model import Standing
from largesse.draws import decide
from largesse.draws.dice import Dice, Rolls
from largesse.draws.model import STRANGER, Drawn, DrawPrior, DrawSettled, DrawWish
from largesse.issuance.model import Issued, LedgerEntry, Offer, Place
from largesse.kernel.calendar import LocalDays
from largesse.kernel.outcome import Outcome
from largesse.storage.postgres.draw_rows import insert_draws
from largesse.storage.postgres.known import Known, Who, learn
from largesse.storage.postgres.known_draws import LoadedDraws, load_draws
from largesse.storage.postgres.lot_rows import write_lots
from largesse.storage.postgres.lots import Lot, Stand, Tail
from largesse.storage.postgres.settle import KEEP, LEAVE, Memory, behind_walls, in_order
from largesse.storage.postgres.transaction import Limits
from largesse.storage.postgres.trips import BatchTransaction, Line, Statement

_COUNT = "SELECT count_draws(%s, %s, %s::bigint, %s::bigint)"

_GONE = DrawSettled(Outcome.CLOSED)


class _Book:
    """The draws of one campaign in one batch; they run ahead of the ledger until written.

    `lots` are its rewards in the order of the definition. `open` says whether any stranger may draw
    at the moment come to; `capped`, whether it matters what a customer was given before.
    `statements` are what is to be written.
    """

    def __init__(self, known: Known, lots: Sequence[Lot], draws: int, rolls: Rolls) -> None:
        self.campaign, self._part = known
        self.lots = lots
        self.period = 0
        self.open = False
        self.statements: list[Statement] = []
        definition = self.campaign.definition
        caps = [definition.per_customer_max]
        caps += [reward.per_customer_max for reward in definition.rewards]
        self.capped = any(cap is not None for cap in caps)
        self.wheel = decide.wheel(definition)
        self.rolls = rolls
        self._moment_ms = -1
        self._before = self._written = draws
        self._drawn: list[Drawn] = []

    @property
    def next(self) -> int:
        """The number of the next draw."""
        return self._written + len(self._drawn) + 1

    def come_to(self, moment_ms: int, days: LocalDays) -> None:
        """Go on to another moment; what was drawn at the last one is to be written first."""
        if moment_ms == self._moment_ms:
            return
        self._write()
        self._moment_ms = moment_ms
        day = days.day(self.campaign.definition.time_zone, moment_ms)
        self.period = decide.period(self.campaign.definition, day)
        self.open = decide.open_to_strangers(self.campaign, moment_ms)
        for lot in self.lots:
            lot.come_to(moment_ms, days)

    def has(self, at: int) -> bool:
        """Whether a reward has something for any stranger, while the book is open to them."""
        return self.lots[at].room > 0

    def note(self, drawn: Drawn) -> None:
        """One more draw."""
        self._drawn.append(drawn)

    def close(self) -> list[Statement]:
        """All that writes what was drawn. Numbers go on where they stopped, or nothing is kept."""
        self._write()
        if self._written > self._before:
            campaign = self.campaign
            counted = (campaign.number, campaign.tenant, self._before, self._written)
            self.statements.append(Statement(_COUNT, counted))
        return self.statements

    def _write(self) -> None:
        """Have written what was drawn at one moment."""
        if self._drawn:
            self.statements.append(insert_draws(self._part, self.campaign.tenant, self._drawn))
            self._written += len(self._drawn)
            self._drawn = []


def settle_draws(
    memory: Memory, dice: Dice, limits: Limits, wishes: Sequence[DrawWish], line: Line
) -> list[DrawSettled]:
    """One answer per wish, in order; durable when it returns."""
    by_tenant: dict[int, list[DrawWish]] = {}
    for wish in wishes:
        by_tenant.setdefault(wish.tenant, []).append(wish)
    transaction = BatchTransaction(line, limits, min(by_tenant))
    return in_order(wishes, _Batch(memory, dice, transaction, by_tenant).settle())


class _Batch:
    """Wishes on their way to their outcomes, those of each tenant behind his own wall."""

    def __init__(
        self,
        memory: Memory,
        dice: Dice,
        transaction: BatchTransaction,
        wishes: Mapping[int, list[DrawWish]],
    ) -> None:
        self._memory = memory
        self._dice = dice
        self._transaction = transaction
        self._wishes = wishes
        self._books: dict[int, _Book] = {}
        self._drawn: dict[Who, list[Drawn]] = {}
        self._entries: dict[Who, list[LedgerEntry]] = {}
        self._standings: dict[int, Mapping[str, Standing]] = {}
        self._won: dict[Place, Issued] = {}

    def settle(self) -> dict[int, list[DrawSettled]]:
        """Bring all wishes to their outcomes and write what was drawn: two trips to the server."""
        self._load()
        settled = {}
        for tenant in sorted(self._wishes):
            settled[tenant] = [self._settle(wish) for wish in self._wishes[tenant]]
        written = self._written()
        self._transaction.ask([*written, KEEP if written else LEAVE])
        for book in self._books.values():
            for lot in book.lots:
                self._memory.tails[lot.offer.reward.number] = lot.tail
        if written:
            self._memory.ring()
        return settled

    # --- load ---------------------------------------------------------------------------------

    def _load(self) -> None:
        """Ask until what this process knows of the campaigns is what the ledger says of them."""
        memory = self._memory
        while True:
            loaded = load_draws(self._transaction, memory.campaigns, memory.days, self._wishes)
            stale = {tenant: memory.stale(one.campaigns) for tenant, one in loaded.items()}
            if not any(stale.values()):
                break
            for tenant, campaigns in stale.items():
                learn(self._transaction, memory.campaigns, tenant, campaigns)
        for tenant, one in loaded.items():
            self._drawn |= one.drawn
            self._entries |= one.entries
            self._standings[tenant] = one.standings
            self._won |= one.won
            self._open_books(one)

    def _open_books(self, loaded: LoadedDraws) -> None:
        memory = self._memory
        for number in loaded.campaigns:
            known = memory.campaigns[number]
            lots = []
            for reward in known.campaign.rewards:
                counters = loaded.counters[reward.number]
                now = Reward(reward.number, reward.definition, counters)
                tail = memory.tails.get(reward.number, Tail())
                stand = Stand(Offer(known.campaign, now, 0), known.part, tail)
                lots.append(Lot(self._transaction, stand, memory.random_codes))
            rolls = self._dice(known.campaign)
            self._books[number] = _Book(known, lots, loaded.books.get(number, 0), rolls)

    # --- decide -------------------------------------------------------------------------------

    def _settle(self, wish: DrawWish) -> DrawSettled:
        book = self._books.get(wish.campaign)
        if book is None or book.campaign.tenant != wish.tenant:
            return _GONE
        book.come_to(wish.now_ms, self._memory.days)
        who = (wish.campaign, wish.customer)
        if book.open and not wish.dry_run and who not in self._drawn and who not in self._entries:
            # Somebody who never drew and holds nothing: nearly everybody is.
            return self._draw(wish, book, STRANGER)
        prior = self._prior(wish, book)
        ended = decide.without_draw(wish, book.campaign, prior, self._issued)
        return self._draw(wish, book, prior) if ended is None else ended

    def _issued(self, drawn: Drawn) -> Issued | None:
        return None if drawn.won is None else self._won[drawn.won]

    def _prior(self, wish: DrawWish, book: _Book) -> DrawPrior:
        who = (wish.campaign, wish.customer)
        drawn = self._drawn.get(who, ())
        entries = self._entries.get(who, ())
        standing = self._standings[wish.tenant].get(wish.customer, STRANGER.standing)
        bound = next((one for one in drawn if one.key == wish.key), None)
        of_period = [one for one in drawn if one.period == book.period]
        of_period.sort(key=lambda one: one.ordinal)
        return decide.prior(bound, of_period, entries, book.campaign.definition, standing)

    def _draw(self, wish: DrawWish, book: _Book, prior: DrawPrior) -> DrawSettled:
        issued, codeless = self._win(wish, book, prior)
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
            tuple(book.campaign.rewards[at].number for at in codeless) if codeless else (),
        )
        book.note(drawn)
        self._drawn.setdefault((wish.campaign, wish.customer), []).append(drawn)
        return DrawSettled(Outcome.DRAWN, drawn, issued)

    def _win(
        self, wish: DrawWish, book: _Book, prior: DrawPrior
    ) -> tuple[Issued | None, Sequence[int]]:
        """What a draw wins, and which rewards turned out to have no code: out of stock, too."""
        codeless: list[int] = []
        available: Callable[[int], bool] = book.has
        if prior is not STRANGER:
            available = partial(_available, book, prior, codeless)
        while True:
            roll = book.rolls(book.next, wish.seed)
            won = decide.pick(book.wheel, available, roll)
            if won is None:
                return None, codeless
            issued = self._issue(wish, book, book.lots[won])
            if issued is not None:
                return issued, codeless
            codeless.append(won)
            available = partial(_available, book, prior, codeless)

    # --- apply --------------------------------------------------------------------------------

    def _issue(self, wish: DrawWish, book: _Book, lot: Lot) -> Issued | None:
        if not book.capped:
            issued = lot.issue(wish, 1)
        else:
            entries = self._entries.setdefault((wish.campaign, wish.customer), [])
            issued = lot.issue(wish, len(entries) + 1)
            if issued is not None:
                entries.append(LedgerEntry(issued))
        if issued is not None:
            self._won[Place(issued.reward, issued.serial)] = issued
        return issued

    def _written(self) -> list[Statement]:
        """What writes all that was drawn: first what was won, then the draws."""
        books: dict[int, list[_Book]] = {tenant: [] for tenant in sorted(self._wishes)}
        for book in self._books.values():
            books[book.campaign.tenant].append(book)
        return behind_walls({tenant: _write_books(tenant, some) for tenant, some in books.items()})


def _write_books(tenant: int, books: Sequence[_Book]) -> list[Statement]:
    won = write_lots(tenant, [lot for book in books for lot in book.lots])
    return [*won, *(statement for book in books for statement in book.close())]


def _available(book: _Book, prior: DrawPrior, codeless: Sequence[int], at: int) -> bool:
    """Whether a reward has something for a customer."""
    lot = book.lots[at]
    held = prior.held_of.get(lot.offer.reward.number, 0)
    return at not in codeless and decide.available(
        lot.definition, lot.counters, lot.offer.day, held
    )
