"""The part of a batch that is about one reward: what it gives, and the writing of that."""

from typing import NamedTuple

from largesse.campaigns.model import CodeBlock, CodeSource, Counters, RewardDefinition
from largesse.issuance import decide
from largesse.issuance.model import Issued, Offer, Place, Wish
from largesse.issuance.ports import RandomCodes
from largesse.kernel.calendar import LocalDays
from largesse.kernel.fact import FactKind
from largesse.storage.postgres.codes import block_of_next, random_code
from largesse.storage.postgres.transaction import Transaction
from largesse.storage.postgres.trips import Statement

# In the order of the arrays: so `seq` ascends with the serials.
_INSERT = """
INSERT INTO journal
  (part, tenant, kind, at_ms, campaign, reward, version, serial, nth, customer, key, detail)
SELECT %s, %s, 1, %s, %s, %s, %s, %s::bigint + w.n, w.nth, w.customer, w.key, w.detail
FROM unnest(%s::integer[], %s::text[], %s::text[], %s::text[])
  WITH ORDINALITY AS w (nth, customer, key, detail, n)"""
# The quotas stand in the write itself, whatever was decided before it; CHECKs stand beneath. It
# raises where it does not hold, and the commit behind it is not done.
_TAKE = "SELECT take_stock(%s, %s, %s::bigint, %s)"
_EXHAUSTED = """
INSERT INTO journal (part, tenant, kind, at_ms, campaign, reward, serial, version)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_WATCH_EXPIRY = """
INSERT INTO expiry (reward, version, tenant, serial, due_ms, after_ms)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""


class Tail(NamedTuple):
    """Where a reward's part of the ledger ends; remembered between batches to spare reading it.

    `block` is the one its codes come from; `expiring` is the version whose incentives are known to
    the sweep for expired ones. Both are only ever added to, so that an old one is never wrong.
    """

    block: CodeBlock = CodeBlock(0, 0, 0)
    expiring: int = 0


class Stand(NamedTuple):
    """Where a lot begins: the offer as the ledger has it now, its partition, and its tail."""

    offer: Offer
    part: int
    tail: Tail


class Lot:
    """One reward in one batch. What it issues runs ahead of the ledger until it is written.

    `room` is how many strangers in a row would be given a unit at the moment `moment_ms`.
    `statements` are what is to be written.
    """

    def __init__(self, transaction: Transaction, stand: Stand, random_codes: RandomCodes) -> None:
        self.offer = stand.offer
        self.tail = stand.tail
        self.counted = self.offer.campaign.definition.per_customer_max is not None
        self._asks_who = decide.asks_who(self.offer.campaign.definition)
        self.room = 0
        self.moment_ms = -1
        self.statements: list[Statement] = []
        self._part = stand.part
        self._transaction = transaction
        self._random_codes = random_codes
        self._written = self.offer.reward.counters
        self._issued: list[Issued] = []
        self._nths: list[int | None] = []
        code = self.definition.code
        self._source = None if code is None else code.source

    @property
    def definition(self) -> RewardDefinition:
        """What the reward is."""
        return self.offer.reward.definition

    @property
    def counters(self) -> Counters:
        """The counters with all that was issued so far."""
        count = len(self._issued)
        return decide.issue(self._written, self.offer.day, count) if count else self._written

    @property
    def gives(self) -> bool:
        """Whether a customer may be given something at this moment."""
        return self.room > 0 or self._asks_who

    @property
    def issued_some(self) -> bool:
        """Whether there is something to be written."""
        return bool(self._issued or self.statements)

    def come_to(self, moment_ms: int, days: LocalDays) -> None:
        """Go on to another moment; what was issued at the last one is to be written first."""
        self.write()
        self.moment_ms = moment_ms
        day = days.day(self.offer.campaign.definition.time_zone, moment_ms)
        self.offer = self.offer._replace(day=day)
        self.room = decide.room(self.offer, self.counters, moment_ms)

    def issue(self, wish: Wish, nth: int) -> Issued | None:
        """One more unit, his nth in the campaign; None where no code can be had for it."""
        campaign, reward, _ = self.offer
        serial = self._written.serials + len(self._issued) + 1
        place = code = None
        if self._source is CodeSource.PERMUTED:
            place = self._place(serial)
            if place is None:
                return None
        elif self._source is CodeSource.RANDOM:
            kept_for = Place(reward.number, serial)
            self._transaction.stand_before(campaign.tenant)
            code = random_code(self._transaction, self._random_codes, campaign, kept_for)
            if code is None:
                return None
        issued = Issued(
            campaign.number,
            reward.number,
            serial,
            wish.customer,
            wish.key,
            wish.now_ms,
            campaign.version,
            place,
            code,
        )
        self.room -= 1
        self._issued.append(issued)
        self._nths.append(nth if self.counted else None)
        return issued

    def would_issue(self, wish: Wish) -> bool:
        """Whether a unit could be issued, found out by doing it and undoing it."""
        tail = self.tail
        self._transaction.execute("SAVEPOINT dry_run")
        issued = self.issue(wish, 0)
        self._transaction.execute("ROLLBACK TO dry_run")
        if issued is not None:
            self.room += 1
            self._issued.pop()
            self._nths.pop()
        self.tail = tail
        return issued is not None

    def write(self) -> None:
        """Have what was issued at one moment written: rows, stock, and what follows from them."""
        issued = self._issued
        if not issued:
            return
        self._insert(issued)
        taken = (self.offer.reward.number, self._written.serials, len(issued), self.offer.day)
        self.statements.append(Statement(_TAKE, taken))
        self._watch_expiry(issued[0])
        self._written = self.counters
        self._tell_exhausted(issued[-1])
        self._issued, self._nths = [], []

    def _insert(self, issued: list[Issued]) -> None:
        campaign, reward, _ = self.offer
        shared = (self.moment_ms, campaign.number, reward.number, campaign.version)
        customers = [one.customer for one in issued]
        keys = [one.key for one in issued]
        codes = [one.code for one in issued]
        bindings = (
            *(self._part, campaign.tenant),
            *shared,
            self._written.serials,
            *(self._nths, customers, keys, codes),
        )
        self.statements.append(Statement(_INSERT, bindings))

    def _place(self, serial: int) -> int | None:
        """Where the code of a serial stands in its pattern's counter."""
        block = self.tail.block
        if not block.serial <= serial < block.serial + block.count:
            campaign, reward, _ = self.offer
            self._transaction.stand_before(campaign.tenant)
            found = block_of_next(self._transaction, campaign, reward, self.counters)
            if found is None:
                return None
            block = found
            self.tail = self.tail._replace(block=block)
        return block.place + serial - block.serial

    def _watch_expiry(self, issued: Issued) -> None:
        """Have the sweep look after the incentives of a version from its first one on."""
        if self.tail.expiring == issued.version:
            return
        due_ms = decide.expires_at_ms(self.definition, issued.at_ms)
        if due_ms is not None:
            after_ms = None if due_ms == self.definition.expires_at_ms else due_ms - issued.at_ms
            what = (issued.reward, issued.version, self.offer.campaign.tenant, issued.serial)
            self.statements.append(Statement(_WATCH_EXPIRY, (*what, due_ms, after_ms)))
        self.tail = self.tail._replace(expiring=issued.version)

    def _tell_exhausted(self, last: Issued) -> None:
        if self._written.issued + self._written.reserved == self.definition.quota_total:
            where = (self._part, self.offer.campaign.tenant, int(FactKind.STOCK_EXHAUSTED))
            about = (last.at_ms, last.campaign, last.reward, last.serial, last.version)
            self.statements.append(Statement(_EXHAUSTED, (*where, *about)))
