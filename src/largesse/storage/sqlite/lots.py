"""One reward in a batch of wishes: what it gives, ahead of the file until that is written."""

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from largesse.campaigns.model import CodeBlock, CodeSource, Counters, RewardDefinition
from largesse.draws.model import DrawWish
from largesse.issuance import decide
from largesse.issuance.model import Issued, Offer, Wish
from largesse.issuance.ports import RandomCodes
from largesse.kernel.calendar import LocalDays
from largesse.storage.sqlite.codes import block_of_next, random_code
from largesse.storage.sqlite.fingerprint import Ways
from largesse.storage.sqlite.transaction import Transaction

_LAST_EXTENT = """
SELECT serial, seq FROM extent WHERE reward = ? ORDER BY serial DESC LIMIT 1"""
_NO_BLOCK = CodeBlock(0, 0, 0)


class Tail(NamedTuple):
    """Where a reward's part of the ledger ends; remembered between batches to spare reading it.

    `serial` and `seq` begin its last extent; `block` is the one its codes come from; `expiring` is
    the version whose incentives are known to the sweep for expired ones.
    """

    serial: int = 0
    seq: int = 0
    block: CodeBlock = _NO_BLOCK
    expiring: int = 0


def read_tail(db: apsw.Connection, reward: int) -> Tail:
    """The tail of a reward that was not met since the start."""
    row = db.execute(_LAST_EXTENT, (reward,)).fetchone()
    return Tail() if row is None else Tail(*row)


class Lot:
    """One reward in one version of its campaign, from batch to batch.

    `counters` are those of the file. `issued`, with the hashes by which each unit is found, runs
    ahead of it until `write_lots` has written that. `room` is how many strangers in a row would be
    given a unit at the moment `moment_ms`. A lot of a batch that was not committed is of no more
    use.
    """

    def __init__(self, offer: Offer, tail: Tail, ways: Ways, random_codes: RandomCodes) -> None:
        self.offer = offer
        self.number = offer.reward.number
        self.campaign, self.tenant = offer.campaign.number, offer.campaign.tenant
        self.definition: RewardDefinition = offer.reward.definition
        self.tail = tail
        self.ways = ways
        self.asks_who = decide.asks_who(offer.campaign.definition)
        self._random_codes = random_codes
        self._version = offer.campaign.version
        code = self.definition.code
        self._permuted = code is not None and code.source is CodeSource.PERMUTED
        self.is_random = code is not None and code.source is CodeSource.RANDOM

    def open(self, transaction: Transaction, counters: Counters) -> None:
        """Begin a batch: so says its transaction of the reward."""
        self._transaction = transaction
        self.counters = counters
        self.room = 0
        self.moment_ms = -1
        self.issued: list[Issued] = []
        self.found_by: list[int] = []
        self.found_by_too: list[tuple[int, int]] = []

    @property
    def ahead(self) -> Counters:
        """The counters with all that was issued so far."""
        count = len(self.issued)
        return decide.issue(self.counters, self.offer.day, count) if count else self.counters

    def come_to(self, moment_ms: int, days: LocalDays) -> None:
        """Go on to another moment; what was issued at the last one is written already."""
        self.moment_ms = moment_ms
        day = days.day(self.offer.campaign.definition.time_zone, moment_ms)
        if day != self.offer.day:
            self.offer = self.offer._replace(day=day)
        self.room = decide.room(self.offer, self.counters, moment_ms)

    def issue(self, wish: Wish | DrawWish, found_by: int) -> Issued | None:
        """One more unit for a wish, to be found by a hash; None where no code can be had for it."""
        serial = self.counters.serials + len(self.issued) + 1
        place = code = None
        if self._permuted:
            place = self._place(serial)
            if place is None:
                return None
        elif self.is_random:
            db, campaign = self._transaction.db, self.offer.campaign
            code = random_code(db, self._random_codes, campaign, self.number, serial)
            if code is None:
                return None
        issued = Issued(
            self.campaign,
            self.number,
            serial,
            wish.customer,
            wish.key,
            wish.now_ms,
            self._version,
            place,
            code,
        )
        self.room -= 1
        self.issued.append(issued)
        self.found_by.append(found_by)
        return issued

    def issue_to_all(self, wishes: Sequence[Wish], found_by: Sequence[int]) -> list[Issued] | None:
        """One more unit for each wish, as `issue`; None, and nothing done, where that is not sure.

        The wishes are of one moment, and there is room for all of them.
        """
        first = self.counters.serials + len(self.issued) + 1
        start = None
        if self._permuted:
            block = self.tail.block
            ahead = first - block.serial
            if ahead < 0 or ahead + len(wishes) > block.count:
                return None
            start = block.place + ahead
        elif self.is_random:
            return None
        campaign, number, version = self.campaign, self.number, self._version
        issued = [
            Issued(
                campaign,
                number,
                serial,
                wish.customer,
                wish.key,
                wish.now_ms,
                version,
                None if start is None else start + serial - first,
            )
            for serial, wish in enumerate(wishes, first)
        ]
        self.room -= len(issued)
        self.issued += issued
        self.found_by += found_by
        return issued

    def find_last_too(self, found_by: int) -> None:
        """Have the last unit found by one more hash."""
        self.found_by_too.append((len(self.issued) - 1, found_by))

    def would_issue(self, wish: Wish) -> bool:
        """Whether a unit could be issued, found out by doing it and undoing it."""
        tail = self.tail
        self._transaction.db.execute("SAVEPOINT dry_run")
        issued = self.issue(wish, 0)
        self._transaction.db.execute("ROLLBACK TO dry_run")
        self._transaction.db.execute("RELEASE dry_run")
        if issued is not None:
            self.room += 1
            self.issued.pop()
            self.found_by.pop()
        self.tail = tail
        return issued is not None

    def go_on(self) -> None:
        """Go on from what the file says now: all that was issued is in it."""
        self.counters = self.ahead
        self.issued, self.found_by, self.found_by_too = [], [], []

    def _place(self, serial: int) -> int | None:
        """Where the code of a serial stands in its pattern's counter."""
        block = self.tail.block
        offset = serial - block.serial
        if 0 <= offset < block.count:
            return block.place + offset
        campaign, reward, _ = self.offer
        taken = block_of_next(self._transaction, campaign, reward, self.ahead)
        if taken is None:
            return None
        self.tail = self.tail._replace(block=taken)
        return taken.place + serial - taken.serial
