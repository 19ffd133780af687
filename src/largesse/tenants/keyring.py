"""The keys that open something, in memory: authentication must cost a look-up, not a query."""

from largesse.kernel.clock import Clock
from largesse.tenants.decide import covered, usable
from largesse.tenants.model import ApiKey, Principal, Tenant


class KeyRing:
    """Finds who a digest speaks for. No secret is ever in here, only SHA-256 digests.

    Whoever remembers what he found forgets it when `changes` is another number.
    """

    def __init__(self, clock: Clock) -> None:
        self.changes = 0
        self._clock = clock
        self._tenants: dict[int, Tenant] = {}
        self._principals: dict[bytes, Principal] = {}
        self._by_id: dict[str, Principal] = {}
        self._revoked: set[str] = set()

    def principal(self, digest: bytes) -> Principal | None:
        """Whoever the key with this digest speaks for, unless it has expired by machine time."""
        return self._unexpired(self._principals.get(digest))

    def principal_of(self, key_id: str) -> Principal | None:
        """The same for the key with this id."""
        return self._unexpired(self._by_id.get(key_id))

    def tenant(self, number: int) -> Tenant:
        """A tenant by its number."""
        return self._tenants[number]

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of all tenants."""
        return frozenset(self._tenants)

    def add_tenant(self, tenant: Tenant) -> None:
        """Know a tenant, or what has changed about it."""
        self.changes += 1
        self._tenants[tenant.number] = tenant

    def add_key(self, key: ApiKey) -> None:
        """Know a key of a known tenant; one that is revoked opens nothing.

        It stays revoked, also where a word from before comes late.
        """
        if key.revoked_at_ms is not None:
            self.remove_key(key)
        elif key.id not in self._revoked:
            self.changes += 1
            principal = Principal(self._tenants[key.tenant], key, covered(key.scopes))
            self._principals[key.digest] = self._by_id[key.id] = principal

    def remove_key(self, key: ApiKey) -> None:
        """Forget a key for ever."""
        self.changes += 1
        self._revoked.add(key.id)
        self._principals.pop(key.digest, None)
        self._by_id.pop(key.id, None)

    def _unexpired(self, found: Principal | None) -> Principal | None:
        if found is None or found.key.expires_at_ms is None:
            return found
        return found if usable(found.key, self._clock.now_ms()) else None
