"""What only the whole ledger can show: extents, code blocks, random codes, and who holds what."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import apsw
import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

from largesse.issuance.model import Violation
from largesse.storage.sqlite.fingerprint import Fingerprints, Scope, keyed
from largesse.storage.sqlite.holders import Holders
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.rows import Row, read_rows

_STRAY = """
SELECT j.reward, j.serial FROM journal j
WHERE j.kind = 1 AND j.seq > ? AND j.seq <= ? AND j.seq IS NOT (
  SELECT e.seq + j.serial - e.serial FROM extent e
  WHERE e.reward = j.reward AND e.serial <= j.serial ORDER BY e.serial DESC LIMIT 1)"""
_OVERLAPS = """
SELECT reward, place FROM (
  SELECT reward, place, lag(place + count) OVER (PARTITION BY pattern ORDER BY place) AS free
  FROM code_block) WHERE place < free
UNION ALL
SELECT b.reward, b.place FROM code_block b JOIN code_pattern p ON p.id = b.pattern
WHERE b.place + b.count > p.taken"""
_UNCODED = """
SELECT r.number, r.serials, count(*) FROM code c JOIN reward r ON r.number = c.reward
GROUP BY r.number HAVING count(*) <> r.serials"""
_HELD = """
SELECT seq, campaign, reward, customer, key FROM journal
WHERE kind = 1 AND seq > ? AND seq <= ?"""
_CAPS = """
SELECT c.number, v.version = c.version, v.definition ->> 'per_customer_max'
FROM campaign c JOIN campaign_version v ON v.campaign = c.number"""
_REWARD_CAPS = """
SELECT r.number, v.version = c.version, one.value ->> 'per_customer_max'
FROM campaign c JOIN campaign_version v ON v.campaign = c.number
JOIN json_each(v.definition, '$.rewards') one
JOIN reward r ON r.campaign = c.number AND r.key = one.value ->> 'key'"""

SUSPECTS_MAX = 10_000
"""Rows read for comparison: as many as show plainly that something is wrong."""


class _Held(NamedTuple):
    """A row, by what it is counted."""

    seq: int
    campaign: int
    reward: int
    customer: str
    key: str


class Caps(NamedTuple):
    """The highest cap that a campaign or a reward had in any version, where it has one now."""

    campaigns: Mapping[int, int]
    rewards: Mapping[int, int]


def read_caps(db: apsw.Connection) -> Caps:
    """The caps that no customer can ever have exceeded."""
    return Caps(_highest(rows(db, _CAPS)), _highest(rows(db, _REWARD_CAPS)))


def _highest(found: list[tuple[int, int, int | None]]) -> dict[int, int]:
    highest: dict[int, int] = {}
    for one, _, cap in found:
        highest[one] = max(highest.get(one, 0), cap or 0)
    capped = {one for one, current, cap in found if current and cap is not None}
    return {one: cap for one, cap in highest.items() if one in capped}


def find_strays(db: apsw.Connection, first: int, last: int) -> list[Violation]:
    """Rows that are not where the extents say."""
    return [
        Violation("extents", reward, f"serial {serial} is not where it should be")
        for reward, serial in rows(db, _STRAY, (first, last))
    ]


def check_codes(db: apsw.Connection) -> list[Violation]:
    """Places given twice, or never taken; units without their random code."""
    overlaps = [
        Violation("blocks", reward, f"place {place} is given twice")
        for reward, place in rows(db, _OVERLAPS)
    ]
    uncoded = [
        Violation("codes", reward, f"{serials} serials have {codes} codes")
        for reward, serials, codes in rows(db, _UNCODED)
    ]
    return overlaps + uncoded


class Census:
    """Who holds what by the rows alone, as hashes, to find whoever holds more than he may.

    16 bytes and a cap for each thing that a row is counted by; the rows themselves are read only
    where a hash occurs too often.
    """

    def __init__(self, holders: Holders, prints: Fingerprints, caps: Caps) -> None:
        self._holders = holders
        self._prints = prints
        self._caps = caps
        self._parts: list[npt.NDArray[np.uint64]] = []

    def add(self, db: apsw.Connection, first: int, last: int) -> list[Violation]:
        """Count the rows after `first` up to `last`; those that memory knows nothing of."""
        counted: list[tuple[int, int, int]] = []
        remembered: list[int] = []
        of_row: list[int] = []
        held = [_Held(*row) for row in rows(db, _HELD, (first, last))]
        for index, one in enumerate(held):
            by = self._counted_by(one)
            counted += [(print_, one.seq, cap) for print_, cap in by]
            # A campaign with a cap remembers by that alone.
            leads = by[1:2] if one.campaign in self._caps.campaigns else by
            remembered += [print_ for print_, _ in leads]
            of_row += [index] * len(leads)
        if counted:
            self._parts.append(np.array(counted, dtype=np.uint64))
        known = {at for at, _ in self._holders.find(remembered)}
        forgotten = {of_row[at] for at in range(len(remembered)) if at not in known}
        return [
            Violation("holders", held[index].reward, f"row {held[index].seq} is not remembered")
            for index in sorted(forgotten)
        ]

    def _counted_by(self, one: _Held) -> list[tuple[int, int]]:
        """The hashes that a row is counted by, each with how often it may occur: the key first."""
        seed, caps = self._prints.seed, self._caps
        customer = one.customer.encode()
        by = [(keyed(seed(Scope.KEY, one.campaign), one.customer, one.key), 1)]
        cap = caps.campaigns.get(one.campaign)
        if cap is not None:
            by.append((xxh3_64_intdigest(customer, seed(Scope.CAMPAIGN, one.campaign)), cap))
        of_reward = caps.rewards.get(one.reward)
        if of_reward is not None:
            by.append((xxh3_64_intdigest(customer, seed(Scope.REWARD, one.reward)), of_reward))
        return by

    def find_excess(self, db: apsw.Connection) -> list[Violation]:
        """Customers who hold more than their cap, and keys that were bound twice."""
        if not self._parts:
            return []
        counted = np.concatenate(self._parts)
        order = np.argsort(counted[:, 0], kind="stable")
        hashes, seqs, caps = counted[order].T
        starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
        sizes = np.diff(np.append(starts, len(hashes)))
        suspect = np.repeat(sizes > caps[starts].astype(np.int64), sizes)
        wanted = np.unique(seqs[suspect])[:SUSPECTS_MAX].tolist()
        return list(self._excess(read_rows(db, wanted)))

    def _excess(self, suspects: list[Row]) -> Iterator[Violation]:
        """Count exactly, by what the rows say; what was revoked is held no more."""
        held: Counter[tuple[str, int, str, str]] = Counter()
        for row in suspects:
            issued = row.entry.issued
            held["key", issued.campaign, issued.customer, issued.key] += 1
            if row.entry.revoked_at_ms is None:
                held["campaign", issued.campaign, issued.customer, ""] += 1
                held["reward", issued.reward, issued.customer, ""] += 1
        caps = {"campaign": self._caps.campaigns, "reward": self._caps.rewards}
        for (what, number, customer, _), count in held.items():
            cap = 1 if what == "key" else caps[what].get(number)
            if cap is not None and count > cap:
                reward = number if what == "reward" else 0
                detail = f"{customer!r} has {count} by {what} {number}, {cap} at most"
                yield Violation("holders", reward, detail)
