"""What tenants ask of the world."""

from typing import Protocol

from largesse.kernel.command import Transactions
from largesse.kernel.fact import AuditEntry
from largesse.tenants.model import ApiKey, Tenant


class TenantRecords(Protocol):
    """Tenants, keys and audit entries inside one transaction."""

    def tenant(self, number: int) -> Tenant | None:
        """A tenant by its number."""

    def tenant_by_id(self, tenant_id: str) -> Tenant | None:
        """A tenant by its id."""

    def tenants(self, after: int, limit: int) -> list[Tenant]:
        """Tenants by ascending number, beyond `after`."""

    def add_tenant(self, tenant: Tenant) -> Tenant:
        """Keep a new tenant; the one that comes back has its number."""

    def set_clock(self, number: int, clock_ms: int) -> None:
        """Keep the moment that a test clock stands at."""

    def keys(self, tenant: int | None) -> list[ApiKey]:
        """A tenant's keys in the order of their creation; everybody's for None."""

    def key(self, tenant: int, key_id: str) -> ApiKey | None:
        """One key of a tenant."""

    def key_by_digest(self, digest: bytes) -> ApiKey | None:
        """The key with this SHA-256."""

    def add_key(self, key: ApiKey) -> None:
        """Keep a new key. No two have the same digest."""

    def set_key_revoked(self, key_id: str, at_ms: int) -> None:
        """Revoke a key."""

    def audit(self, entry: AuditEntry) -> None:
        """Keep who did what."""

    def audit_entries(
        self, tenant: int, before: int | None, limit: int
    ) -> list[tuple[int, AuditEntry]]:
        """A tenant's audit entries, newest first, each with its position; those below `before`."""


TenantStore = Transactions[TenantRecords]
"""Every implementation passes `TenantStoreContract`."""
