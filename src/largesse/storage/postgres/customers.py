"""Customers in PostgreSQL."""

from typing import LiteralString

from psycopg.errors import UniqueViolation

from largesse.customers.model import Customer, CustomerFilter
from largesse.kernel.errors import PhoneTakenError
from largesse.kernel.fact import AuditEntry
from largesse.storage.columns.customers import columns_of, customer_of
from largesse.storage.postgres import audit
from largesse.storage.postgres.transaction import Transaction

_CUSTOMER: LiteralString = """
SELECT tenant, id, phone, verified, attributes, registered_at_ms FROM customer"""
_BY_ID: LiteralString = f"{_CUSTOMER} WHERE tenant = %s AND id = %s"
_LIST: LiteralString = f"""{_CUSTOMER}
WHERE tenant = %(tenant)s AND id > %(after)s
  AND (%(id)s::text IS NULL OR id = %(id)s) AND (%(phone)s::text IS NULL OR phone = %(phone)s)
ORDER BY id LIMIT %(limit)s"""
_BY_PHONE: LiteralString = f"""{_CUSTOMER}
WHERE tenant = %(tenant)s AND phone = %(phone)s AND id > %(after)s LIMIT %(limit)s"""
_KEEP = """
INSERT INTO customer (tenant, id, phone, verified, attributes, registered_at_ms)
VALUES (%(tenant)s, %(id)s, %(phone)s, %(verified)s, %(attributes)s, %(registered_at_ms)s)
ON CONFLICT (tenant, id) DO UPDATE
SET phone = excluded.phone, verified = excluded.verified, attributes = excluded.attributes"""
_REMOVE = "DELETE FROM customer WHERE tenant = %s AND id = %s"


class PostgresCustomerRecords:
    """See `CustomerRecords`. Each tenant's rows are read behind his own wall."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def customer(self, tenant: int, customer_id: str) -> Customer | None:
        """See `CustomerRecords`."""
        self._transaction.stand_before(tenant)
        found = self._transaction.row(_BY_ID, (tenant, customer_id))
        return None if found is None else customer_of(found)

    def customers(
        self, tenant: int, which: CustomerFilter, after: str, limit: int
    ) -> list[Customer]:
        """See `CustomerRecords`."""
        self._transaction.stand_before(tenant)
        wanted = {"tenant": tenant, "after": after, "limit": limit, "phone": which.phone}
        if which.phone is not None and which.id is None:
            return [customer_of(row) for row in self._transaction.rows(_BY_PHONE, wanted)]
        wanted |= {"id": which.id}
        return [customer_of(row) for row in self._transaction.rows(_LIST, wanted)]

    def keep_customer(self, customer: Customer) -> None:
        """See `CustomerRecords`."""
        try:
            self._transaction.execute(_KEEP, columns_of(customer))
        except UniqueViolation as error:
            raise PhoneTakenError from error

    def remove_customer(self, customer: Customer) -> None:
        """See `CustomerRecords`."""
        self._transaction.execute(_REMOVE, (customer.tenant, customer.id))

    def audit(self, entry: AuditEntry) -> None:
        """See `CustomerRecords`."""
        audit.add_entry(self._transaction, entry)
