"""The memory of holders at a start: the sealed pieces, and the rows that came after them."""

from typing import Any, NamedTuple

import apsw

from largesse.campaigns.model import Reward
from largesse.issuance.model import Offer
from largesse.kernel.fact import FactKind
from largesse.storage.sqlite.campaigns import load_campaign
from largesse.storage.sqlite.fingerprint import Fingerprints, Scope, Ways
from largesse.storage.sqlite.holders import Holders, from_blobs
from largesse.storage.sqlite.known import Chain, look_up
from largesse.storage.sqlite.query import number, rows

ROWS_AT_ONCE = 1_024
"""Rows remembered together: their customers are looked up at once."""

_PIECES = "SELECT hashes, seqs FROM run ORDER BY first_seq"
_SEALED = "SELECT coalesce(max(last_seq), 0) FROM run"
_TAIL = """
SELECT seq, kind, campaign, reward, customer, key, detail FROM journal
WHERE seq > ? AND kind IN (1, 8) ORDER BY seq LIMIT ?"""


class _Written(NamedTuple):
    """A row of the journal whose holder is to be remembered."""

    seq: int
    campaign: int
    reward: int
    customer: str
    key: str


def restore(db: apsw.Connection, holders: Holders, prints: Fingerprints) -> None:
    """Fill the memory of holders from the file."""
    holders.load([from_blobs(hashes, seqs) for hashes, seqs in db.execute(_PIECES)])
    tail = _Tail(db, holders, prints)
    seq = number(db, _SEALED)
    while found := rows(db, _TAIL, (seq, ROWS_AT_ONCE)):
        tail.remember_draws([row for row in found if row[1] == FactKind.DRAW_MADE])
        tail.remember(
            [_Written(*row[:1], *row[2:6]) for row in found if row[1] != FactKind.DRAW_MADE]
        )
        seq = found[-1][0]


class _Tail:
    """The rows that no sealed piece has, in their order."""

    def __init__(self, db: apsw.Connection, holders: Holders, prints: Fingerprints) -> None:
        self._db = db
        self._holders = holders
        self._prints = prints
        self._ways: dict[int, Ways] = {}

    def remember(self, written: list[_Written]) -> None:
        """Work out the hashes of some rows as their writing did."""
        chains = [self._chain(row) for row in written]
        counts = self._count({chain for chain in chains if chain is not None})
        hashes: list[int] = []
        seqs: list[int] = []
        for row, chain in zip(written, chains, strict=True):
            ways = self._ways_of(row)
            if ways.by_key:
                hashes.append(ways.main(row.customer, row.key))
                seqs.append(row.seq)
            if chain is not None:
                counts[chain] += 1
                hashes.append(
                    self._prints.nth(chain.scope, chain.number, chain.customer, counts[chain])
                )
                seqs.append(row.seq)
        if seqs:
            self._holders.add(hashes, seqs, seqs[-1])

    def remember_draws(self, found: list[tuple[Any, ...]]) -> None:
        """Work out the hashes of some draws."""
        hashes: list[int] = []
        seqs: list[int] = []
        for seq, _, campaign, _, customer, key, detail in found:
            period, ordinal, _ = str(detail).split(" ", 2)
            hashes.append(self._prints.draw_key(campaign, customer, key))
            hashes.append(self._prints.of_period(campaign, int(period), customer, int(ordinal)))
            seqs += (seq, seq)
        if seqs:
            self._holders.add(hashes, seqs, seqs[-1])

    def _chain(self, row: _Written) -> Chain | None:
        """The ordinals that a row is counted by, if any."""
        ways = self._ways_of(row)
        if not ways.by_key:
            first = ways.main(row.customer, row.key)
            return Chain(first, Scope.CAMPAIGN, row.campaign, row.customer)
        of_reward = ways.of_reward(row.customer)
        if of_reward is None:
            return None
        return Chain(of_reward, Scope.REWARD, row.reward, row.customer)

    def _count(self, chains: set[Chain]) -> dict[Chain, int]:
        """How many of each chain are remembered already."""
        asked = list(chains)
        known = look_up(
            self._db, self._holders, self._prints, [one.first for one in asked], asked.__getitem__
        )
        return {
            chain: sum(chain.has(entry.issued) for entry in known.get(chain.first, ()))
            for chain in asked
        }

    def _ways_of(self, row: _Written) -> Ways:
        ways = self._ways.get(row.reward)
        if ways is None:
            campaign = load_campaign(self._db, row.campaign)
            assert campaign is not None, "a campaign that issued is never taken away"
            definitions = {reward.number: reward.definition for reward in campaign.rewards}
            reward = Reward(row.reward, definitions[row.reward])
            ways = self._ways[row.reward] = self._prints.ways(Offer(campaign, reward, 0))
        return ways
