"""What one can do with customers."""

from typing import Any

from msgspec.structs import replace

from largesse.customers import decide
from largesse.customers.model import Customer, CustomerFilter, CustomerInput, Removed
from largesse.customers.ports import CustomerRecords, CustomerStore
from largesse.kernel.command import Command, Done
from largesse.kernel.errors import CustomerExistsError, UnknownCustomerError
from largesse.kernel.fact import AuditEntry


class Customers:
    """Keeps what tenants tell of their customers."""

    def __init__(self, store: CustomerStore) -> None:
        self._store = store

    async def register(
        self, command: Command, customer_id: str, said: CustomerInput
    ) -> Done[Customer]:
        """Know a customer; `CustomerExistsError` and `PhoneTakenError` where another is known."""
        decide.check_id(customer_id, "/customer_id")
        decide.check(said)

        def work(records: CustomerRecords) -> Customer:
            if records.customer(command.tenant, customer_id) is not None:
                raise CustomerExistsError
            new = Customer(
                tenant=command.tenant,
                id=customer_id,
                described=said,
                registered_at_ms=command.now_ms,
            )
            return self._kept(records, command, None, new)

        return await self._store.write(command, work, Customer)

    async def replace(
        self, command: Command, customer_id: str, said: CustomerInput
    ) -> Done[Customer]:
        """Replace all that is known of a customer; `UnknownCustomerError` where he is not."""
        decide.check(said)

        def work(records: CustomerRecords) -> Customer:
            before = _find(records, command.tenant, customer_id)
            after = replace(before, described=said)
            return after if after == before else self._kept(records, command, before, after)

        return await self._store.write(command, work, Customer)

    async def remove(self, command: Command, customer_id: str) -> Done[Removed]:
        """Forget a customer: phone, attributes and all. The ledger keeps his id."""

        def work(records: CustomerRecords) -> Removed:
            before = _find(records, command.tenant, customer_id)
            records.remove_customer(before)
            records.audit(AuditEntry.of(command, customer_id, _shown(before), None))
            return Removed()

        return await self._store.write(command, work, Removed)

    async def customer(self, tenant: int, customer_id: str) -> Customer:
        """A registered customer, or `UnknownCustomerError`."""
        return await self._store.read(lambda records: _find(records, tenant, customer_id))

    async def customers(
        self, tenant: int, which: CustomerFilter, after: str, limit: int
    ) -> list[Customer]:
        """A tenant's customers by their ids, beyond `after`."""
        return await self._store.read(
            lambda records: records.customers(tenant, which, after, limit)
        )

    @staticmethod
    def _kept(
        records: CustomerRecords, command: Command, before: Customer | None, after: Customer
    ) -> Customer:
        records.keep_customer(after)
        was = None if before is None else _shown(before)
        records.audit(AuditEntry.of(command, after.id, was, _shown(after)))
        return after


def _find(records: CustomerRecords, tenant: int, customer_id: str) -> Customer:
    found = records.customer(tenant, customer_id)
    if found is None:
        raise UnknownCustomerError
    return found


def _shown(customer: Customer) -> dict[str, Any]:
    """A customer in the audit, which keeps for ever: without what is to be forgotten with him."""
    described = customer.described
    return {"phone": described.phone is not None, "verified": described.verified}
