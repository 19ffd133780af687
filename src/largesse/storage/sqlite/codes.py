"""Where the codes of new incentives come from: blocks of a pattern's counter, or randomness."""

import apsw
from msgspec.structs import replace

from largesse.campaigns.decide import codes_missing
from largesse.campaigns.model import Campaign, CodeBlock, CodeSource, Counters, Reward
from largesse.issuance.codebook import AHEAD
from largesse.issuance.ports import RandomCodes
from largesse.issuance.spaces import pattern_of
from largesse.storage.sqlite.campaigns import SQLiteCampaignRecords
from largesse.storage.sqlite.query import number
from largesse.storage.sqlite.transaction import Transaction

RANDOM_TRIES_MAX = 16
"""Codes made at random for one unit: in a space filled by half, one in 65,536 units needs more."""

_BLOCK = """
SELECT serial, place, count FROM code_block
WHERE reward = ?1 AND serial <= ?2 AND ?2 < serial + count"""
_COVERED = "SELECT coalesce(sum(count), 0) FROM code_block WHERE reward = ?"
_ADD_CODE = """
INSERT INTO code (tenant, canonical, reward, serial) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"""


def block_of_next(
    transaction: Transaction, campaign: Campaign, reward: Reward, counters: Counters
) -> CodeBlock | None:
    """The block in which a reward's next serial lies, taken now where it has none.

    None where the pattern has no place left. What an edit or a revoke made necessary is taken
    exactly; a reward without a quota takes as many as are written ahead.
    """
    row = transaction.db.execute(_BLOCK, (reward.number, counters.serials + 1)).fetchone()
    if row is not None:
        return CodeBlock(*row)
    assert reward.definition.code is not None
    pattern = pattern_of(reward.definition.code)
    records = SQLiteCampaignRecords(transaction)
    source = CodeSource.PERMUTED.value
    state = records.add_pattern(campaign.tenant, pattern.canonical_text, source)
    covered = number(transaction.db, _COVERED, (reward.number,))
    wanted = codes_missing(replace(reward, counters=counters), covered) or AHEAD
    count = min(wanted, pattern.space - state.taken)
    return records.take_block(state.id, reward.number, count) if count > 0 else None


def random_code(
    db: apsw.Connection, codes: RandomCodes, campaign: Campaign, reward: int, serial: int
) -> str | None:
    """A code that the tenant never had, kept for a serial; None after too many that it had."""
    for _ in range(RANDOM_TRIES_MAX):
        [(shown, canonical)] = codes(campaign, reward, 1)
        db.execute(_ADD_CODE, (campaign.tenant, canonical, reward, serial))
        if db.changes():
            return shown
    return None
