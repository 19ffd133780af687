"""Tenants, their keys and their audit entries in an SQLite file."""

import msgspec

from largesse.kernel.fact import AuditEntry
from largesse.storage.columns.tenants import key_of, row_of_key, tenant_of
from largesse.storage.sqlite import audit
from largesse.storage.sqlite.transaction import Transaction
from largesse.tenants.model import ApiKey, Tenant

_TENANT = "SELECT number, id, name, time_zone, created_at_ms, secret, clock_ms FROM tenant"
_BY_NUMBER = f"{_TENANT} WHERE number = ?"
_BY_ID = f"{_TENANT} WHERE id = ?"
_AFTER = f"{_TENANT} WHERE number > ? ORDER BY number LIMIT ?"
_ADD_TENANT = """
INSERT INTO tenant (id, name, time_zone, created_at_ms, secret, clock_ms)
VALUES (?, ?, ?, ?, ?, ?)"""
_SET_CLOCK = "UPDATE tenant SET clock_ms = ? WHERE number = ?"

_KEY = """
SELECT id, tenant, name, prefix, digest, scopes, created_at_ms, expires_at_ms, revoked_at_ms
FROM api_key"""
_ALL_KEYS = f"{_KEY} ORDER BY id"
_KEYS_OF_TENANT = f"{_KEY} WHERE tenant = ? ORDER BY id"
_KEY_BY_ID = f"{_KEY} WHERE tenant = ? AND id = ?"
_KEY_BY_DIGEST = f"{_KEY} WHERE digest = ?"
_ADD_KEY = """
INSERT INTO api_key
  (id, tenant, name, prefix, digest, scopes, created_at_ms, expires_at_ms, revoked_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_REVOKE_KEY = "UPDATE api_key SET revoked_at_ms = ? WHERE id = ?"


class SQLiteTenantRecords:
    """See `TenantRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self._db = transaction.db

    def tenant(self, number: int) -> Tenant | None:
        """See `TenantRecords`."""
        return self._one_tenant(_BY_NUMBER, number)

    def tenant_by_id(self, tenant_id: str) -> Tenant | None:
        """See `TenantRecords`."""
        return self._one_tenant(_BY_ID, tenant_id)

    def tenants(self, after: int, limit: int) -> list[Tenant]:
        """See `TenantRecords`."""
        return [tenant_of(row) for row in self._db.execute(_AFTER, (after, limit))]

    def add_tenant(self, tenant: Tenant) -> Tenant:
        """See `TenantRecords`."""
        row = (tenant.id, tenant.name, tenant.time_zone, tenant.created_at_ms)
        self._db.execute(_ADD_TENANT, (*row, tenant.secret, tenant.clock_ms))
        return msgspec.structs.replace(tenant, number=self._db.last_insert_rowid())

    def set_clock(self, number: int, clock_ms: int) -> None:
        """See `TenantRecords`."""
        self._db.execute(_SET_CLOCK, (clock_ms, number))

    def keys(self, tenant: int | None) -> list[ApiKey]:
        """See `TenantRecords`. Ids of keys sort by their creation."""
        if tenant is None:
            return [key_of(row) for row in self._db.execute(_ALL_KEYS)]
        return [key_of(row) for row in self._db.execute(_KEYS_OF_TENANT, (tenant,))]

    def key(self, tenant: int, key_id: str) -> ApiKey | None:
        """See `TenantRecords`."""
        return self._one_key(_KEY_BY_ID, tenant, key_id)

    def key_by_digest(self, digest: bytes) -> ApiKey | None:
        """See `TenantRecords`."""
        return self._one_key(_KEY_BY_DIGEST, digest)

    def add_key(self, key: ApiKey) -> None:
        """See `TenantRecords`."""
        self._db.execute(_ADD_KEY, row_of_key(key))

    def set_key_revoked(self, key_id: str, at_ms: int) -> None:
        """See `TenantRecords`."""
        self._db.execute(_REVOKE_KEY, (at_ms, key_id))

    def audit(self, entry: AuditEntry) -> None:
        """See `TenantRecords`."""
        audit.add_entry(self._db, entry)

    def audit_entries(
        self, tenant: int, before: int | None, limit: int
    ) -> list[tuple[int, AuditEntry]]:
        """See `TenantRecords`."""
        return audit.list_entries(self._db, tenant, before, limit)

    def _one_tenant(self, query: str, *arguments: int | str) -> Tenant | None:
        row = self._db.execute(query, arguments).fetchone()
        return None if row is None else tenant_of(row)

    def _one_key(self, query: str, *arguments: int | str | bytes) -> ApiKey | None:
        row = self._db.execute(query, arguments).fetchone()
        return None if row is None else key_of(row)
