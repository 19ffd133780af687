"""Customers over HTTP."""

from http import HTTPStatus

from msgspec import UNSET

from largesse.customers.decide import check_id
from largesse.customers.model import CustomerFilter
from largesse.http.listing import walk_of
from largesse.http.operation import (
    AnyOperation,
    Call,
    KeyUse,
    Operation,
    Reply,
    Shown,
    ok,
    replayed_if,
)
from largesse.http.parsing import Nothing
from largesse.http.shapes.customers import (
    TOKEN_S,
    CustomerBody,
    CustomerList,
    CustomersQuery,
    CustomerTokenBody,
    CustomerTokenView,
    CustomerView,
    NewCustomerBody,
    described,
    show_customer,
)
from largesse.http.times import rfc3339
from largesse.kernel.errors import InvalidInputError
from largesse.tenants.model import Scope


async def register_customer(call: Call[Nothing, NewCustomerBody]) -> Reply:
    """Know a customer."""
    customer_id = call.body.customer_id
    done = await call.services.customers.register(call.command(), customer_id, described(call.body))
    headers = replayed_if(done.replayed)
    return Reply(HTTPStatus.CREATED, show_customer(done.answer), headers)


async def list_customers(call: Call[CustomersQuery, Nothing]) -> Reply:
    """List customers by their ids."""
    query = call.query
    which = CustomerFilter(
        id=None if query.customer_id is UNSET else query.customer_id,
        phone=None if query.phone is UNSET else query.phone,
    )
    walk = walk_of(call, f"customers|{which.id}|{which.phone}")
    after = str(walk.seen[0]) if walk.seen else ""
    found = await call.services.customers.customers(call.tenant, which, after, walk.wanted)
    shown, onward = walk.cut(found, lambda customer: customer.id)
    return ok(CustomerList([show_customer(one) for one in shown], onward))


async def read_customer(call: Call[Nothing, Nothing]) -> Reply:
    """Show a customer."""
    found = await call.services.customers.customer(call.tenant, call.path["customer_id"])
    return ok(show_customer(found))


async def replace_customer(call: Call[Nothing, CustomerBody]) -> Reply:
    """Replace what is known of a customer."""
    customer_id = call.path["customer_id"]
    done = await call.services.customers.replace(call.command(), customer_id, described(call.body))
    return ok(show_customer(done.answer))


async def remove_customer(call: Call[Nothing, Nothing]) -> Reply:
    """Forget a customer."""
    await call.services.customers.remove(call.command(), call.path["customer_id"])
    return Reply(HTTPStatus.NO_CONTENT)


async def make_customer_token(call: Call[Nothing, CustomerTokenBody]) -> Reply:
    """Let a customer speak for himself."""
    customer_id = call.path["customer_id"]
    check_id(customer_id, "customer_id")
    longest = call.services.settings.access.customer_token_s_max
    for_s = call.body.expires_in_s or min(TOKEN_S, longest)
    if for_s > longest:
        message = f"a customer token lasts {longest} s at most here"
        raise InvalidInputError(message, "/expires_in_s")
    made = call.services.tenants.customer_token(call.principal, customer_id, for_s)
    shown = CustomerTokenView(customer_id, made.text, rfc3339(made.expires_at_ms))
    return Reply(HTTPStatus.CREATED, shown, ((b"cache-control", b"no-store"),))


_EXAMPLE = {"phone": "+821012345678", "verified": True, "attributes": {"tier": "gold"}}

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="register_customer",
        method="POST",
        path="/api/v1/customers",
        tag="Customers",
        summary="Register a customer",
        description="Campaigns take customers on first sight, unless they have `customers` "
        "`REGISTERED` or require a phone or that a customer is verified: that is told here. "
        "`CUSTOMER_EXISTS` or `PHONE_TAKEN` where the id or the phone is somebody's already.",
        handler=register_customer,
        answers=(
            Shown(
                HTTPStatus.CREATED,
                "The customer.",
                CustomerView,
                headers=("idempotency-replayed",),
            ),
        ),
        refusals=(HTTPStatus.CONFLICT,),
        scopes=(Scope.ISSUE,),
        body=NewCustomerBody,
        body_example={"customer_id": "u-1", **_EXAMPLE},
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="list_customers",
        method="GET",
        path="/api/v1/customers",
        tag="Customers",
        summary="List customers",
        description="By their ids; a filter finds the one with an id or a phone.",
        handler=list_customers,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", CustomerList),),
        scopes=(Scope.READ,),
        query=CustomersQuery,
    ),
    Operation(
        name="read_customer",
        method="GET",
        path="/api/v1/customers/{customer_id}",
        tag="Customers",
        summary="Read a customer",
        description="What is known of a registered customer.",
        handler=read_customer,
        answers=(Shown(HTTPStatus.OK, "The customer.", CustomerView),),
        scopes=(Scope.READ,),
    ),
    Operation(
        name="replace_customer",
        method="PUT",
        path="/api/v1/customers/{customer_id}",
        tag="Customers",
        summary="Replace a customer",
        description="Replaces all that is known of a registered customer. Sending it again changes "
        "nothing. `PHONE_TAKEN` where the phone is somebody else's.",
        handler=replace_customer,
        answers=(Shown(HTTPStatus.OK, "The customer.", CustomerView),),
        refusals=(HTTPStatus.CONFLICT,),
        scopes=(Scope.ISSUE,),
        body=CustomerBody,
        body_example=_EXAMPLE,
    ),
    Operation(
        name="remove_customer",
        method="DELETE",
        path="/api/v1/customers/{customer_id}",
        tag="Customers",
        summary="Remove a customer",
        description="Forgets phone, attributes and whether he was verified. What he was given "
        "stays in the ledger under his id.",
        handler=remove_customer,
        answers=(Shown(HTTPStatus.NO_CONTENT, "The customer is forgotten."),),
        scopes=(Scope.ISSUE,),
    ),
    Operation(
        name="make_customer_token",
        method="POST",
        path="/api/v1/customers/{customer_id}:token",
        tag="Customers",
        summary="Make a customer token",
        description="For a page in the customer's browser: with it he claims, draws and reads what "
        "is his own, and nothing else. He need not be registered. It is kept nowhere and ends by "
        "itself, or at once when the key that asked for it is revoked.",
        handler=make_customer_token,
        answers=(Shown(HTTPStatus.CREATED, "The token, this once.", CustomerTokenView),),
        scopes=(Scope.ISSUE,),
        body=CustomerTokenBody,
        body_example={"expires_in_s": TOKEN_S},
    ),
)
