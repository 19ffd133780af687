"""One batch of wishes, settled inside the writer's transaction: load, decide, apply."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import apsw

from largesse.campaigns.model import Campaign, Counters, Reward
from largesse.customers.model import Standing
from largesse.draws.model import Drawn, DrawWish
from largesse.issuance import decide
from largesse.issuance.model import Issued, LedgerEntry, Offer, Settled, Wish
from largesse.issuance.ports import RandomCodes
from largesse.kernel.calendar import LocalDays
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.campaigns import load_campaign
from largesse.storage.sqlite.customers import read_standings
from largesse.storage.sqlite.draw_books import Book
from largesse.storage.sqlite.fingerprint import Fingerprints, Scope
from largesse.storage.sqlite.holders import Holders, to_blobs
from largesse.storage.sqlite.known import Chain, Known, look_up
from largesse.storage.sqlite.lately import Lately
from largesse.storage.sqlite.lot_rows import Written, write_lots
from largesse.storage.sqlite.lots import Lot, read_tail
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.transaction import Transaction

_STATES = """
SELECT r.number, c.number, c.status, c.version,
  r.issued, r.reserved, r.serials, r.day, r.issued_day
FROM carray(?) wanted CROSS JOIN reward r ON r.number = wanted.value
JOIN campaign c ON c.number = r.campaign"""
_SAVE_PIECE = """
INSERT INTO run (first_seq, last_seq, hashes, seqs)
VALUES ((SELECT coalesce(max(last_seq), 0) + 1 FROM run), ?, ?, ?)"""

_GONE = Settled(Outcome.CLOSED)
_NO_CODE = Settled(Outcome.POOL_EXHAUSTED)
_ISSUED = Outcome.ISSUED  # looked up once: nearly every wish of a sale ends so


@dataclass(slots=True)
class Memory:
    """What the store remembers between batches, all of it as the last commit left it.

    `offers` are rewards by their number, with campaign and counters: what cheap refusals go by.
    Their counters may say that more is left than there is, never less.
    `lots` and `books` spare reading; a batch takes those that it opens, and gives them back once it
    is committed. `issued_lately` has some of the latest incentives, by the first hash that leads
    to a customer's, and `drawn_lately` some of the latest draws, by the hashes of their customers
    and places in the period. Only the writer's thread changes any of it.
    """

    holders: Holders
    prints: Fingerprints
    random_codes: RandomCodes
    days: LocalDays = field(default_factory=LocalDays)
    offers: dict[int, Offer] = field(default_factory=dict)
    lots: dict[int, Lot] = field(default_factory=dict)
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    books: dict[int, Book] = field(default_factory=dict)
    issued_lately: Lately[Issued] = field(default_factory=Lately)
    drawn_lately: Lately[Drawn] = field(default_factory=Lately)

    def learn(self, number: int, campaign: Campaign | None) -> None:
        """Know a campaign as it is now, or that it is gone."""
        if campaign is not None:
            self.campaigns[number] = campaign
            for reward in campaign.rewards:
                self.offers[reward.number] = Offer(campaign, reward, 0)
            return
        self.campaigns.pop(number, None)
        for one in [one for one, offer in self.offers.items() if offer.campaign.number == number]:
            del self.offers[one]

    def take_lot(
        self, transaction: Transaction, campaign: Campaign, reward: int, counters: Counters
    ) -> Lot:
        """A lot for a batch: what an earlier one gave back, as long as that is of this version."""
        lot = self.lots.pop(reward, None)
        if lot is None or lot.offer.campaign is not campaign:
            tail = read_tail(transaction.db, reward) if lot is None else lot.tail
            known = next(one for one in campaign.rewards if one.number == reward)
            offer = Offer(campaign, known, 0)
            lot = Lot(offer, tail, self.prints.ways(offer), self.random_codes)
        lot.open(transaction, counters)
        return lot

    def keep_lots(self, lots: Iterable[Lot]) -> None:
        """Give back, after the commit, what a batch has taken.

        As long as there is room an offer may lag behind: its counters then refuse nobody.
        """
        for lot in lots:
            self.lots[lot.number] = lot
            if lot.room > 0 and lot.number in self.offers:
                continue
            campaign, reward, _ = lot.offer
            self.offers[lot.number] = Offer(
                campaign, Reward(lot.number, reward.definition, lot.counters), 0
            )


def settle(memory: Memory, wishes: Sequence[Wish], transaction: Transaction) -> list[Settled]:
    """One answer per wish, in order. What a wish is given, those behind it know of."""
    return _Batch(memory, transaction, wishes).settle()


class _Batch:
    """Wishes on their way to their outcomes.

    Each wish has a hash that leads to its customer's incentives, and another one where a reward is
    counted apart from its campaign. `known` has the entries behind those hashes that were there
    before this batch; `fresh` has what strangers got in it, until somebody asks for that.
    """

    def __init__(self, memory: Memory, transaction: Transaction, wishes: Sequence[Wish]) -> None:
        self._memory = memory
        self._transaction = transaction
        self._wishes = wishes
        self._lots = self._open_lots()
        self._only = self._find_only_lot()
        self._wanted: list[Lot | None] = []
        self._main: list[int] = []
        self._apart: list[int | None] = []
        self._find_ways()
        self._known = self._look_up()
        self._standings = self._look_at_customers()
        self._fresh: dict[int, Issued] = {}
        self._written = Written()

    def settle(self) -> list[Settled]:
        """Bring all wishes to their outcomes and write what was issued."""
        settled = self._give_to_all() or [
            self._settle(wish, lot, main, apart) if lot else _GONE
            for wish, lot, main, apart in zip(
                self._wishes, self._wanted, self._main, self._apart, strict=True
            )
        ]
        self._write()
        save_piece(self._memory, self._transaction)
        self._transaction.on_commit(self._remember)
        return settled

    def _open_lots(self) -> dict[int, Lot]:
        """A lot for each reward that is wished for and exists, as this transaction finds it."""
        db, memory = self._transaction.db, self._memory
        numbers = apsw.carray(array("q", {wish.reward for wish in self._wishes}))
        lots = {}
        for number, home, status, version, *counters in rows(db, _STATES, (numbers,)):
            offer = memory.offers.get(number)
            campaign = offer.campaign if offer else None
            if campaign is None or (campaign.status, campaign.version) != (status, version):
                campaign = load_campaign(db, home)
                assert campaign is not None
            lots[number] = memory.take_lot(self._transaction, campaign, number, Counters(*counters))
        return lots

    def _find_only_lot(self) -> Lot | None:
        """The lot that all wishes are about, if it is one only, in earnest and at one moment.

        And if one hash leads to each: the reward is not counted apart from its campaign.
        """
        if len(self._lots) != 1:
            return None
        [lot] = self._lots.values()
        if lot.ways.reward_seed is not None:
            return None
        alike = (lot.tenant, lot.campaign, lot.number, self._wishes[0].now_ms, False)
        for wish in self._wishes:
            if (wish.tenant, wish.campaign, wish.reward, wish.now_ms, wish.dry_run) != alike:
                return None
        return lot

    def _find_ways(self) -> None:
        """Which lot each wish is about, if there is such a reward, and what leads to its rows."""
        only = self._only
        if only is not None:
            self._wanted = [only] * len(self._wishes)
            self._main = only.ways.of_wishes(self._wishes)
            self._apart = [None] * len(self._wishes)
            return
        lots, wanted, main, apart = self._lots, self._wanted, self._main, self._apart
        for wish in self._wishes:
            lot = lots.get(wish.reward)
            if lot is None or lot.campaign != wish.campaign or lot.tenant != wish.tenant:
                wanted.append(None)
                main.append(0)
                apart.append(None)
                continue
            wanted.append(lot)
            main.append(lot.ways.main(wish.customer, wish.key))
            apart.append(lot.ways.of_reward(wish.customer))

    def _look_up(self) -> Known[LedgerEntry]:
        """What the customers of this batch were given before it."""
        apart = [(index, one) for index, one in enumerate(self._apart) if one is not None]
        hashes = self._main + [one for _, one in apart]

        def chain_of(at: int) -> Chain | None:
            own = at - len(self._main)
            if own >= 0:
                wish = self._wishes[apart[own][0]]
                return Chain(hashes[at], Scope.REWARD, wish.reward, wish.customer)
            wish, lot = self._wishes[at], self._wanted[at]
            if lot is None or lot.ways.by_key:
                return None
            return Chain(hashes[at], Scope.CAMPAIGN, wish.campaign, wish.customer)

        memory = self._memory
        return look_up(self._transaction.db, memory.holders, memory.prints, hashes, chain_of)

    def _look_at_customers(self) -> dict[tuple[int, str], Standing]:
        """How those customers stand whose campaigns ask who they are."""
        if not any(lot.asks_who for lot in self._lots.values()):
            return {}
        asked: dict[int, dict[str, None]] = {}
        for wish, lot in zip(self._wishes, self._wanted, strict=True):
            if lot is not None and lot.asks_who:
                asked.setdefault(wish.tenant, {})[wish.customer] = None
        return {
            (tenant, customer): standing
            for tenant, customers in asked.items()
            for customer, standing in read_standings(
                self._transaction.db, tenant, list(customers)
            ).items()
        }

    def _give_to_all(self) -> list[Settled] | None:
        """What strangers get where one lot has enough for all of them; None for other batches.

        Most batches of a sale are such: what else is asked of each wish is here asked of all.
        """
        lot, wishes, main = self._only, self._wishes, self._main
        if lot is None or self._known or len(set(main)) < len(main):
            return None
        lot.come_to(wishes[0].now_ms, self._memory.days)
        if lot.room < len(wishes):
            return None
        issued = lot.issue_to_all(wishes, main)
        if issued is None:
            return None
        self._fresh = dict(zip(main, issued, strict=True))
        return [Settled(_ISSUED, one) for one in issued]

    def _settle(self, wish: Wish, lot: Lot, main: int, apart: int | None) -> Settled:
        if wish.now_ms != lot.moment_ms:
            if lot.issued:
                self._write()
            lot.come_to(wish.now_ms, self._memory.days)
        known, fresh = self._known, self._fresh
        if (
            not lot.room
            or wish.dry_run
            or main in known
            or main in fresh
            or (apart is not None and (apart in known or apart in fresh))
        ):
            return self._settle_with_care(wish, lot, main, apart)
        # A stranger, and there is room: nearly every wish of a sale that is on comes this way.
        issued = lot.issue(wish, main)
        if issued is None:
            return _NO_CODE
        fresh[main] = issued
        if apart is not None:
            lot.find_last_too(apart)
            fresh[apart] = issued
        return Settled(_ISSUED, issued)

    def _settle_with_care(self, wish: Wish, lot: Lot, main: int, apart: int | None) -> Settled:
        """The rule with all that it may ask for."""
        entries = self._entries(wish, main, apart)
        standing = self._standings.get((wish.tenant, wish.customer), Standing())
        prior = decide.prior(wish, entries, lot.offer.campaign.definition, standing)
        ended = decide.without_issue(wish, lot.offer, prior, lot.ahead)
        if ended is not None:
            return ended
        if wish.dry_run:
            return Settled(Outcome.ISSUED) if lot.would_issue(wish) else _NO_CODE
        found_by, *too = next_hashes(self._memory.prints, lot, wish, entries)
        issued = lot.issue(wish, found_by)
        if issued is None:
            return _NO_CODE
        for one in too:
            lot.find_last_too(one)
        for one in (main,) if apart is None else (main, apart):
            self._known.setdefault(one, []).append(LedgerEntry(issued))
        return Settled(Outcome.ISSUED, issued)

    def _entries(self, wish: Wish, main: int, apart: int | None) -> list[LedgerEntry]:
        """What the customer was given, without the rows of others that share a hash."""
        found: dict[tuple[int, int], LedgerEntry] = {}
        for one in (main,) if apart is None else (main, apart):
            fresh = self._fresh.pop(one, None)
            if fresh is not None:
                self._known.setdefault(one, []).append(LedgerEntry(fresh))
            for entry in self._known.get(one, ()):
                issued = entry.issued
                if issued.customer == wish.customer and issued.campaign == wish.campaign:
                    found[issued.reward, issued.serial] = entry
        return list(found.values())

    def _write(self) -> None:
        write_lots(self._transaction, self._lots.values(), self._written)

    def _remember(self) -> None:
        """After the commit: holders first, so that no refusal can overlook a winner."""
        written = self._written
        self._memory.holders.add(written.hashes, written.seqs, self._transaction.last_seq)
        self._memory.issued_lately.add(self._fresh.items())
        self._memory.keep_lots(self._lots.values())


def next_hashes(
    prints: Fingerprints, lot: Lot, wish: Wish | DrawWish, entries: Sequence[LedgerEntry]
) -> list[int]:
    """What leads to one more incentive of a customer, beside those that he was given before."""
    if not lot.ways.by_key:
        nth = len(entries) + 1
        return [prints.nth(Scope.CAMPAIGN, wish.campaign, wish.customer, nth)]
    hashes = [lot.ways.main(wish.customer, wish.key)]
    if lot.ways.reward_seed is not None:
        nth = sum(entry.issued.reward == lot.number for entry in entries) + 1
        hashes.append(prints.nth(Scope.REWARD, lot.number, wish.customer, nth))
    return hashes


def save_piece(memory: Memory, transaction: Transaction) -> None:
    """Take the oldest sealed piece of the holders along, if one waits to be kept."""
    unsaved = memory.holders.unsaved
    if unsaved:
        row = (unsaved[0].last_seq, *to_blobs(unsaved[0].run))
        transaction.db.execute(_SAVE_PIECE, row)
        transaction.on_commit(unsaved.popleft)
