"""From a request to its answer: the same steps, in the same order, for every route."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import InternalServerException
from msgspec import Struct

from largesse.http.addresses import address_of
from largesse.http.auth import authenticate, authorize
from largesse.http.errors import MalformedError, problem_of_error
from largesse.http.exchange import headers_said_once
from largesse.http.operation import (
    AnyOperation,
    Backing,
    Call,
    KeyUse,
    Reply,
    refuse,
)
from largesse.http.parsing import check_path, parse_body, parse_key, parse_query
from largesse.http.pieces import PiecesResponse
from largesse.http.request_ids import REQUEST_ID
from largesse.http.tracing import Trace
from largesse.kernel.errors import LargesseError

HttpRequest = Request[Any, Any, State]

WITH_BODY = ("POST", "PUT", "PATCH")

_encoder = msgspec.json.Encoder()


async def serve(operation: AnyOperation, backing: Backing, request: HttpRequest) -> Response[bytes]:
    """Answer a request to a route."""
    trace = trace_of(request)
    trace.route = operation.path
    try:
        call = await _read(operation, backing, request, trace)
        reply = await operation.handler(call)
    except LargesseError as error:
        reply = refuse(problem_of_error(error, trace.request_id))
    return respond(reply)


def trace_of(request: HttpRequest) -> Trace:
    """What `Front` keeps of this request."""
    trace = request.scope["state"]["trace"]
    assert isinstance(trace, Trace)
    return trace


def respond(reply: Reply) -> Response[bytes]:
    """An answer in the form of the framework."""
    body, status = reply.body, int(reply.status)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
    if body is None:
        return Response(b"", status_code=status, headers=headers)
    headers["content-type"] = reply.content_type.decode("ascii")
    if isinstance(body, Struct):
        return Response(_encoder.encode(body), status_code=status, headers=headers)
    if isinstance(body, bytes):
        return Response(body, status_code=status, headers=headers)
    return PiecesResponse(body, status, headers)


async def _read(
    operation: AnyOperation, backing: Backing, request: HttpRequest, trace: Trace
) -> Call[Any, Any]:
    """Who calls and what he says, checked in the order in which mistakes are told."""
    headers = headers_said_once(request.scope["headers"])
    if headers is None:
        raise MalformedError("a header that decides about the answer is there twice")
    headers[REQUEST_ID] = trace.request_id.encode("ascii")
    caller = None
    if operation.scopes:
        caller = authenticate(backing.services.tenants, headers)
        trace.tenant = caller.tenant.id
        if caller.customer is None or not operation.customers:
            authorize(caller, operation.scopes)
    check_path(request.path_params)
    query = parse_query(operation.query, request.scope["query_string"])
    content = await _content(request) if request.method in WITH_BODY else b""
    body: Any = content
    key = None
    if operation.body is bytes:
        trace.hot = True
    else:
        body = parse_body(operation.body, headers, content)
        if operation.key is not KeyUse.NONE:
            required = operation.key is KeyUse.REQUIRED and not getattr(query, "dry_run", False)
            key = parse_key(headers, required=required)
    client = request.scope["client"]
    peer = client[0] if client else ""
    proxies = backing.services.settings.access.proxies
    return Call(
        operation=operation.name,
        backing=backing,
        caller=caller,
        request_id=trace.request_id,
        address=address_of(peer, headers.get(b"x-forwarded-for"), proxies),
        headers=headers,
        path=request.path_params,
        query=query,
        body=body,
        key=key,
    )


async def _content(request: HttpRequest) -> bytes:
    """The body, whole; `MalformedError`, which nobody will read, when its client has gone."""
    try:
        return await request.body()
    except InternalServerException as error:  # the framework's word for it
        message = "the connection ended before the body was complete"
        raise MalformedError(message) from error
