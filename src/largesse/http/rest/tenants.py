"""Tenants over HTTP."""

from http import HTTPStatus

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
from largesse.http.shapes.tenants import (
    NewTenantInput,
    NewTenantView,
    TenantView,
    show_onboarded,
    show_tenant,
    tenant_wish,
)
from largesse.tenants.model import Scope


async def create_tenant(call: Call[Nothing, NewTenantInput]) -> Reply:
    """Make a tenant and its first key."""
    done = await call.services.tenants.onboard(call.command(), tenant_wish(call.body))
    return Reply(HTTPStatus.CREATED, show_onboarded(done.answer), replayed_if(done.replayed))


async def read_tenant(call: Call[Nothing, Nothing]) -> Reply:
    """Show the caller's tenant; an operator may see any."""
    tenant = await call.services.tenants.tenant(call.principal, call.path["tenant_id"])
    return ok(show_tenant(tenant))


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="create_tenant",
        method="POST",
        path="/api/v1/tenants",
        tag="Tenants",
        summary="Create a tenant",
        description="Makes a tenant and its first admin key, which is shown this once.",
        handler=create_tenant,
        answers=(Shown(HTTPStatus.CREATED, "The tenant, and its admin key.", NewTenantView),),
        scopes=(Scope.OPERATOR,),
        body=NewTenantInput,
        body_example={"name": "Acme", "time_zone": "Asia/Seoul"},
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="read_tenant",
        method="GET",
        path="/api/v1/tenants/{tenant_id}",
        tag="Tenants",
        summary="Read a tenant",
        description="Shows the tenant of the API key; a key of an operator may read any.",
        handler=read_tenant,
        answers=(Shown(HTTPStatus.OK, "The tenant.", TenantView),),
        scopes=(Scope.READ, Scope.OPERATOR),
    ),
)
