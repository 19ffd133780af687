"""The rows of incentives in the journal, and where a serial stands in it."""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import apsw

from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.storage.columns.ledger import entry_of
from largesse.storage.sqlite.query import number, rows

# A later fact that ended the incentive: a unique key lets there be one at most. The
# place of its code in the counter follows from the block that its serial lies in.
_ROWS = """
SELECT j.seq, gone.kind, gone.at_ms,
  j.campaign, j.reward, j.serial, j.customer, j.key, j.at_ms, j.version,
  (SELECT b.place + j.serial - b.serial FROM code_block b
    WHERE b.reward = j.reward AND b.serial <= j.serial ORDER BY b.serial DESC LIMIT 1),
  j.detail
FROM carray(?) wanted CROSS JOIN journal j ON j.seq = wanted.value
LEFT JOIN journal gone ON gone.of = j.seq AND gone.kind IN (2, 4, 5)
WHERE j.kind = 1"""

_EXTENT = """
SELECT serial, seq FROM extent WHERE reward = ? AND serial <= ? ORDER BY serial DESC LIMIT 1"""
_EXTENT_OF = """
SELECT serial, seq FROM extent
WHERE reward = ?1 AND serial <= ?2 AND ?2 <= (SELECT serials FROM reward WHERE number = ?1)
ORDER BY serial DESC LIMIT 1"""
_EXTENTS = """
SELECT serial, seq FROM extent WHERE reward = ? AND serial BETWEEN ? AND ? ORDER BY serial"""
# What was added stands behind all that was moved: whoever is not behind the first of the former is
# behind one of the latter.
_SEQS = """
SELECT w.value + coalesce(
  (SELECT a.seq - a.serial FROM extent_added a
    WHERE a.reward = ?1 AND a.serial <= w.value ORDER BY a.serial DESC LIMIT 1),
  (SELECT m.seq - m.serial FROM extent_moved m
    WHERE m.reward = ?1 AND m.serial <= w.value ORDER BY m.serial DESC LIMIT 1))
FROM carray(?2) w WHERE w.value BETWEEN 1 AND (SELECT serials FROM reward WHERE number = ?1)"""
_SERIALS = "SELECT coalesce(max(serials), 0) FROM reward WHERE number = ?"


class Row(NamedTuple):
    """An incentive and the number of its row."""

    seq: int
    entry: LedgerEntry


def read_rows(db: apsw.Connection, seqs: Sequence[int]) -> list[Row]:
    """The incentives among the rows of these numbers, in the order of the numbers given."""
    if not seqs:
        return []
    return [_row(*row) for row in rows(db, _ROWS, (apsw.carray(array("q", seqs)),))]


def read_entry(db: apsw.Connection, place: Place) -> LedgerEntry | None:
    """One incentive, or None where the serial was never given."""
    row = read_row(db, place)
    return None if row is None else row.entry


def read_row(db: apsw.Connection, place: Place) -> Row | None:
    """One incentive with the number of its row, or None where the serial was never given."""
    seqs = [seq + place.serial - serial for serial, seq in rows(db, _EXTENT_OF, place)]
    return next(iter(read_rows(db, seqs)), None)


def read_entries(
    db: apsw.Connection, rewards: Sequence[int], after: Place | None, limit: int
) -> list[LedgerEntry]:
    """Incentives of these rewards (ascending numbers) by (reward, serial), beyond `after`."""
    seqs: list[int] = []
    for reward in rewards:
        if after is None or reward >= after.reward:
            first = after.serial + 1 if after is not None and after.reward == reward else 1
            seqs += seqs_of(db, reward, first, limit - len(seqs))
        if len(seqs) == limit:
            break
    return [row.entry for row in read_rows(db, seqs)]


def seqs_at(db: apsw.Connection, reward: int, serials: Sequence[int]) -> list[int]:
    """The numbers of the rows of some of a reward's serials, without those never given."""
    wanted = apsw.carray(array("q", serials))
    return [seq for (seq,) in rows(db, _SEQS, (reward, wanted))]


def seqs_of(db: apsw.Connection, reward: int, first: int, limit: int) -> list[int]:
    """The numbers of the rows of a reward's serials, ascending, from `first` on."""
    last = min(number(db, _SERIALS, (reward,)), first + limit - 1)
    if not 0 < first <= last:
        return []
    extents = rows(db, _EXTENT, (reward, first))
    extents += rows(db, _EXTENTS, (reward, first + 1, last))
    ends = [serial for serial, _ in extents[1:]] + [last + 1]
    return [
        seq + at - serial
        for (serial, seq), end in zip(extents, ends, strict=True)
        for at in range(max(serial, first), end)
    ]


def _row(seq: int, gone: int | None, gone_ms: int | None, *columns: Any) -> Row:  # noqa: ANN401 — SQL knows no types
    return Row(seq, entry_of(Issued(*columns), gone, gone_ms))
