"""Calls about customers."""

from collections.abc import Mapping

import msgspec

from largesse.client.call import Answer, Call, Request, get, path_of, post, reading
from largesse.client.model import Customer, CustomerDescription, CustomerToken, Page

Description = CustomerDescription | Mapping[str, object]
"""What is known of a customer; a mapping is sent as it is."""

_CUSTOMER = reading(Customer)
_TOKEN = reading(CustomerToken)
_CUSTOMERS = reading(Page[Customer])
_NOBODY = CustomerDescription()


def register(
    customer: str, description: Description = _NOBODY, *, key: str | None = None
) -> Call[Customer]:
    """Register a customer, whose id and phone must be nobody else's."""
    fields: dict[str, object] = msgspec.to_builtins(description)
    return post(path_of("customers"), {**fields, "customer_id": customer}, _CUSTOMER, key)


def list_all(
    *,
    customer: str | None = None,
    phone: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[Customer]]:
    """List customers by their ids; or find the one with an id or a phone."""
    query = {"customer_id": customer, "phone": phone, "limit": limit, "cursor": cursor}
    return get(path_of("customers"), _CUSTOMERS, **query)


def show(customer: str) -> Call[Customer]:
    """Show a registered customer."""
    return get(path_of("customers", customer), _CUSTOMER)


def replace(customer: str, description: Description) -> Call[Customer]:
    """Replace all that is known of a registered customer; sent again it changes nothing."""
    content = msgspec.json.encode(description)
    return Call(Request("PUT", path_of("customers", customer), content), _CUSTOMER)


def remove(customer: str) -> Call[None]:
    """Forget a customer; what he was given stays in the ledger."""
    return Call(Request("DELETE", path_of("customers", customer)), _nothing, repeatable=False)


def token(customer: str, *, expires_in_s: int | None = None) -> Call[CustomerToken]:
    """Let a customer's browser speak for him: a token, short-lived, that is shown this once."""
    target = path_of("customers", customer) + ":token"
    return post(target, {"expires_in_s": expires_in_s}, _TOKEN)


def _nothing(_: Answer) -> None:
    """There is nothing in the answer."""
