"""Single incentives in this process."""

from largesse.campaigns.model import Campaign
from largesse.issuance import decide
from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.kernel.fact import AuditEntry, FactKind
from largesse.storage.columns.ledger import entry_of
from largesse.storage.memory.state import Fact, MemoryState


class MemoryLedgerRecords:
    """See `LedgerRecords`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def entry(self, place: Place) -> LedgerEntry | None:
        """See `LedgerRecords`."""
        return self._state.entries.get(place)

    def campaign_at(self, campaign: int, version: int) -> Campaign:
        """See `LedgerRecords`."""
        found = self._state.campaign(campaign, version)
        assert found is not None
        return found

    def revoke(self, issued: Issued, at_ms: int) -> None:
        """See `LedgerRecords`."""
        state = self._state
        end(state, issued, FactKind.INCENTIVE_REVOKED, at_ms)
        zone = self.campaign_at(issued.campaign, issued.version).definition.time_zone
        counters = state.counters[issued.reward]
        state.counters[issued.reward] = decide.give_back(counters, zone, issued.at_ms)
        state.touched.add(issued.campaign)

    def audit(self, entry: AuditEntry) -> None:
        """See `LedgerRecords`."""
        self._state.audit.append(entry)


def end(state: MemoryState, issued: Issued, kind: FactKind, at_ms: int) -> None:
    """Write the fact that ends an incentive, once."""
    place = Place(issued.reward, issued.serial)
    entry = state.entries[place]
    assert entry == LedgerEntry(entry.issued), "an incentive ends once"
    state.entries[place] = entry_of(entry.issued, kind, at_ms)
    state.facts.append(Fact(kind, at_ms, issued.campaign, issued.version, place))
