"""What customers ask of the world."""

from typing import Protocol

from largesse.customers.model import Customer, CustomerFilter
from largesse.kernel.command import Transactions
from largesse.kernel.fact import AuditEntry


class CustomerRecords(Protocol):
    """Customers inside one transaction."""

    def customer(self, tenant: int, customer_id: str) -> Customer | None:
        """A tenant's customer, if he is registered."""

    def customers(
        self, tenant: int, which: CustomerFilter, after: str, limit: int
    ) -> list[Customer]:
        """A tenant's customers by ascending id (in bytes of UTF-8), beyond `after`."""

    def keep_customer(self, customer: Customer) -> None:
        """Register a customer, or replace all that is known of him.

        Raises `PhoneTakenError` where another customer of the tenant has the phone: a unique key.
        """

    def remove_customer(self, customer: Customer) -> None:
        """Forget a customer. What he was given stays in the ledger."""

    def audit(self, entry: AuditEntry) -> None:
        """Keep who did what."""


CustomerStore = Transactions[CustomerRecords]
"""Every implementation passes `CustomerStoreContract`."""
