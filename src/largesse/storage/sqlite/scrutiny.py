"""What only the whole ledger can show: extents, code blocks, random codes, and who holds what."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import apsw
import numpy as np
from xxhash import xxh3_64_intdigest

from largesse.issuance.model import Violation
from largesse.storage.sqlite.fingerprint import Fingerprints, Scope
from largesse.storage.sqlite.holders import Hashes, Holders
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.rows import read_rows

_STRAY = """
SELECT j.reward, j.serial FROM journal j
WHERE j.kind = 1 AND j.seq > ? AND j.seq <= ? AND j.seq IS NOT coalesce(
  (SELECT e.seq + j.serial - e.serial FROM extent_added e
    WHERE e.reward = j.reward AND e.serial <= j.serial ORDER BY e.serial DESC LIMIT 1),
  (SELECT e.seq + j.serial - e.serial FROM extent_moved e
    WHERE e.reward = j.reward AND e.serial <= j.serial ORDER BY e.serial DESC LIMIT 1))"""
_OVERLAPS = """
WITH block AS (
  SELECT pattern, reward, place, count FROM code_block
  UNION ALL SELECT pattern, reward, place, count FROM code_pool WHERE place IS NOT NULL)
SELECT reward, place FROM (
  SELECT reward, place, lag(place + count) OVER (PARTITION BY pattern ORDER BY place) AS free
  FROM block) WHERE place < free
UNION ALL
SELECT b.reward, b.place FROM block b JOIN code_pattern p ON p.id = b.pattern
WHERE b.place + b.count > p.taken"""
_UNCODED = """
SELECT r.number, r.serials, count(*) FROM code c JOIN reward r ON r.number = c.reward
WHERE c.pool IS NULL GROUP BY r.number HAVING count(*) <> r.serials"""
_UNPOOLED = """
SELECT p.reward, p.number, p.count, count(c.serial)
FROM code_pool p LEFT JOIN code c ON c.pool = p.number
WHERE p.place IS NULL AND p.status = 'READY' GROUP BY p.number HAVING count(c.serial) <> p.count"""
_RESERVED = """
SELECT r.number, r.reserved, coalesce(sum(p.count), 0) AS pooled
FROM reward r LEFT JOIN code_pool p ON p.reward = r.number AND p.status <> 'DELETED'
GROUP BY r.number HAVING pooled <> r.reserved"""
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
    """Places given twice, or never taken; units without their random code; pools without units."""
    overlaps = [
        Violation("blocks", reward, f"place {place} is given twice")
        for reward, place in rows(db, _OVERLAPS)
    ]
    uncoded = [
        Violation("codes", reward, f"{serials} serials have {codes} codes")
        for reward, serials, codes in rows(db, _UNCODED)
    ]
    unpooled = [
        Violation("pools", reward, f"pool {pool} of {count} has {codes} codes")
        for reward, pool, count, codes in rows(db, _UNPOOLED)
    ]
    reserved = [
        Violation("reserved", reward, f"the counter says {counted}, the pools say {pooled}")
        for reward, counted, pooled in rows(db, _RESERVED)
    ]
    return overlaps + uncoded + unpooled + reserved


class Census:
    """Who holds what by the rows alone, to find whoever holds more than he may.

    It keeps 8 bytes for each thing that a row is counted by. Where a hash occurs too often, the
    rows that bear it are looked for again and compared.
    """

    def __init__(self, holders: Holders, prints: Fingerprints, caps: Caps) -> None:
        self._holders = holders
        self._prints = prints
        self._caps = caps
        self._counted: dict[int, list[Hashes]] = {}
        self._suspects: Hashes = np.empty(0, dtype=np.uint64)

    def add(self, db: apsw.Connection, first: int, last: int) -> list[Violation]:
        """Count the rows after `first` up to `last`; those that memory knows nothing of."""
        forgotten = []
        for part in _read_parts(db, first, last):
            prints = self._prints_of(part)
            for cap, hashes in prints:
                self._counted.setdefault(cap, []).append(hashes)
            known = np.ones(len(part), dtype=bool)
            for _, hashes in prints if part[0].campaign not in self._caps.campaigns else prints[:1]:
                known &= self._holders.knows(hashes)
            forgotten += [part[at] for at in np.flatnonzero(~known).tolist()]
        return [
            Violation("holders", one.reward, f"row {one.seq} is not remembered")
            for one in forgotten
        ]

    def suspects(self) -> int:
        """How many hashes occur more often than their cap. Ends the counting."""
        found = []
        for cap, parts in self._counted.items():
            hashes = np.concatenate(parts)
            parts.clear()
            hashes.sort()
            found.append(hashes[cap:][hashes[cap:] == hashes[:-cap]])
        self._counted.clear()
        self._suspects = np.unique(np.concatenate(found)) if found else self._suspects
        return len(self._suspects)

    def pick(self, db: apsw.Connection, first: int, last: int) -> list[int]:
        """The rows after `first` up to `last` that bear a hash which occurs too often."""
        seqs = []
        for part in _read_parts(db, first, last):
            suspect = np.zeros(len(part), dtype=bool)
            for _, hashes in self._prints_of(part):
                suspect |= np.isin(hashes, self._suspects)
            seqs += [part[at].seq for at in np.flatnonzero(suspect).tolist()]
        return seqs

    def excess(self, db: apsw.Connection, seqs: Sequence[int]) -> list[Violation]:
        """Count some rows exactly, by what they say; what was revoked is held no more."""
        held: Counter[tuple[str, int, str, str]] = Counter()
        for row in read_rows(db, seqs[:SUSPECTS_MAX]):
            issued = row.entry.issued
            held["key", issued.campaign, issued.customer, issued.key] += 1
            if row.entry.revoked_at_ms is None:
                held["campaign", issued.campaign, issued.customer, ""] += 1
                held["reward", issued.reward, issued.customer, ""] += 1
        caps = {"campaign": self._caps.campaigns, "reward": self._caps.rewards}
        found = []
        for (what, number, customer, _), count in held.items():
            cap = 1 if what == "key" else caps[what].get(number)
            if cap is not None and count > cap:
                detail = f"{customer!r} has {count} by {what} {number}, {cap} at most"
                found.append(Violation("holders", number if what == "reward" else 0, detail))
        return found

    def _prints_of(self, part: Sequence[_Held]) -> list[tuple[int, Hashes]]:
        """What rows of one reward are counted by: hashes, and how often one may occur.

        What the rows are found by in memory comes first. Where a customer may hold one, his keys
        need no counting of their own.
        """
        seed, one = self._prints.seed, part[0]
        customers = [row.customer.encode() for row in part]
        prints = []
        cap = self._caps.campaigns.get(one.campaign)
        if cap is not None:
            prints.append((cap, _hash(customers, seed(Scope.CAMPAIGN, one.campaign))))
        if cap != 1:
            names = [b"%s\0%s" % (row.customer.encode(), row.key.encode()) for row in part]
            prints.append((1, _hash(names, seed(Scope.KEY, one.campaign))))
        of_reward = self._caps.rewards.get(one.reward)
        if of_reward is not None:
            prints.append((of_reward, _hash(customers, seed(Scope.REWARD, one.reward))))
        return prints


def _read_parts(db: apsw.Connection, first: int, last: int) -> list[list[_Held]]:
    """The rows after `first` up to `last`, those of each reward together."""
    parts: dict[int, list[_Held]] = {}
    for row in rows(db, _HELD, (first, last)):
        held = _Held(*row)
        parts.setdefault(held.reward, []).append(held)
    return list(parts.values())


def _hash(names: Sequence[bytes], seed: int) -> Hashes:
    return np.array([xxh3_64_intdigest(name, seed) for name in names], dtype=np.uint64)
