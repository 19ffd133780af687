"""Tenants, their keys and their audit entries in this process."""

from msgspec.structs import replace

from largesse.kernel.fact import AuditEntry
from largesse.storage.memory.state import MemoryState
from largesse.tenants.model import ApiKey, Tenant


class MemoryTenantRecords:
    """See `TenantRecords`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def tenant(self, number: int) -> Tenant | None:
        """See `TenantRecords`."""
        return self._state.tenants.get(number)

    def tenant_by_id(self, tenant_id: str) -> Tenant | None:
        """See `TenantRecords`."""
        found = (tenant for tenant in self._state.tenants.values() if tenant.id == tenant_id)
        return next(found, None)

    def tenants(self, after: int, limit: int) -> list[Tenant]:
        """See `TenantRecords`."""
        beyond = [number for number in sorted(self._state.tenants) if number > after]
        return [self._state.tenants[number] for number in beyond[:limit]]

    def add_tenant(self, tenant: Tenant) -> Tenant:
        """See `TenantRecords`."""
        kept = replace(tenant, number=self._state.new_number("tenant"))
        self._state.tenants[kept.number] = kept
        return kept

    def set_clock(self, number: int, clock_ms: int) -> None:
        """See `TenantRecords`."""
        tenants = self._state.tenants
        tenants[number] = replace(tenants[number], clock_ms=clock_ms)

    def keys(self, tenant: int | None) -> list[ApiKey]:
        """See `TenantRecords`."""
        return [
            self._state.keys[key_id]
            for key_id in sorted(self._state.keys)
            if tenant is None or self._state.keys[key_id].tenant == tenant
        ]

    def key(self, tenant: int, key_id: str) -> ApiKey | None:
        """See `TenantRecords`."""
        found = self._state.keys.get(key_id)
        return None if found is None or found.tenant != tenant else found

    def key_by_digest(self, digest: bytes) -> ApiKey | None:
        """See `TenantRecords`."""
        found = (key for key in self._state.keys.values() if key.digest == digest)
        return next(found, None)

    def add_key(self, key: ApiKey) -> None:
        """See `TenantRecords`."""
        assert self.key_by_digest(key.digest) is None, "no two keys have the same digest"
        self._state.keys[key.id] = key

    def set_key_revoked(self, key_id: str, at_ms: int) -> None:
        """See `TenantRecords`."""
        self._state.keys[key_id] = replace(self._state.keys[key_id], revoked_at_ms=at_ms)

    def audit(self, entry: AuditEntry) -> None:
        """See `TenantRecords`."""
        self._state.audit.append(entry)

    def audit_entries(
        self, tenant: int, before: int | None, limit: int
    ) -> list[tuple[int, AuditEntry]]:
        """See `TenantRecords`."""
        entries = [
            (position, entry)
            for position, entry in enumerate(self._state.audit, start=1)
            if entry.tenant == tenant and (before is None or position < before)
        ]
        return entries[::-1][:limit]
