"""Customers over HTTP."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from largesse.customers.model import Customer, CustomerInput
from largesse.http.parsing import check_plain
from largesse.http.shapes.lists import ListQuery, Next
from largesse.http.times import ShownMoment, rfc3339

TOKEN_S = 900
"""How long a customer token lasts unless its maker says: a visit to a page, and little more."""

CustomerId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="The id that you gave the customer; no control characters.",
    ),
]
WishedFor = (
    Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            description="The id that you gave the customer. Only who asks by a customer token may "
            "leave it out.",
        ),
    ]
    | UnsetType
)
Phone = Annotated[
    str,
    Meta(
        pattern=r"^\+[1-9][0-9]{6,14}$",
        description="In the form of E.164. It belongs to one customer of the tenant.",
        examples=["+821012345678"],
    ),
]


class CustomerBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that is known of a customer; what is left out is forgotten."""

    phone: Phone | None = None
    verified: Annotated[bool, Meta(description="You have made sure who he is.")] = False
    attributes: Annotated[
        dict[str, Any], Meta(description="What rules may ask about, at most 16 KiB as JSON.")
    ] = {}


class NewCustomerBody(CustomerBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A customer to be registered."""

    customer_id: CustomerId


class CustomerTokenBody(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a customer may speak for himself."""

    expires_in_s: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="Seconds, at most what the setting `access.customer_token_s_max` "
                f"allows; left out, {TOKEN_S} or that.",
            ),
        ]
        | None
    ) = None


class CustomerTokenView(Struct, frozen=True):
    """A customer token. Nobody keeps it but its customer: it is shown this once."""

    customer_id: str
    token: str
    expires_at: ShownMoment


class CustomersQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which customers to list."""

    customer_id: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    phone: Annotated[str, Meta(max_length=20)] | UnsetType = UNSET


class CustomerView(Struct, frozen=True):
    """A registered customer."""

    customer_id: str
    phone: str | None
    verified: bool
    attributes: dict[str, Any]
    registered_at: ShownMoment


class CustomerList(Struct, frozen=True):
    """A piece of the list of customers, by their ids."""

    items: list[CustomerView]
    next: Next


def described(said: CustomerBody) -> CustomerInput:
    """What a tenant says of a customer."""
    check_plain(said.attributes, "/attributes")
    return CustomerInput(phone=said.phone, verified=said.verified, attributes=said.attributes)


def show_customer(customer: Customer) -> CustomerView:
    """The view of a customer."""
    said = customer.described
    return CustomerView(
        customer.id,
        said.phone,
        said.verified,
        said.attributes,
        rfc3339(customer.registered_at_ms),
    )
