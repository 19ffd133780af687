"""The rules of customers: which ids and phones make sense, and how a customer stands."""

import re
import unicodedata

import msgspec

from largesse.customers.model import (
    ATTRIBUTES_BYTES_MAX,
    ID_BYTES_MAX,
    Customer,
    CustomerInput,
    Standing,
)
from largesse.kernel.errors import InvalidInputError

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_UNREADABLE = ("Cc", "Cs")


def check_id(customer_id: str, pointer: str) -> None:
    """Raise `InvalidInputError` unless this can be a customer's id."""
    printable = customer_id.isascii() and customer_id.isprintable()
    if printable and 0 < len(customer_id) <= ID_BYTES_MAX:
        return
    long = len(customer_id.encode("utf-8", "surrogatepass")) > ID_BYTES_MAX
    strange = any(unicodedata.category(character) in _UNREADABLE for character in customer_id)
    if long or strange or not customer_id:
        message = f"customer_id has 1 to {ID_BYTES_MAX} bytes of UTF-8, no control characters"
        raise InvalidInputError(message, pointer)


def check(said: CustomerInput) -> None:
    """Raise `InvalidInputError`, with a pointer, for what cannot be said of a customer."""
    if said.phone is not None and not _PHONE.fullmatch(said.phone):
        message = "a phone is a + and 7 to 15 digits without spaces (E.164), as +821012345678"
        raise InvalidInputError(message, "/phone")
    if len(msgspec.json.encode(said.attributes)) > ATTRIBUTES_BYTES_MAX:
        message = f"attributes have at most {ATTRIBUTES_BYTES_MAX} bytes as JSON"
        raise InvalidInputError(message, "/attributes")


def standing(customer: Customer | None) -> Standing:
    """How a customer stands; None is somebody who is not registered."""
    if customer is None:
        return Standing()
    described = customer.described
    return Standing(registered=True, phone=described.phone is not None, verified=described.verified)
