"""Where the codes of new incentives come from: blocks of a pattern's counter, or randomness."""

from msgspec.structs import replace

from largesse.campaigns.decide import codes_missing
from largesse.campaigns.model import Campaign, CodeBlock, CodeSource, Counters, Reward
from largesse.issuance.codebook import AHEAD
from largesse.issuance.model import Place
from largesse.issuance.ports import RandomCodes
from largesse.issuance.spaces import pattern_of
from largesse.storage.postgres.campaigns import PostgresCampaignRecords
from largesse.storage.postgres.transaction import Transaction

RANDOM_TRIES_MAX = 16
"""Codes made at random for one unit: in a space filled by half, one in 65,536 units needs more."""

_BLOCK = """
SELECT serial, place, count FROM code_block
WHERE reward = %(reward)s AND serial <= %(serial)s AND %(serial)s < serial + count"""
_COVERED = "SELECT coalesce(sum(count), 0)::bigint FROM code_block WHERE reward = %s"
_ADD_CODE = """
INSERT INTO code (tenant, canonical, reward, serial) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING 1"""


def block_of_next(
    transaction: Transaction, campaign: Campaign, reward: Reward, counters: Counters
) -> CodeBlock | None:
    """The block in which a reward's next serial lies, taken now where it has none.

    None where the pattern has no place left. What an edit or a revoke made necessary is taken
    exactly; a reward without a quota takes as many as are written ahead.
    """
    wanted = {"reward": reward.number, "serial": counters.serials + 1}
    row = transaction.row(_BLOCK, wanted)
    if row is not None:
        return CodeBlock(*row)
    assert reward.definition.code is not None
    pattern = pattern_of(reward.definition.code)
    records = PostgresCampaignRecords(transaction)
    source = CodeSource.PERMUTED.value
    state = records.add_pattern(campaign.tenant, pattern.canonical_text, source)
    covered = transaction.number(_COVERED, (reward.number,))
    missing = codes_missing(replace(reward, counters=counters), covered) or AHEAD
    count = min(missing, pattern.space - state.taken)
    return records.take_block(state.id, reward.number, count) if count > 0 else None


def random_code(
    transaction: Transaction, codes: RandomCodes, campaign: Campaign, place: Place
) -> str | None:
    """A code that the tenant never had, kept for a serial; None after too many that it had."""
    for _ in range(RANDOM_TRIES_MAX):
        [(shown, canonical)] = codes(campaign, place.reward, 1)
        if transaction.row(_ADD_CODE, (campaign.tenant, canonical, *place)) is not None:
            return shown
    return None
