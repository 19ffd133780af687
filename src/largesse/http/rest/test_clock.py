"""The test clock of a tenant in test mode, over HTTP."""

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
from largesse.http.shapes.tenants import AdvanceInput, ClockView, clock_step
from largesse.http.times import rfc3339
from largesse.tenants.model import Scope, Tenant


async def read_test_clock(call: Call[Nothing, Nothing]) -> Reply:
    """Show the tenant's present moment."""
    now_ms = call.services.clocks.now_ms(call.tenant)
    return ok(ClockView(rfc3339(now_ms), call.principal.tenant.test_mode))


async def advance_test_clock(call: Call[Nothing, AdvanceInput]) -> Reply:
    """Move the tenant's clock forward."""
    done = await call.services.tenants.advance(call.command(), clock_step(call.body))
    return Reply(HTTPStatus.OK, _show(done.answer), replayed_if(done.replayed))


def _show(tenant: Tenant) -> ClockView:
    assert tenant.clock_ms is not None
    return ClockView(rfc3339(tenant.clock_ms), tenant.test_mode)


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="read_test_clock",
        method="GET",
        path="/api/v1/test-clock",
        tag="Test clock",
        summary="Read the clock",
        description="The present moment of the tenant's campaigns.",
        handler=read_test_clock,
        answers=(Shown(HTTPStatus.OK, "The present moment.", ClockView),),
        scopes=(Scope.READ,),
    ),
    Operation(
        name="advance_test_clock",
        method="POST",
        path="/api/v1/test-clock:advance",
        tag="Test clock",
        summary="Move the clock forward",
        description="Only tenants made with `test_mode` have a clock that moves; it never goes "
        "back. Give one of `by_s`, `by_ms` and `to`.",
        handler=advance_test_clock,
        answers=(Shown(HTTPStatus.OK, "The moment it stands at now.", ClockView),),
        scopes=(Scope.ADMIN,),
        body=AdvanceInput,
        body_example={"by_s": 3600},
        key=KeyUse.OPTIONAL,
    ),
)
