"""The rows of incentives in the journal."""

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString, NamedTuple

from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.storage.columns.ledger import entry_of
from largesse.storage.postgres.transaction import Transaction, exactly

# A later fact that ended the incentive: a unique key lets there be one at most, and the limit has
# it looked for by that key, one incentive after another. The place of its code in the counter
# follows from the block that its serial lies in.
ENTRY: LiteralString = """
  j.campaign, j.reward, j.serial, j.customer, j.key, j.at_ms, j.version,
  (SELECT b.place + j.serial - b.serial FROM code_block b
    WHERE b.reward = j.reward AND b.serial <= j.serial ORDER BY b.serial DESC LIMIT 1) AS place,
  j.detail, gone.kind AS gone, gone.at_ms AS gone_ms"""
GONE: LiteralString = f"""
LEFT JOIN LATERAL (SELECT g.kind, g.at_ms FROM journal g
  WHERE g.part = j.part AND g.reward = j.reward AND {exactly("g.serial", "j.serial")}
    AND g.kind IN (2, 4, 5)
  ORDER BY g.serial LIMIT 1) gone ON true"""

_OF_REWARD: LiteralString = f"""
SELECT {ENTRY}
FROM reward r JOIN campaign c ON c.number = r.campaign
JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = c.part AND j.reward = r.number AND j.kind = 1 AND j.serial >= %s
  ORDER BY j.serial LIMIT %s) j ON true {GONE}
WHERE r.number = %s ORDER BY j.serial"""

_AT: LiteralString = f"""
SELECT {ENTRY}
FROM unnest(%s::bigint[], %s::bigint[]) AS w (reward, serial)
JOIN reward r ON r.number = w.reward JOIN campaign c ON c.number = r.campaign
JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = c.part AND j.reward = w.reward AND j.kind = 1 AND {exactly("j.serial", "w.serial")}
  ORDER BY j.serial LIMIT 1) j ON true {GONE}"""


class Span(NamedTuple):
    """Some serials of a reward: so many at most, from `first` on."""

    reward: int
    first: int
    limit: int


def read_span(transaction: Transaction, span: Span) -> list[LedgerEntry]:
    """The incentives of a reward from a serial on, ascending."""
    if span.limit <= 0:
        return []
    found = transaction.rows(_OF_REWARD, (span.first, span.limit, span.reward))
    return [to_entry(*row) for row in found]


def read_entry(transaction: Transaction, place: Place) -> LedgerEntry | None:
    """One incentive, or None where the serial was never given."""
    found = read_span(transaction, Span(place.reward, place.serial, 1))
    return next((one for one in found if one.issued.serial == place.serial), None)


def read_at(transaction: Transaction, places: Sequence[Place]) -> list[LedgerEntry]:
    """The incentives at some places, in no order, without those never given."""
    if not places:
        return []
    rewards, serials = [place.reward for place in places], [place.serial for place in places]
    return [to_entry(*row) for row in transaction.rows(_AT, (rewards, serials))]


def read_entries(
    transaction: Transaction, rewards: Sequence[int], after: Place | None, limit: int
) -> list[LedgerEntry]:
    """Incentives of these rewards (ascending numbers) by (reward, serial), beyond `after`."""
    entries: list[LedgerEntry] = []
    for span in _spans(rewards, after):
        entries += read_span(transaction, Span(*span, limit - len(entries)))
        if len(entries) == limit:
            break
    return entries


def to_entry(*columns: Any) -> LedgerEntry:  # noqa: ANN401 — SQL knows no types
    """An incentive from the columns of `ENTRY`."""
    *issued, gone, gone_ms = columns
    return entry_of(Issued(*issued), gone, gone_ms)


def _spans(rewards: Sequence[int], after: Place | None) -> Iterable[tuple[int, int]]:
    """Where to begin in each reward."""
    for reward in rewards:
        if after is None or reward > after.reward:
            yield reward, 1
        elif reward == after.reward:
            yield reward, after.serial + 1
