"""Around every method of every service: the deadline, the log, and errors in RPC's words."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext

from largesse.http import wire
from largesse.http.auth import authenticate, authorize
from largesse.http.errors import problem_of_error, problem_of_wire
from largesse.http.rpc.door import TRACE
from largesse.http.rpc.generated.largesse.v1.coupons_pb import Problem
from largesse.http.rpc.refusals import Refusal, encoded, of_error, of_wire
from largesse.kernel.errors import LargesseError
from largesse.tenants.model import Principal, Scope
from largesse.tenants.service import Tenants

Said = TypeVar("Said")
Answered = TypeVar("Answered")
Context = RequestContext[Any, Any]
Method = Callable[[Said, Context], Awaitable[Answered]]

_log = structlog.get_logger(__name__)


class RefusedError(Exception):
    """A method's way to refuse a call."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def guarded(
    method: Method[Said, Answered], as_error: Callable[[Refusal], ConnectError]
) -> Method[Said, Answered]:
    """The method as the library calls it: whatever it raises is answered as `as_error` says.

    A call whose deadline has passed is refused before the method sees it, so that a wish that
    nobody waits for any more is not settled.
    """

    async def answer(said: Said, context: Context) -> Answered:
        request_id = TRACE.get().request_id
        if context.timeout_ms is not None and context.timeout_ms <= 0:
            raise ConnectError(Code.DEADLINE_EXCEEDED, "the deadline had passed on arrival")
        try:
            return await method(said, context)
        except ConnectError:
            raise
        except RefusedError as error:
            raise as_error(error.refusal) from error
        except LargesseError as error:
            refusal = of_error(error, problem_of_error(error, request_id))
            raise as_error(refusal) from error
        except Exception as error:
            _log.exception("fault", request_id=request_id)
            shown = problem_of_wire(wire.INTERNAL_ERROR, request_id)
            raise as_error(of_wire(wire.INTERNAL_ERROR, shown)) from error

    return answer


def with_detail(refusal: Refusal) -> ConnectError:
    """A refusal as the services of today answer it: with the problem as its detail."""
    problem = refusal.problem
    details = [] if problem is None else [Problem.from_binary(encoded(problem))]
    return ConnectError(Code(refusal.code), refusal.message, details)


def admit(tenants: Tenants, context: Context, scope: Scope) -> Principal:
    """Who calls, if his key has the scope; his tenant is remembered for the log."""
    given = context.request_headers.get("authorization")
    headers = {} if given is None else {b"authorization": given.encode()}
    principal = authenticate(tenants, headers)
    TRACE.get().tenant = principal.tenant.id
    authorize(principal, (scope,))
    return principal
