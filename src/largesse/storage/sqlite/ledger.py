"""Single incentives inside one transaction of an SQLite file."""

from largesse.campaigns.model import Campaign, Counters
from largesse.issuance import decide
from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.kernel.fact import AuditEntry, FactKind
from largesse.storage.sqlite import audit
from largesse.storage.sqlite.campaigns import load_version
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.rows import read_row
from largesse.storage.sqlite.transaction import Transaction

_COUNTERS = "SELECT issued, reserved, serials, day, issued_day FROM reward WHERE number = ?"

# Relative to the very counters that were read: anything that came between makes it no row.
_GIVE_BACK = """
UPDATE reward SET issued = :issued, issued_day = :issued_day
WHERE number = :reward AND serials = :serials AND day = :day
  AND issued = :issued + 1 AND issued_day - :issued_day IN (0, 1)"""


class SQLiteLedgerRecords:
    """See `LedgerRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._db = transaction.db
        self._seqs: dict[Place, int] = {}

    def entry(self, place: Place) -> LedgerEntry | None:
        """See `LedgerRecords`."""
        row = read_row(self._db, place)
        if row is None:
            return None
        self._seqs[place] = row.seq
        return row.entry

    def campaign_at(self, campaign: int, version: int) -> Campaign:
        """See `LedgerRecords`."""
        found = load_version(self._db, campaign, version)
        assert found is not None
        return found

    def revoke(self, issued: Issued, at_ms: int) -> None:
        """See `LedgerRecords`. A unique key of the journal keeps an incentive from ending twice."""
        self._end(FactKind.INCENTIVE_REVOKED, issued, at_ms)
        counters = Counters(*rows(self._db, _COUNTERS, (issued.reward,))[0])
        zone = self.campaign_at(issued.campaign, issued.version).definition.time_zone
        left = decide.give_back(counters, zone, issued.at_ms)
        self._db.execute(
            _GIVE_BACK,
            {
                "reward": issued.reward,
                "issued": left.issued,
                "issued_day": left.issued_day,
                "serials": left.serials,
                "day": left.day,
            },
        )
        assert self._db.changes() == 1
        self._transaction.touch_campaign(issued.campaign)

    def audit(self, entry: AuditEntry) -> None:
        """See `LedgerRecords`."""
        audit.add_entry(self._db, entry)

    def _end(self, kind: FactKind, issued: Issued, at_ms: int) -> None:
        place = Place(issued.reward, issued.serial)
        if place not in self._seqs:
            assert self.entry(place) is not None
        self._transaction.tell_of(kind, at_ms, self._seqs[place], issued)
