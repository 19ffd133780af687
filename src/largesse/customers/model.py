"""A customer, and what a campaign may ask of him."""

from typing import Any, NamedTuple

from msgspec import Struct

ID_BYTES_MAX = 255
"""The longest customer id, in bytes of UTF-8."""

ATTRIBUTES_BYTES_MAX = 16_384
"""Attributes describe a customer to rules: what is longer belongs elsewhere."""


class CustomerInput(Struct, frozen=True, kw_only=True):
    """What a tenant says of a customer. `phone` is in the form of E.164: +821012345678."""

    phone: str | None = None
    verified: bool = False
    attributes: dict[str, Any] = {}


class Customer(Struct, frozen=True, kw_only=True):
    """A registered customer. `id` is the tenant's; `registered_at_ms` is the tenant's time."""

    tenant: int
    id: str
    described: CustomerInput
    registered_at_ms: int


class Standing(NamedTuple):
    """What campaigns may require of a customer, and whether it is so."""

    registered: bool = False
    phone: bool = False
    verified: bool = False


class CustomerFilter(Struct, frozen=True, kw_only=True):
    """Which customers a list shows; None shows all."""

    id: str | None = None
    phone: str | None = None


class Removed(Struct, frozen=True):
    """A customer was registered, and is no more."""
