"""Single incentives inside one transaction of PostgreSQL."""

from collections.abc import Sequence
from typing import LiteralString

from largesse.campaigns.model import Campaign, Counters
from largesse.issuance import decide
from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.kernel.fact import AuditEntry, FactKind
from largesse.storage.postgres import audit
from largesse.storage.postgres.campaigns import load_version
from largesse.storage.postgres.rows import read_entry
from largesse.storage.postgres.transaction import Transaction
from largesse.storage.postgres.trips import columns

_COUNTERS = "SELECT issued, reserved, serials, day, issued_day FROM reward WHERE number = %s"

# Relative to the very counters that were read: anything that came between makes it no row.
_GIVE_BACK = """
UPDATE reward SET issued = %(issued)s, issued_day = %(issued_day)s
WHERE number = %(reward)s AND serials = %(serials)s AND day = %(day)s
  AND issued = %(issued)s + 1 AND issued_day - %(issued_day)s IN (0, 1)"""

# With how many draws the campaign had made by then: its reward is held, so that none is under way.
END: LiteralString = """
INSERT INTO journal (part, tenant, kind, at_ms, campaign, reward, serial, version, draw)
SELECT c.part, c.tenant, %s, %s, c.number, %s, %s, %s,
  (SELECT b.draws FROM draw_book b WHERE b.campaign = c.number)
FROM campaign c WHERE c.number = %s"""


def end(transaction: Transaction, kind: FactKind, at_ms: int, issued: Issued) -> None:
    """Write the fact that ends an incentive; a unique key keeps it from ending twice."""
    about = (issued.reward, issued.serial, issued.version, issued.campaign)
    transaction.execute(END, (int(kind), at_ms, *about))


# In the order of the arrays: so `seq` ascends with the wishes.
_USE: LiteralString = """
INSERT INTO journal (part, tenant, kind, at_ms, campaign, reward, serial, version, draw)
SELECT c.part, c.tenant, 2, w.at_ms, c.number, w.reward, w.serial, w.version,
  (SELECT b.draws FROM draw_book b WHERE b.campaign = c.number)
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::integer[])
  WITH ORDINALITY AS w (at_ms, campaign, reward, serial, version, n)
JOIN campaign c ON c.number = w.campaign ORDER BY w.n"""


def use(transaction: Transaction, uses: Sequence[tuple[Issued, int]]) -> None:
    """Write the facts that coupons of one tenant were used, each at its moment; see `end`."""
    rows = [(at_ms, one.campaign, one.reward, one.serial, one.version) for one, at_ms in uses]
    done = transaction.execute(_USE, columns(rows))
    assert done.rowcount == len(uses)


class PostgresLedgerRecords:
    """See `LedgerRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def entry(self, place: Place) -> LedgerEntry | None:
        """See `LedgerRecords`. Its reward is held first, so that nothing ends it meanwhile."""
        self._transaction.hold_reward(place.reward)
        return read_entry(self._transaction, place)

    def campaign_at(self, campaign: int, version: int) -> Campaign:
        """See `LedgerRecords`."""
        found = load_version(self._transaction, campaign, version)
        assert found is not None
        return found

    def revoke(self, issued: Issued, at_ms: int) -> None:
        """See `LedgerRecords`."""
        self._transaction.hold_reward(issued.reward)
        end(self._transaction, FactKind.INCENTIVE_REVOKED, at_ms, issued)
        counters = Counters(*self._transaction.row(_COUNTERS, (issued.reward,)))
        zone = self.campaign_at(issued.campaign, issued.version).definition.time_zone
        left = decide.give_back(counters, zone, issued.at_ms)
        done = self._transaction.execute(
            _GIVE_BACK,
            {
                "reward": issued.reward,
                "issued": left.issued,
                "issued_day": left.issued_day,
                "serials": left.serials,
                "day": left.day,
            },
        )
        assert done.rowcount == 1

    def audit(self, entry: AuditEntry) -> None:
        """See `LedgerRecords`."""
        audit.add_entry(self._transaction, entry)
