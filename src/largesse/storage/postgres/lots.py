"""The part of a batch that is about one reward: what it gives, and the writing of that."""

from typing import NamedTuple

from largesse.campaigns.model import CodeBlock, CodeSource, Counters, RewardDefinition
from largesse.draws.model import DrawWish
from largesse.issuance import decide
from largesse.issuance.model import Issued, Offer, Place, Wish
from largesse.issuance.ports import RandomCodes
from largesse.kernel.calendar import LocalDays
from largesse.storage.postgres.codes import block_of_next, random_code
from largesse.storage.postgres.transaction import Transaction


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


class Stretch(NamedTuple):
    """Incentives of a lot that were issued at one moment, of which `day` is the local day.

    They stand side by side behind so many `serials` of the reward. `nths` count them for their
    customers, where the campaign does.
    """

    part: int
    serials: int
    day: int
    issued: list[Issued]
    nths: list[int | None]

    @property
    def first(self) -> Issued:
        """The first of them: they share its campaign, reward, version and moment."""
        return self.issued[0]


class Lot:
    """One reward in one batch. What it issues runs ahead of the ledger until it is written.

    `room` is how many strangers in a row would be given a unit at the moment `moment_ms`.
    `stretches` are what was issued at the moments before it.
    """

    def __init__(self, transaction: Transaction, stand: Stand, random_codes: RandomCodes) -> None:
        self.offer = stand.offer
        self.tail = stand.tail
        self.counted = self.offer.campaign.definition.per_customer_max is not None
        self._asks_who = decide.asks_who(self.offer.campaign.definition)
        self.room = 0
        self.moment_ms = -1
        self.stretches: list[Stretch] = []
        self._part = stand.part
        self._transaction = transaction
        self._random_codes = random_codes
        self._closed = self.offer.reward.counters
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
        return decide.issue(self._closed, self.offer.day, count) if count else self._closed

    @property
    def gives(self) -> bool:
        """Whether a customer may be given something at this moment."""
        return self.room > 0 or self._asks_who

    @property
    def issued_some(self) -> bool:
        """Whether there is something to be written."""
        return bool(self._issued or self.stretches)

    def come_to(self, moment_ms: int, days: LocalDays) -> None:
        """Go on to another moment; what was issued at the last one is a stretch by itself."""
        self.close()
        self.moment_ms = moment_ms
        day = days.day(self.offer.campaign.definition.time_zone, moment_ms)
        self.offer = self.offer._replace(day=day)
        self.room = decide.room(self.offer, self.counters, moment_ms)

    def issue(self, wish: Wish | DrawWish, nth: int) -> Issued | None:
        """One more unit, his nth in the campaign; None where no code can be had for it."""
        campaign, reward, _ = self.offer
        serial = self._closed.serials + len(self._issued) + 1
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

    def close(self) -> list[Stretch]:
        """All stretches, with what was issued at this moment as the last one."""
        if self._issued:
            stretch = (self._part, self._closed.serials, self.offer.day)
            self.stretches.append(Stretch(*stretch, self._issued, self._nths))
            self._closed = self.counters
            self._issued, self._nths = [], []
        return self.stretches

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
