"""API keys over HTTP."""

from http import HTTPStatus

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
from largesse.http.shapes.lists import ListQuery
from largesse.http.shapes.tenants import (
    KeyList,
    KeyView,
    NewKeyInput,
    NewKeyView,
    key_wish,
    show_key,
    show_new_key,
)
from largesse.tenants.model import Scope


async def create_key(call: Call[Nothing, NewKeyInput]) -> Reply:
    """Make a key for the caller's tenant."""
    done = await call.services.tenants.add_key(call.command(), key_wish(call.body))
    return Reply(HTTPStatus.CREATED, show_new_key(done.answer), replayed_if(done.replayed))


async def list_keys(call: Call[ListQuery, Nothing]) -> Reply:
    """List the tenant's keys; they ascend by their ids, which begin with their times."""
    walk = walk_of(call, "keys")
    every = await call.services.tenants.keys(call.tenant)
    after = str(walk.seen[0]) if walk.seen else ""
    shown, onward = walk.cut([key for key in every if key.id > after], lambda key: key.id)
    return ok(KeyList([show_key(key) for key in shown], onward))


async def revoke_key(call: Call[Nothing, Nothing]) -> Reply:
    """Make a key useless at once."""
    done = await call.services.tenants.revoke_key(call.command(), call.path["key_id"])
    return ok(show_key(done.answer))


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="create_key",
        method="POST",
        path="/api/v1/keys",
        tag="Keys",
        summary="Create an API key",
        description="Makes a key for the caller's tenant. The key itself is shown this once.",
        handler=create_key,
        answers=(Shown(HTTPStatus.CREATED, "The key.", NewKeyView),),
        scopes=(Scope.ADMIN,),
        body=NewKeyInput,
        body_example={"name": "checkout", "scopes": ["issue", "read"]},
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="list_keys",
        method="GET",
        path="/api/v1/keys",
        tag="Keys",
        summary="List API keys",
        description="The tenant's keys without their secrets, revoked ones included.",
        handler=list_keys,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", KeyList),),
        scopes=(Scope.ADMIN,),
        query=ListQuery,
    ),
    Operation(
        name="revoke_key",
        method="DELETE",
        path="/api/v1/keys/{key_id}",
        tag="Keys",
        summary="Revoke an API key",
        description="Makes a key useless at once and for ever; again, it changes nothing.",
        handler=revoke_key,
        answers=(Shown(HTTPStatus.OK, "The key, revoked.", KeyView),),
        scopes=(Scope.ADMIN,),
    ),
)
