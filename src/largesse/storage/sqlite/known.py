"""What the ledger knows of some customers: found in memory, compared with the rows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import apsw

from largesse.issuance.model import Issued, LedgerEntry
from largesse.storage.sqlite.fingerprint import Fingerprints, Scope
from largesse.storage.sqlite.holders import Holders
from largesse.storage.sqlite.rows import read_rows

AT_ONCE_MAX = 64
"""Ordinals of one customer looked up at a time: who holds thousands needs few rounds."""


class Chain(NamedTuple):
    """A customer's incentives in a campaign or of a reward, counted by an ordinal.

    `first` is the hash of the 1st; the 2nd, 3rd … follow from the rest.
    """

    first: int
    scope: Scope
    number: int
    customer: str

    def has(self, issued: Issued) -> bool:
        """Whether a row that bears one of the hashes is really one of these."""
        about = issued.campaign if self.scope is Scope.CAMPAIGN else issued.reward
        return about == self.number and issued.customer == self.customer


R = TypeVar("R")
Known = dict[int, list[R]]
"""By the hash that was asked for, every row that may be meant, in the order they were written.

Different things may share a hash, so whoever uses a row compares what it is about.
"""


def look_up(
    db: apsw.Connection,
    holders: Holders,
    prints: Fingerprints,
    hashes: Sequence[int],
    chain_of: Callable[[int], Chain | None],
) -> Known[LedgerEntry]:
    """The rows behind some hashes and, where a hash begins a chain, behind the rest of it.

    `chain_of` tells the chain that the hash at an index begins, if any. Hashes that lead nowhere
    are left out, and cost nothing but the look-up in memory.
    """
    seqs: dict[int, set[int]] = {}
    chains: set[Chain] = set()
    for index, seq in holders.find(hashes):
        seqs.setdefault(hashes[index], set()).add(seq)
        chain = chain_of(index)
        if chain is not None:
            chains.add(chain)
    if not seqs:
        return {}
    _follow(holders, prints, list(chains), seqs)
    wanted = sorted(set().union(*seqs.values()))
    entries = {row.seq: row.entry for row in read_rows(db, wanted)}
    return {
        one: [entries[seq] for seq in sorted(found) if seq in entries]
        for one, found in seqs.items()
    }


def _follow(
    holders: Holders, prints: Fingerprints, live: list[Chain], seqs: dict[int, set[int]]
) -> None:
    """Find the 2nd, 3rd … of each customer, in steps that double, until one is not there."""
    nth, width = 2, 1
    while live:
        ordinals = range(nth, nth + width)
        probes = [
            prints.nth(chain.scope, chain.number, chain.customer, one)
            for chain in live
            for one in ordinals
        ]
        there = set()
        for index, seq in holders.find(probes):
            there.add(index)
            seqs[live[index // width].first].add(seq)
        live = [
            chain
            for at, chain in enumerate(live)
            if there.issuperset(range(at * width, (at + 1) * width))
        ]
        nth, width = nth + width, min(2 * width, AT_ONCE_MAX)
