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
from largesse.http.shapes.tenants import AdvanceInput, ClockView
from largesse.http.times import moment_ms, rfc3339
from largesse.kernel.errors import InvalidInputError
from largesse.tenants.model import Scope, Tenant

CLOCK_MS_MAX = 250_000_000_000_000
"""In the year 9892: far enough, with a century left to expire in before years have five digits."""


async def read_test_clock(call: Call[Nothing, Nothing]) -> Reply:
    """Show the tenant's present moment."""
    now_ms = call.services.clocks.now_ms(call.tenant)
    return ok(ClockView(rfc3339(now_ms), call.principal.tenant.test_mode))


async def advance_test_clock(call: Call[Nothing, AdvanceInput]) -> Reply:
    """Move the tenant's clock forward."""
    to_ms = _target_ms(call.body, call.services.clocks.now_ms(call.tenant))
    done = await call.services.tenants.advance(call.command(), to_ms)
    return Reply(HTTPStatus.OK, _show(done.answer), replayed_if(done.replayed))


def _target_ms(said: AdvanceInput, now_ms: int) -> int:
    given = [name for name in ("by_s", "by_ms", "to") if getattr(said, name) is not None]
    if len(given) != 1:
        raise InvalidInputError("give one of by_s, by_ms and to")
    if said.to is not None:
        target_ms = moment_ms(said.to, "/to")
    else:
        target_ms = now_ms + (said.by_ms or 0) + 1000 * (said.by_s or 0)
    if target_ms > CLOCK_MS_MAX:
        message = f"a test clock goes no further than {rfc3339(CLOCK_MS_MAX)}"
        raise InvalidInputError(message, f"/{given[0]}")
    return target_ms


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
