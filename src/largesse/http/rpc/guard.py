"""Around every method of every service: the deadline, the log, and errors in RPC's words."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import structlog
from msgspec.structs import replace

from largesse.http import wire
from largesse.http.auth import authenticate, authorize
from largesse.http.errors import problem_of_error, problem_of_wire
from largesse.http.rpc.described import TRACE
from largesse.http.rpc.refusals import Refusal, of_error, of_wire
from largesse.kernel.command import Command
from largesse.kernel.errors import LargesseError
from largesse.tenants.model import Principal, Scope
from largesse.tenants.service import Tenants

Said = TypeVar("Said")
Answered = TypeVar("Answered")

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_log = structlog.get_logger(__name__)


class Context(Protocol):
    """What a method may know of its call beside the message."""

    @property
    def request_headers(self) -> Any:  # noqa: ANN401 - whoever speaks HTTP has a mapping of its own
        """The headers as texts, by their names in lower case."""

    @property
    def timeout_ms(self) -> float | None:
        """How long the caller still waits; None for ever."""


Method = Callable[[Said, Context], Awaitable[Answered]]


class RefusedError(Exception):
    """A method's way to refuse a call."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def guarded(
    method: Method[Said, Answered], as_error: Callable[[Refusal], Exception]
) -> Method[Said, Answered]:
    """The method as the library calls it: whatever it raises is answered as `as_error` says.

    A call whose deadline has passed is refused before the method sees it, so that a wish that
    nobody waits for any more is not settled.
    """

    async def answer(said: Said, context: Context) -> Answered:
        request_id = TRACE.get().request_id
        if context.timeout_ms is not None and context.timeout_ms <= 0:
            raise as_error(Refusal("deadline_exceeded", "the deadline had passed on arrival"))
        try:
            return await method(said, context)
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


def admit(tenants: Tenants, context: Context, scope: Scope) -> Principal:
    """Who calls, if his key has the scope; his tenant is remembered for the log."""
    given = context.request_headers.get("authorization")
    headers = {} if given is None else {b"authorization": given.encode()}
    principal = authenticate(tenants, headers)
    TRACE.get().tenant = principal.tenant.id
    authorize(principal, (scope,))
    return principal


def traced(command: Command) -> Command:
    """A command under the request id of the call that is being served."""
    return replace(command, request_id=TRACE.get().request_id)


def spelled(name: str) -> str:
    """The name of a method in our spelling: `IssueCoupon` → `issue_coupon`."""
    return _WORD.sub("_", name).lower()
