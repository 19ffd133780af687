"""What machines ask about this process: no key is needed."""

from http import HTTPStatus
from typing import Literal

from msgspec import Struct

from largesse.http.metrics import CONTENT_TYPE
from largesse.http.operation import AnyOperation, Call, Operation, Reply, Shown, ok
from largesse.http.parsing import Nothing


class Alive(Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(Struct, frozen=True):
    """Whether the process may be trusted with traffic, and if not, why: by the check's name."""

    ready: bool
    problems: dict[str, str]


async def check_alive(_call: Call[Nothing, Nothing]) -> Reply:
    """Answer."""
    return ok(Alive())


async def check_ready(call: Call[Nothing, Nothing]) -> Reply:
    """Say whether all checks are content."""
    problems = call.services.health.problems
    status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
    return Reply(status, Readiness(not problems, problems))


async def read_metrics(call: Call[Nothing, Nothing]) -> Reply:
    """Show what was counted."""
    shown = await call.backing.metrics.shown()
    return Reply(HTTPStatus.OK, shown, content_type=CONTENT_TYPE.encode("ascii"))


async def read_openapi(call: Call[Nothing, Nothing]) -> Reply:
    """Show the document of this interface."""
    return Reply(HTTPStatus.OK, call.backing.document())


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="check_alive",
        method="GET",
        path="/livez",
        tag="Health",
        summary="Whether the process lives",
        description="Restart the process when this is not answered.",
        handler=check_alive,
        answers=(Shown(HTTPStatus.OK, "It lives.", Alive),),
    ),
    Operation(
        name="check_ready",
        method="GET",
        path="/readyz",
        tag="Health",
        summary="Whether the process is ready",
        description="Send no traffic while this is 503; `problems` says why.",
        handler=check_ready,
        answers=(
            Shown(HTTPStatus.OK, "It is ready.", Readiness),
            Shown(HTTPStatus.SERVICE_UNAVAILABLE, "It is not ready.", Readiness),
        ),
    ),
    Operation(
        name="read_metrics",
        method="GET",
        path="/metrics",
        tag="Health",
        summary="Metrics",
        description="Counters and gauges in the text format of Prometheus; with several workers "
        "those of all of them, whichever answers, each with the label `worker`.",
        handler=read_metrics,
        answers=(
            Shown(HTTPStatus.OK, "The metrics.", str, content_type=CONTENT_TYPE.partition(";")[0]),
        ),
    ),
    Operation(
        name="read_openapi",
        method="GET",
        path="/openapi.json",
        tag="Health",
        summary="This document",
        description="The OpenAPI 3.1 document of this interface.",
        handler=read_openapi,
        answers=(Shown(HTTPStatus.OK, "The document.", dict),),
    ),
)
