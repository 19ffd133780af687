"""The columns of tenants and of their keys."""

from typing import Any

import msgspec

from largesse.tenants.model import ApiKey, Scope, Tenant


def tenant_of(row: tuple[Any, ...]) -> Tenant:
    """A tenant by his number, id, name, time zone, time of creation, secret and clock."""
    number, tenant_id, name, time_zone, created_at_ms, secret, clock_ms = row
    return Tenant(
        number=number,
        id=tenant_id,
        name=name,
        time_zone=time_zone,
        created_at_ms=created_at_ms,
        secret=secret,
        clock_ms=clock_ms,
    )


def row_of_key(key: ApiKey) -> tuple[int | str | bytes | None, ...]:
    """Id, tenant, name, prefix, digest, scopes, and when it was made, expires and was revoked."""
    scopes = msgspec.json.encode(key.scopes).decode()
    return (
        *(key.id, key.tenant, key.name, key.prefix, key.digest, scopes),
        *(key.created_at_ms, key.expires_at_ms, key.revoked_at_ms),
    )


def key_of(row: tuple[Any, ...]) -> ApiKey:
    """A key by the columns of `row_of_key`."""
    key_id, tenant, name, prefix, digest, scopes, created_at_ms, expires_at_ms, revoked_at_ms = row
    return ApiKey(
        id=key_id,
        tenant=tenant,
        name=name,
        prefix=prefix,
        digest=digest,
        scopes=msgspec.json.decode(scopes, type=tuple[Scope, ...]),
        created_at_ms=created_at_ms,
        expires_at_ms=expires_at_ms,
        revoked_at_ms=revoked_at_ms,
    )
