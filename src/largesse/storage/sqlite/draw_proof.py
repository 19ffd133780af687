"""Whether the draws add up: numbers without gaps, each customer's once, each win an incentive."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import apsw
import numpy as np

from largesse.issuance.model import Violation
from largesse.storage.sqlite.draw_rows import read_detail, read_draws
from largesse.storage.sqlite.fingerprint import Fingerprints
from largesse.storage.sqlite.holders import Hashes, Holders
from largesse.storage.sqlite.query import rows

_NUMBERS = """
SELECT campaign, count(*), min(draw), max(draw), count(DISTINCT draw)
FROM journal WHERE kind = 8 AND seq > ? AND seq <= ? GROUP BY campaign"""
_BOOKS = "SELECT campaign, draws FROM draw_book"
_STRAY = """
SELECT j.campaign, j.draw FROM journal j
WHERE j.kind = 8 AND j.seq > ? AND j.seq <= ? AND j.seq IS NOT (
  SELECT e.seq + j.draw - e.draw FROM draw_extent e
  WHERE e.campaign = j.campaign AND e.draw <= j.draw ORDER BY e.draw DESC LIMIT 1)"""
_UNWON = """
SELECT d.campaign, d.draw FROM journal d
LEFT JOIN journal i ON i.seq = coalesce(
  (SELECT e.seq + d.serial - e.serial FROM extent_added e
    WHERE e.reward = d.reward AND e.serial <= d.serial ORDER BY e.serial DESC LIMIT 1),
  (SELECT e.seq + d.serial - e.serial FROM extent_moved e
    WHERE e.reward = d.reward AND e.serial <= d.serial ORDER BY e.serial DESC LIMIT 1))
WHERE d.kind = 8 AND d.reward IS NOT NULL AND d.seq > ? AND d.seq <= ?
  AND (i.kind IS NOT 1 OR i.reward IS NOT d.reward OR i.serial IS NOT d.serial
    OR i.customer IS NOT d.customer OR i.key IS NOT d.key OR i.campaign IS NOT d.campaign)"""
_MADE = """
SELECT seq, campaign, customer, key, detail FROM journal
WHERE kind = 8 AND seq > ? AND seq <= ?"""

SUSPECTS_MAX = 10_000
"""Rows read for comparison: as many as show plainly that something is wrong."""

Made = dict[int, int]
"""How many draws of each campaign have been counted."""


def read_books(db: apsw.Connection) -> Made:
    """How many draws each campaign says that it has made."""
    return dict(rows(db, _BOOKS))


def count_made(db: apsw.Connection, made: Made, first: int, last: int) -> list[Violation]:
    """Count the draws among the rows after `first` up to `last`; gaps in their numbers."""
    wrong = []
    for campaign, count, lowest, highest, distinct in rows(db, _NUMBERS, (first, last)):
        before = made.get(campaign, 0)
        if (lowest, highest, distinct) != (before + 1, before + count, count):
            detail = f"draws {lowest} to {highest} of campaign {campaign} have gaps"
            wrong.append(Violation("draw_numbers", 0, detail))
        made[campaign] = before + count
    return wrong


def compare_books(made: Mapping[int, int], books: Mapping[int, int]) -> Iterator[Violation]:
    """Hold what the books say against the counted rows."""
    for campaign in made.keys() | books.keys():
        said, counted = books.get(campaign, 0), made.get(campaign, 0)
        if said != counted:
            detail = f"campaign {campaign} says that it made {said} draws, the rows say {counted}"
            yield Violation("draws", 0, detail)


def find_astray(db: apsw.Connection, first: int, last: int) -> list[Violation]:
    """Draws that are not where the extents say, and wins that no incentive stands for."""
    wrong = [
        Violation(
            "draw_extents", 0, f"draw {draw} of campaign {campaign} is not where it should be"
        )
        for campaign, draw in rows(db, _STRAY, (first, last))
    ]
    return wrong + [
        Violation("wins", 0, f"what draw {draw} of campaign {campaign} won was not given")
        for campaign, draw in rows(db, _UNWON, (first, last))
    ]


class DrawCensus:
    """Who drew when, by the rows alone, to find whoever drew twice where once was his.

    It keeps 16 bytes for each draw: a hash of (campaign, customer, key), and one of (campaign,
    period, customer, ordinal). Neither may occur twice; where one does, the rows are compared.
    """

    def __init__(self, holders: Holders, prints: Fingerprints) -> None:
        self._holders = holders
        self._prints = prints
        self._parts: list[Hashes] = []
        self._doubled: Hashes = np.empty(0, dtype=np.uint64)

    def add(self, db: apsw.Connection, first: int, last: int) -> list[Violation]:
        """Count the rows after `first` up to `last`; those that memory knows nothing of."""
        found = rows(db, _MADE, (first, last))
        if not found:
            return []
        hashes = self._hashes(found)
        self._parts.append(hashes.ravel())
        known = self._holders.knows(hashes[:, 0]) & self._holders.knows(hashes[:, 1])
        return [
            Violation("holders", 0, f"draw in row {found[at][0]} is not remembered")
            for at in np.flatnonzero(~known).tolist()
        ]

    def suspects(self) -> int:
        """How many hashes occur twice. Ends the counting."""
        if self._parts:
            hashes = np.sort(np.concatenate(self._parts))
            self._doubled = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
            self._parts.clear()
        return len(self._doubled)

    def pick(self, db: apsw.Connection, first: int, last: int) -> list[int]:
        """The rows after `first` up to `last` that bear a hash which occurs twice."""
        found = rows(db, _MADE, (first, last))
        if not found:
            return []
        suspect = np.isin(self._hashes(found), self._doubled).any(axis=1)
        return [found[at][0] for at in np.flatnonzero(suspect).tolist()]

    @staticmethod
    def excess(db: apsw.Connection, seqs: list[int]) -> list[Violation]:
        """Compare some rows by what they say."""
        held: Counter[tuple[object, ...]] = Counter()
        for drawn in read_draws(db, seqs[:SUSPECTS_MAX]).values():
            who = (drawn.campaign, drawn.customer)
            held["key", *who, drawn.key] += 1
            held["period", *who, drawn.period, drawn.ordinal] += 1
        return [
            Violation("draws", 0, f"campaign {campaign}: {customer!r} drew {count} times by {what}")
            for (what, campaign, customer, *_), count in held.items()
            if count > 1
        ]

    def _hashes(self, found: list[tuple[Any, ...]]) -> Hashes:
        """Both hashes of some rows."""
        hashes = np.empty((len(found), 2), dtype=np.uint64)
        for at, (_, campaign, customer, key, detail) in enumerate(found):
            period, ordinal, _, _ = read_detail(detail)
            nth = self._prints.of_period(campaign, period, customer, ordinal)
            hashes[at] = self._prints.draw_key(campaign, customer, key), nth
        return hashes
