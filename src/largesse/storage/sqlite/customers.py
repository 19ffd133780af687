"""Customers in an SQLite file."""

from collections.abc import Sequence

import apsw

from largesse.customers.model import Customer, CustomerFilter, Standing
from largesse.kernel.errors import PhoneTakenError
from largesse.kernel.fact import AuditEntry
from largesse.storage.columns.customers import columns_of, customer_of
from largesse.storage.sqlite import audit
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.transaction import Transaction

_CUSTOMER = """
SELECT tenant, id, phone, verified, attributes, registered_at_ms FROM customer"""
_BY_ID = f"{_CUSTOMER} WHERE tenant = ? AND id = ?"
_LIST = f"""{_CUSTOMER}
WHERE tenant = :tenant AND id > :after
  AND (:id IS NULL OR id = :id) AND (:phone IS NULL OR phone = :phone)
ORDER BY id LIMIT :limit"""
_BY_PHONE = f"{_CUSTOMER} WHERE tenant = :tenant AND phone = :phone AND id > :after LIMIT :limit"
_KEEP = """
INSERT INTO customer (tenant, id, phone, verified, attributes, registered_at_ms)
VALUES (:tenant, :id, :phone, :verified, :attributes, :registered_at_ms)
ON CONFLICT (tenant, id) DO UPDATE
SET phone = :phone, verified = :verified, attributes = :attributes"""
_REMOVE = "DELETE FROM customer WHERE tenant = ? AND id = ?"
_STANDINGS = """
SELECT c.id, c.phone IS NOT NULL, c.verified
FROM carray(?) wanted CROSS JOIN customer c ON c.tenant = ? AND c.id = wanted.value"""


class SQLiteCustomerRecords:
    """See `CustomerRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self._db = transaction.db

    def customer(self, tenant: int, customer_id: str) -> Customer | None:
        """See `CustomerRecords`."""
        found = rows(self._db, _BY_ID, (tenant, customer_id))
        return customer_of(found[0]) if found else None

    def customers(
        self, tenant: int, which: CustomerFilter, after: str, limit: int
    ) -> list[Customer]:
        """See `CustomerRecords`."""
        wanted = {"tenant": tenant, "after": after, "limit": limit, "phone": which.phone}
        if which.phone is not None and which.id is None:
            return [customer_of(row) for row in rows(self._db, _BY_PHONE, wanted)]
        return [customer_of(row) for row in rows(self._db, _LIST, wanted | {"id": which.id})]

    def keep_customer(self, customer: Customer) -> None:
        """See `CustomerRecords`."""
        try:
            self._db.execute(_KEEP, columns_of(customer))
        except apsw.ConstraintError as error:
            raise PhoneTakenError from error

    def remove_customer(self, customer: Customer) -> None:
        """See `CustomerRecords`."""
        self._db.execute(_REMOVE, (customer.tenant, customer.id))

    def audit(self, entry: AuditEntry) -> None:
        """See `CustomerRecords`."""
        audit.add_entry(self._db, entry)


def read_standings(
    db: apsw.Connection, tenant: int, customers: Sequence[str]
) -> dict[str, Standing]:
    """How some customers of a tenant stand; who is not registered is not in it."""
    if not customers:
        return {}
    found = rows(db, _STANDINGS, (apsw.carray(tuple(customers)), tenant))
    return {
        customer: Standing(registered=True, phone=bool(phone), verified=bool(verified))
        for customer, phone, verified in found
    }
