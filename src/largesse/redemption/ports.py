"""What redemption asks of the world."""

from typing import Protocol

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.kernel.command import Transactions


class RedemptionRecords(Protocol):
    """Single coupons inside one transaction."""

    def entry(self, place: Place) -> LedgerEntry | None:
        """One coupon, which nobody else changes before this transaction ends; None if not given."""

    def campaign_at(self, campaign: int, version: int) -> Campaign:
        """A campaign by its number as one of its versions was."""

    def redeem(self, issued: Issued, at_ms: int) -> None:
        """Write the fact that a coupon was used; once, by the key that ends an incentive once."""


RedemptionStore = Transactions[RedemptionRecords]
"""Every implementation passes `RedemptionStoreContract`."""
