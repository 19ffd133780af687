"""What the rows of the journal mean."""

from largesse.issuance.model import Issued, LedgerEntry
from largesse.kernel.fact import FactKind


def entry_of(issued: Issued, ended: int | None, at_ms: int | None) -> LedgerEntry:
    """An incentive by its row and by the kind and time of the fact that ended it, if any."""
    return LedgerEntry(
        issued,
        expired_at_ms=at_ms if ended == FactKind.INCENTIVE_EXPIRED else None,
        revoked_at_ms=at_ms if ended == FactKind.INCENTIVE_REVOKED else None,
        redeemed_at_ms=at_ms if ended == FactKind.INCENTIVE_REDEEMED else None,
    )
