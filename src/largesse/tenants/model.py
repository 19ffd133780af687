"""A tenant, its keys, and who a key speaks for."""

from enum import StrEnum

from msgspec import Struct

NAME_CHARACTERS_MAX = 200


class Scope(StrEnum):
    """What a key may do.

    `admin` may do all that the other scopes may within its tenant, except `operator`, which creates
    tenants and comes only with the first key of an installation.
    """

    OPERATOR = "operator"
    ADMIN = "admin"
    ISSUE = "issue"
    REDEEM = "redeem"
    READ = "read"
    INGEST = "ingest"


class Tenant(Struct, frozen=True, kw_only=True):
    """An organisation. `secret` seeds its codes and is never shown.

    `clock_ms` is the moment its test clock stands at, or None outside test mode.
    """

    number: int
    id: str
    name: str
    time_zone: str
    created_at_ms: int
    secret: bytes
    clock_ms: int | None = None

    @property
    def test_mode(self) -> bool:
        """Whether the tenant lives by a test clock. It is set when the tenant is created."""
        return self.clock_ms is not None


class ForwardBy(Struct, frozen=True):
    """A test clock is to move on by so long. `pointer` is where the caller said so."""

    ms: int
    pointer: str = "/by_ms"


class ForwardTo(Struct, frozen=True):
    """A test clock is to stand at this moment. `pointer` is where the caller said so."""

    ms: int
    pointer: str = "/to"


Step = ForwardBy | ForwardTo
"""How a test clock is to be moved: a distance counts from where it stands when it is moved."""


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key without its secret: `digest` is its SHA-256, `prefix` what people know it by."""

    id: str
    tenant: int
    name: str
    prefix: str
    digest: bytes
    scopes: tuple[Scope, ...]
    created_at_ms: int
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None


class Principal(Struct, frozen=True):
    """Who is calling: a tenant, by one of its keys. `covers` are the scopes that this gives.

    `customer` is the one whom a customer token speaks for, made with that key: none of its scopes.
    """

    tenant: Tenant
    key: ApiKey
    covers: tuple[Scope, ...]
    customer: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the key's scopes cover this one."""
        return scope in self.covers

    def may_see(self, customer: str) -> bool:
        """Whether a thing of this customer's is the caller's to see: a customer sees his own."""
        return self.customer is None or self.customer == customer


class NewKey(Struct, frozen=True):
    """A key as it is shown once. `secret` is None when the creation is replayed."""

    key: ApiKey
    secret: str | None


class Onboarded(Struct, frozen=True):
    """A new tenant and its first key."""

    tenant: Tenant
    admin: NewKey
