"""Tenants, keys and test clocks over HTTP."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from largesse.http.shapes.lists import Next
from largesse.http.times import (
    Moment,
    ShownMoment,
    moment_ms,
    moment_ms_or_none,
    rfc3339,
    rfc3339_or_none,
)
from largesse.kernel.errors import InvalidInputError
from largesse.tenants.model import (
    NAME_CHARACTERS_MAX,
    ApiKey,
    ForwardBy,
    ForwardTo,
    NewKey,
    Onboarded,
    Scope,
    Step,
    Tenant,
)
from largesse.tenants.service import KeyInput, TenantInput

Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)]
Secret = Annotated[
    str | None,
    Meta(description="The key itself, shown this once; null when the creation is replayed."),
]


class NewTenantInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A new tenant."""

    name: Name
    time_zone: Annotated[str, Meta(description="An IANA time zone.", examples=["Asia/Seoul"])] = (
        "UTC"
    )
    test_mode: Annotated[
        bool, Meta(description="It lives by a test clock that moves only when told to.")
    ] = False


class TenantView(Struct, frozen=True):
    """An organisation that runs campaigns."""

    id: str
    name: str
    time_zone: str
    test_mode: bool
    created_at: ShownMoment


class NewTenantView(Struct, frozen=True):
    """A tenant just made, and its first key."""

    id: str
    name: str
    time_zone: str
    test_mode: bool
    created_at: ShownMoment
    admin_key: Secret


class NewKeyInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A new API key."""

    name: Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(Scope))]
    expires_at: Moment | None = None


class KeyView(Struct, frozen=True):
    """An API key without its secret; `prefix` is how it begins."""

    id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: ShownMoment
    expires_at: ShownMoment | None
    revoked_at: ShownMoment | None


class NewKeyView(Struct, frozen=True):
    """An API key just made."""

    id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: ShownMoment
    expires_at: ShownMoment | None
    revoked_at: ShownMoment | None
    key: Secret


class KeyList(Struct, frozen=True):
    """A piece of the list of keys, the oldest first."""

    items: list[KeyView]
    next: Next


class ClockView(Struct, frozen=True):
    """The present moment of the tenant; outside test mode it is the machine's."""

    now: ShownMoment
    test_mode: bool


class AdvanceInput(Struct, frozen=True, forbid_unknown_fields=True):
    """How far to move a test clock: one of the three."""

    by_s: Annotated[int, Meta(ge=0, le=10**12)] | None = None
    by_ms: Annotated[int, Meta(ge=0, le=10**15)] | None = None
    to: Moment | None = None


def clock_step(said: AdvanceInput) -> Step:
    """How somebody wants to move a test clock; raises `InvalidInputError` unless said one way."""
    match (said.by_s, said.by_ms, said.to):
        case (int(by_s), None, None):
            return ForwardBy(1000 * by_s, "/by_s")
        case (None, int(by_ms), None):
            return ForwardBy(by_ms, "/by_ms")
        case (None, None, datetime() as to):
            return ForwardTo(moment_ms(to, "/to"), "/to")
    raise InvalidInputError("give one of by_s, by_ms and to")


def tenant_wish(said: NewTenantInput) -> TenantInput:
    """What somebody wants of a new tenant."""
    return TenantInput(name=said.name, time_zone=said.time_zone, test_mode=said.test_mode)


def show_tenant(tenant: Tenant) -> TenantView:
    """A tenant."""
    created_at = rfc3339(tenant.created_at_ms)
    return TenantView(tenant.id, tenant.name, tenant.time_zone, tenant.test_mode, created_at)


def show_onboarded(made: Onboarded) -> NewTenantView:
    """A tenant just made."""
    view = show_tenant(made.tenant)
    return NewTenantView(
        view.id, view.name, view.time_zone, view.test_mode, view.created_at, made.admin.secret
    )


def key_wish(said: NewKeyInput) -> KeyInput:
    """What somebody wants of a new key; a scope named twice counts once."""
    return KeyInput(
        name=said.name,
        scopes=tuple(dict.fromkeys(said.scopes)),
        expires_at_ms=moment_ms_or_none(said.expires_at, "/expires_at"),
    )


def show_key(key: ApiKey) -> KeyView:
    """A key."""
    return KeyView(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=key.scopes,
        created_at=rfc3339(key.created_at_ms),
        expires_at=rfc3339_or_none(key.expires_at_ms),
        revoked_at=rfc3339_or_none(key.revoked_at_ms),
    )


def show_new_key(made: NewKey) -> NewKeyView:
    """A key just made."""
    view = show_key(made.key)
    return NewKeyView(
        id=view.id,
        name=view.name,
        prefix=view.prefix,
        scopes=view.scopes,
        created_at=view.created_at,
        expires_at=view.expires_at,
        revoked_at=view.revoked_at,
        key=made.secret,
    )
