"""Customers in this process."""

from largesse.customers.model import Customer, CustomerFilter
from largesse.kernel.errors import PhoneTakenError
from largesse.kernel.fact import AuditEntry
from largesse.storage.memory.state import MemoryState


class MemoryCustomerRecords:
    """See `CustomerRecords`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def customer(self, tenant: int, customer_id: str) -> Customer | None:
        """See `CustomerRecords`."""
        return self._state.customers.get((tenant, customer_id))

    def customers(
        self, tenant: int, which: CustomerFilter, after: str, limit: int
    ) -> list[Customer]:
        """See `CustomerRecords`."""
        matching = [
            customer
            for (owner, customer_id), customer in self._state.customers.items()
            if owner == tenant
            and customer_id.encode() > after.encode()
            and which.id in (None, customer_id)
            and which.phone in (None, customer.described.phone)
        ]
        return sorted(matching, key=lambda one: one.id.encode())[:limit]

    def keep_customer(self, customer: Customer) -> None:
        """See `CustomerRecords`."""
        phone = customer.described.phone
        if phone is not None:
            holders = self.customers(customer.tenant, CustomerFilter(phone=phone), "", 2)
            if any(one.id != customer.id for one in holders):
                raise PhoneTakenError
        self._state.customers[customer.tenant, customer.id] = customer

    def remove_customer(self, customer: Customer) -> None:
        """See `CustomerRecords`."""
        del self._state.customers[customer.tenant, customer.id]

    def audit(self, entry: AuditEntry) -> None:
        """See `CustomerRecords`."""
        self._state.audit.append(entry)
