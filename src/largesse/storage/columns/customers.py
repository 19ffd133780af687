"""The columns of customers."""

from typing import Any

import msgspec

from largesse.customers.model import Customer, CustomerInput


def customer_of(row: tuple[Any, ...]) -> Customer:
    """A customer by his tenant, id, phone, whether verified, attributes and registration."""
    tenant, customer_id, phone, verified, attributes, registered_at_ms = row
    kept = msgspec.json.decode(attributes)
    return Customer(
        tenant=tenant,
        id=customer_id,
        described=CustomerInput(phone=phone, verified=bool(verified), attributes=kept),
        registered_at_ms=registered_at_ms,
    )


def columns_of(customer: Customer) -> dict[str, Any]:
    """The same columns, by their names."""
    described = customer.described
    return {
        "tenant": customer.tenant,
        "id": customer.id,
        "phone": described.phone,
        "verified": described.verified,
        "attributes": msgspec.json.encode(described.attributes).decode(),
        "registered_at_ms": customer.registered_at_ms,
    }
