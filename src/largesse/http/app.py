"""The REST application: every route, in the order of the documentation."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from http import HTTPStatus

import structlog
from litestar import Litestar, Response
from litestar.enums import HttpMethod
from litestar.events import BaseEventEmitterBackend
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.types import Receive, Scope, Send
from msgspec.structs import replace

from largesse.http import openapi, problems, wire
from largesse.http.cors import cors_config
from largesse.http.errors import problem_of_wire
from largesse.http.front import Front, inner_path
from largesse.http.limits import GuessLimiter
from largesse.http.metrics import Metrics
from largesse.http.operation import AnyOperation, Backing, Desks, Reply, refuse
from largesse.http.pages import PAGES, START
from largesse.http.pipeline import HttpRequest, respond, serve, trace_of
from largesse.http.rest import (
    audit,
    backups,
    campaigns,
    customers,
    draws,
    health,
    issuance,
    jobs,
    keys,
    pools,
    proofs,
    raffles,
    redemptions,
    tenants,
    test_clock,
    webhooks,
)
from largesse.http.rpc.door import Door
from largesse.http.services import Services
from largesse.kernel.lean import left_out

OPERATIONS: tuple[AnyOperation, ...] = (
    *tenants.OPERATIONS,
    *keys.OPERATIONS,
    *test_clock.OPERATIONS,
    *campaigns.OPERATIONS,
    *customers.OPERATIONS,
    *issuance.OPERATIONS,
    *pools.OPERATIONS,
    *jobs.OPERATIONS,
    *draws.OPERATIONS,
    *proofs.OPERATIONS,
    *raffles.OPERATIONS,
    *redemptions.OPERATIONS,
    *audit.OPERATIONS,
    *backups.OPERATIONS,
    *webhooks.OPERATIONS,
    *health.OPERATIONS,
)
"""All that can be asked of the REST interface."""

_OF_FRAMEWORK = {
    HTTPStatus.NOT_FOUND: wire.NO_ROUTE,
    HTTPStatus.METHOD_NOT_ALLOWED: wire.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: wire.BODY_TOO_LARGE,
    HTTPStatus.BAD_REQUEST: wire.MALFORMED,
}

_log = structlog.get_logger(__name__)

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


class _NoEvents(BaseEventEmitterBackend):
    """Tells nobody of the framework's events, for nobody listens.

    Its own way has a task wait for them, and loads the tasks of a third library: 0.7 MB.
    """

    def emit(self, event_id: str, *args: object, **kwargs: object) -> None:
        """Tell nobody."""

    async def __aexit__(self, *_: object) -> None:
        """There is nothing to end."""


def create_app(
    services: Services,
    desks: Desks,
    metrics: Metrics,
    coupons: Door,
    lifespan: Sequence[Lifespan] = (),
) -> Front:
    """The ASGI application of all REST routes, with the RPC service `coupons` beside them.

    `lifespan` is entered before the first request.
    """
    backing = Backing(
        services,
        desks,
        GuessLimiter(services.settings.access.code_guesses_per_minute_max, services.clock),
        metrics,
        lru_cache(maxsize=1)(lambda: openapi.encoded(OPERATIONS)),
    )
    with left_out("attr"):  # 0.7 MB, for the documents of classes that nobody here has
        application = Litestar(
            [
                *_routes(backing),
                _page_routes(),
                _problem_route(),
                ASGIRouteHandler(coupons.service.prefix, is_mount=True, copy_scope=True)(
                    _mounted(coupons)
                ),
            ],
            openapi_config=None,
            logging_config=None,
            cors_config=cors_config(services.settings.cors.origins),
            exception_handlers={HTTPException: _answer_framework, Exception: _answer_fault},
            event_emitter_backend=_NoEvents,
            lifespan=list(lifespan),
            request_max_body_size=services.settings.server.body_bytes_max,
        )
    paths = [operation.path for operation in OPERATIONS]
    return Front(application, paths, services.request_ids, metrics)


Operations = dict[str, dict[str, AnyOperation]]
"""By path, as the router knows it, and method."""


def _routes(backing: Backing) -> Iterator[HTTPRouteHandler]:
    """All operations: those of paths that know the same methods share a handler.

    At each handler the framework reads a signature, copies, and builds its map of all paths anew,
    in which it also has a route of its own that tells OPTIONS, unless ours does: with a handler for
    each operation that takes two thirds of what there is to do before the first request.
    """
    operations: Operations = {}
    for operation in OPERATIONS:
        operations.setdefault(inner_path(operation.path), {})[operation.method] = operation
    alike: dict[tuple[str, ...], list[str]] = {}
    for path, known in operations.items():
        alike.setdefault(tuple(known), []).append(path)
    for methods, paths in alike.items():
        yield _route(methods, paths, operations, backing)


def _route(
    methods: Sequence[str], paths: Sequence[str], operations: Operations, backing: Backing
) -> HTTPRouteHandler:
    """The handler of some paths that know these methods, and OPTIONS, which tells them."""
    told = [HttpMethod(method) for method in methods] + [HttpMethod.OPTIONS]
    allow = Reply(HTTPStatus.NO_CONTENT, headers=[_allow(told)])

    async def handle(request: HttpRequest) -> Response[bytes]:
        known = operations[_path_of(request)]
        operation = known.get(request.method)
        if operation is None:
            trace_of(request).route = known[methods[0]].path
            return respond(allow)
        return await serve(operation, backing, request)

    return HTTPRouteHandler(
        [path.replace("}", ":str}") for path in paths],
        http_method=told,
        status_code=HTTPStatus.OK,  # each reply brings its own
    )(handle)


def _path_of(request: HttpRequest) -> str:
    """Which of its paths the router has found, as we told it but for the types of parameters."""
    path = request.scope["path_template"]
    assert isinstance(path, str)
    return path


def _allow(methods: Sequence[str]) -> tuple[bytes, bytes]:
    known = [*methods, "HEAD"] if "GET" in methods else methods
    return b"allow", ", ".join(sorted(known)).encode("ascii")


_METHODS_OF_PAGES = [HttpMethod.GET, HttpMethod.OPTIONS]
_OPTIONS_OF_PAGES = Reply(HTTPStatus.NO_CONTENT, headers=[_allow(_METHODS_OF_PAGES)])


def _mounted(door: Door) -> Callable[..., Awaitable[None]]:
    """A door as the framework takes applications: as a function."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await door(scope, receive, send)

    return call


def _page_routes() -> HTTPRouteHandler:
    """All pages that are at one address each."""
    replies: dict[str, Callable[[], Reply]] = {
        "/": lambda: START,
        problems.INDEX_PATH: problems.list_all,
        **{page.path: page.reply for page in PAGES},
    }
    found = {path.replace(":str}", "}"): (path, reply) for path, reply in replies.items()}

    async def handle(request: HttpRequest) -> Response[bytes]:
        trace_of(request).route, reply = found[_path_of(request)]
        return respond(_OPTIONS_OF_PAGES if request.method == HttpMethod.OPTIONS else reply())

    return HTTPRouteHandler(
        list(replies), http_method=_METHODS_OF_PAGES, status_code=HTTPStatus.OK
    )(handle)


def _problem_route() -> HTTPRouteHandler:
    """One route for the pages of all problems: each one costs the server 20 kB of memory."""

    async def handle(request: HttpRequest) -> Response[bytes]:
        problem = problems.BY_PATH.get(request.url.path)
        if problem is None:
            raise NotFoundException
        trace_of(request).route = problem.path
        return respond(problems.explain(problem))

    path = f"{problems.INDEX_PATH}/{{name:str}}"
    return HTTPRouteHandler(path, http_method="GET", name=path)(handle)


def _answer_framework(request: HttpRequest, error: HTTPException) -> Response[bytes]:
    """What the router or the reader of bodies refused."""
    problem = _OF_FRAMEWORK.get(HTTPStatus(error.status_code))
    if problem is None:
        return _answer_fault(request, error)
    reply = refuse(problem_of_wire(problem, trace_of(request).request_id))
    methods = (error.headers or {}).get("allow")
    if methods is not None:
        reply = replace(reply, headers=[*reply.headers, _allow(methods.split(", "))])
    return respond(reply)


def _answer_fault(request: HttpRequest, error: Exception) -> Response[bytes]:
    """A fault of ours: the log knows it, the caller does not."""
    request_id = trace_of(request).request_id
    _log.error("fault", request_id=request_id, exc_info=error)
    return respond(refuse(problem_of_wire(wire.INTERNAL_ERROR, request_id)))
