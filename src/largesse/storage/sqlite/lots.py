"""The part of a batch that is about one reward: what it gives, and the writing of that."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import apsw

from largesse.campaigns.model import CodeBlock, CodeSource, Counters, RewardDefinition
from largesse.issuance import decide
from largesse.issuance.model import Issued, Offer, Wish
from largesse.issuance.ports import RandomCodes
from largesse.kernel.calendar import LocalDays
from largesse.kernel.errors import UnavailableError
from largesse.kernel.fact import FactKind
from largesse.storage.sqlite.codes import block_of_next, random_code
from largesse.storage.sqlite.fingerprint import Ways
from largesse.storage.sqlite.transaction import Transaction

ROWS_AT_ONCE = 256
"""Rows of the largest insert: SQLite steps through them without the interpreter's lock."""

SMALL = 16
"""Up to so many rows there is a statement of every length: most lots of a mixed batch are small."""

# The quotas stand in the write itself, whatever was decided before it; CHECKs stand beneath.
_TAKE = """
UPDATE reward SET issued = issued + :count, serials = serials + :count, day = :day,
  issued_day = :count + CASE day WHEN :day THEN issued_day ELSE 0 END
WHERE number = :reward AND serials = :serials
  AND (quota_total IS NULL OR issued + reserved + :count <= quota_total)
  AND (quota_daily IS NULL
    OR :count + CASE day WHEN :day THEN issued_day ELSE 0 END <= quota_daily)"""

_LAST_EXTENT = """
SELECT serial, seq FROM extent WHERE reward = ? ORDER BY serial DESC LIMIT 1"""
_ADD_EXTENT = "INSERT INTO extent (reward, serial, seq) VALUES (?, ?, ?)"
_WATCH_EXPIRY = """
INSERT INTO expiry (reward, version, tenant, serial, due_ms, after_ms) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING"""
_EXHAUSTED = """
INSERT INTO journal (seq, kind, at_ms, campaign, reward, serial, version)
VALUES (?, ?, ?, ?, ?, ?, ?)"""


class Tail(NamedTuple):
    """Where a reward's part of the ledger ends; remembered between batches to spare reading it.

    `serial` and `seq` begin its last extent; `block` is the one its codes come from; `expiring` is
    the version whose incentives are known to the sweep for expired ones.
    """

    serial: int = 0
    seq: int = 0
    block: CodeBlock | None = None
    expiring: int = 0


def read_tail(db: apsw.Connection, reward: int) -> Tail:
    """The tail of a reward that was not met since the start."""
    row = db.execute(_LAST_EXTENT, (reward,)).fetchone()
    return Tail() if row is None else Tail(*row)


class Lot:
    """One reward in one batch. What it issues runs ahead of the file until it is written.

    `room` is how many strangers in a row would be given a unit at the moment `moment_ms`.
    """

    def __init__(
        self,
        transaction: Transaction,
        offer: Offer,
        tail: Tail,
        ways: Ways,
        random_codes: RandomCodes,
    ) -> None:
        self.offer = offer
        self.ways = ways
        self.tail = tail
        self.room = 0
        self.moment_ms = -1
        self.hashes: list[int] = []
        self.seqs: list[int] = []
        self._transaction = transaction
        self._random_codes = random_codes
        self._written = offer.reward.counters
        self._issued: list[Issued] = []
        self._found_by: list[int] = []
        self._found_by_too: list[tuple[int, int]] = []
        code = offer.reward.definition.code
        self._source = None if code is None else code.source
        self._block = tail.block or CodeBlock(0, 0, 0)

    @property
    def definition(self) -> RewardDefinition:
        """What the reward is."""
        return self.offer.reward.definition

    @property
    def counters(self) -> Counters:
        """The counters with all that was issued so far."""
        count = len(self._issued)
        return decide.issue(self._written, self.offer.day, count) if count else self._written

    def come_to(self, moment_ms: int, days: LocalDays) -> None:
        """Go on to another moment; what was issued at the last one is written first."""
        self.write()
        self.moment_ms = moment_ms
        day = days.day(self.offer.campaign.definition.time_zone, moment_ms)
        self.offer = self.offer._replace(day=day)
        self.room = decide.room(self.offer, self.counters, moment_ms)

    def issue(self, wish: Wish, found_by: int) -> Issued | None:
        """One more unit for a wish, to be found by a hash; None where no code can be had for it."""
        campaign, reward, _ = self.offer
        serial = self._written.serials + len(self._issued) + 1
        place = code = None
        if self._source is CodeSource.PERMUTED:
            place = self._place(serial)
            if place is None:
                return None
        elif self._source is CodeSource.RANDOM:
            db = self._transaction.db
            code = random_code(db, self._random_codes, campaign, reward.number, serial)
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
        self._found_by.append(found_by)
        return issued

    def find_last_too(self, found_by: int) -> None:
        """Have the last unit found by one more hash."""
        self._found_by_too.append((len(self._issued) - 1, found_by))

    def would_issue(self, wish: Wish) -> bool:
        """Whether a unit could be issued, found out by doing it and undoing it."""
        tail, block = self.tail, self._block
        self._transaction.db.execute("SAVEPOINT dry_run")
        issued = self.issue(wish, 0)
        self._transaction.db.execute("ROLLBACK TO dry_run")
        self._transaction.db.execute("RELEASE dry_run")
        if issued is not None:
            self.room += 1
            self._issued.pop()
            self._found_by.pop()
        self.tail, self._block = tail, block
        return issued is not None

    def write(self) -> None:
        """Write what was issued at one moment: rows, stock, and what follows from them."""
        issued = self._issued
        if not issued:
            return
        first = self._transaction.take_seqs(len(issued))
        insert_issued(self._transaction.db, first, issued)
        self._take_stock(len(issued))
        self._extend(issued[0].serial, first)
        self._watch_expiry(issued[0])
        self._written = self.counters
        self._tell_exhausted(issued[-1])
        self.hashes += self._found_by
        self.seqs += range(first, first + len(issued))
        for index, one in self._found_by_too:
            self.hashes.append(one)
            self.seqs.append(first + index)
        self._issued, self._found_by, self._found_by_too = [], [], []

    def _place(self, serial: int) -> int | None:
        """Where the code of a serial stands in its pattern's counter."""
        offset = serial - self._block.serial
        if 0 <= offset < self._block.count:
            return self._block.place + offset
        campaign, reward, _ = self.offer
        block = block_of_next(self._transaction, campaign, reward, self.counters)
        if block is None:
            return None
        self._block = block
        self.tail = self.tail._replace(block=block)
        return block.place + serial - block.serial

    def _take_stock(self, count: int) -> None:
        _, reward, day = self.offer
        before = {"reward": reward.number, "serials": self._written.serials}
        self._transaction.db.execute(_TAKE, before | {"count": count, "day": day})
        if self._transaction.db.changes() != 1:
            message = f"the stock of reward {reward.number} does not bear what was decided"
            raise UnavailableError(message)

    def _extend(self, serial: int, seq: int) -> None:
        """Begin an extent unless the rows go on where the last one's stop."""
        tail = self.tail
        if not tail.serial or seq - tail.seq != serial - tail.serial:
            number = self.offer.reward.number
            self._transaction.db.execute(_ADD_EXTENT, (number, serial, seq))
            self.tail = tail._replace(serial=serial, seq=seq)

    def _watch_expiry(self, issued: Issued) -> None:
        """Have the sweep look after the incentives of a version from its first one on."""
        if self.tail.expiring == issued.version:
            return
        due_ms = decide.expires_at_ms(self.definition, issued.at_ms)
        if due_ms is not None:
            after_ms = None if due_ms == self.definition.expires_at_ms else due_ms - issued.at_ms
            what = (issued.reward, issued.version, self.offer.campaign.tenant, issued.serial)
            self._transaction.db.execute(_WATCH_EXPIRY, (*what, due_ms, after_ms))
        self.tail = self.tail._replace(expiring=issued.version)

    def _tell_exhausted(self, last: Issued) -> None:
        if self._written.issued + self._written.reserved == self.definition.quota_total:
            about = (last.at_ms, last.campaign, last.reward, last.serial, last.version)
            seq = self._transaction.take_seqs(1)
            self._transaction.db.execute(_EXHAUSTED, (seq, int(FactKind.STOCK_EXHAUSTED), *about))


def insert_issued(db: apsw.Connection, first: int, issued: Sequence[Issued]) -> None:
    """Write rows of one reward, version and moment, their serials ascending, from seq `first` on.

    Few large statements are faster than many small ones, and what the rows share is bound once.
    """
    one = issued[0]
    shared = (one.at_ms, one.campaign, one.reward, one.version)
    for start, count in pieces(len(issued)):
        part = issued[start : start + count]
        if one.code is None:
            values: list[str | None] = [v for row in part for v in (row.customer, row.key)]
        else:
            values = [value for row in part for value in (row.customer, row.key, row.code)]
        statement = _insert(count, coded=one.code is not None)
        db.execute(statement, (first + start, part[0].serial, *shared, *values))


def pieces(count: int) -> Iterable[tuple[int, int]]:
    """Cuts a count into 256s, then 128, 64, 32, 16 and a rest: (start, length) of each.

    So few enough statements serve for all of them to stay prepared.
    """
    start, length = 0, ROWS_AT_ONCE
    while start < count:
        while length > count - start and length > SMALL:
            length //= 2
        length = min(length, count - start)
        yield start, length
        start += length


@lru_cache(maxsize=64)
def _insert(count: int, *, coded: bool) -> str:
    """The insert of `count` rows. Parameters 1 to 6 are shared, then follow those of each row."""
    width = 3 if coded else 2
    rows = []
    for at in range(count):
        own = ", ".join(f"?{7 + at * width + column}" for column in range(width))
        rows.append(f"(?1+{at},1,?3,?4,?5,?2+{at},?6,{own})")
    columns = "seq, kind, at_ms, campaign, reward, serial, version, customer, key"
    detail = ", detail" if coded else ""
    values = ",".join(rows)
    return f"INSERT INTO journal ({columns}{detail}) VALUES {values}"  # noqa: S608 — no input in it
