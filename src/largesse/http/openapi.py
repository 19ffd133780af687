"""The OpenAPI 3.1 document, made from the same records that the routes are served from."""

import importlib.metadata
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import FieldInfo, fields

from largesse.http.errors import CONTENT_TYPE, Problem
from largesse.http.operation import AnyOperation, KeyUse, Shown
from largesse.http.parsing import Nothing
from largesse.http.pipeline import WITH_BODY
from largesse.kernel.command import KEY_CHARACTERS_MAX
from largesse.tenants.model import Scope

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"

_PARAMETER = re.compile(r"{(\w+)}")

_ABOUT = """\
largesse gives out limited things of value, exactly: never one too many, never one too few.

Times are RFC 3339, in UTC with milliseconds. Refusals are `application/problem+json` (RFC 9457);
`code` is stable, `transient` tells whether trying again can help. Every POST takes an
`Idempotency-Key`, a batch one per item: the same key with the same body brings the first answer
again."""

_REFUSALS: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "The request is not well formed.",
    HTTPStatus.UNAUTHORIZED: "There is no API key or customer token, or it opens nothing.",
    HTTPStatus.FORBIDDEN: "The API key lacks the scope, or the customer asks for another's.",
    HTTPStatus.NOT_FOUND: "There is no such thing in this tenant.",
    HTTPStatus.CONFLICT: "Refused; `code` says why.",
    HTTPStatus.GONE: "It has ended or expired.",
    HTTPStatus.PRECONDITION_FAILED: "Somebody else changed it since it was read.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than this route takes.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is called something else than JSON.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Something is wrong with what `pointer` points at.",
    HTTPStatus.PRECONDITION_REQUIRED: "If-Match is missing.",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "The file ends before the range begins.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many at once, or too many wrong guesses; `code` says which.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of ours.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Try again in a moment with the same key.",
}

_HEADERS: dict[str, Json] = {
    "content-range": {
        "description": "Which bytes of how many these are.",
        "schema": {"type": "string", "examples": ["bytes 100-199/200"]},
    },
    "x-request-id": {
        "description": "The id of the request: the caller's, else one of ours.",
        "schema": {"type": "string"},
    },
    "etag": {
        "description": "The version, for If-Match.",
        "schema": {"type": "string", "examples": ['"1"']},
    },
    "idempotency-replayed": {
        "description": "`true` when an earlier call with this key brought this answer.",
        "schema": {"const": "true"},
    },
    "retry-after": {
        "description": "Seconds until it makes sense to try again.",
        "schema": {"type": "integer"},
    },
    "ratelimit": {
        "description": "How many wrong guesses are left, and for how many seconds.",
        "schema": {"type": "string"},
    },
    "ratelimit-policy": {
        "description": "How many wrong guesses are allowed in how many seconds.",
        "schema": {"type": "string"},
    },
}


def encoded(operations: Sequence[AnyOperation]) -> bytes:
    """The document as JSON, as it is served and kept in docs/reference/openapi.json."""
    return msgspec.json.format(msgspec.json.encode(document(operations)), indent=2) + b"\n"


def document(operations: Sequence[AnyOperation]) -> Json:
    """The document."""
    types = _Types(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, types
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "largesse",
            "version": importlib.metadata.version("largesse"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in operations)],
        "paths": paths,
        "components": {
            "schemas": types.components,
            "responses": _problem_responses(types),
            "headers": _HEADERS,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key. Its scopes: "
                    + ", ".join(f"`{scope}`" for scope in Scope)
                    + ". `admin` covers all but `operator`.",
                },
                "customer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A customer token, which speaks for one customer alone.",
                },
            },
        },
    }


class _Types:
    """The JSON schemas of all types that operations speak of."""

    def __init__(self, operations: Sequence[AnyOperation]) -> None:
        self._types = list(_types_of(operations))
        schemas, self.components = msgspec.json.schema_components(
            self._types, ref_template=REFERENCE
        )
        self._schemas = list(schemas)

    def schema(self, wanted: Any) -> Json:  # noqa: ANN401 — a type form has no type of its own
        """The schema of a type, or of any one of a tuple of types."""
        if isinstance(wanted, tuple):
            return {"anyOf": [self.schema(one) for one in wanted]}
        return self._schemas[self._types.index(wanted)]


def _types_of(operations: Sequence[AnyOperation]) -> Iterator[Any]:
    yield Problem
    for operation in operations:
        yield _body_of(operation)
        for shown in operation.answers:
            if isinstance(shown.body, tuple):
                yield from shown.body
            elif shown.body is not None:
                yield shown.body
        yield from get_type_hints(operation.query, include_extras=True).values()


def _body_of(operation: AnyOperation) -> Any:  # noqa: ANN401 — a type form
    return operation.body_shown or operation.body


def _operation(operation: AnyOperation, types: _Types) -> Json:
    described: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description + _scopes(operation),
        "security": _security(operation),
        "parameters": list(_parameters(operation, types)),
        "responses": _responses(operation, types),
    }
    if operation.method in WITH_BODY:
        described["requestBody"] = _request_body(operation, types)
    return described


def _security(operation: AnyOperation) -> list[Json]:
    schemes = ["key"] * bool(operation.scopes) + ["customer"] * operation.customers
    return [{scheme: []} for scheme in schemes]


def _scopes(operation: AnyOperation) -> str:
    if not operation.scopes:
        return "\n\nOpen to everybody."
    named = " or ".join(f"`{scope}`" for scope in operation.scopes)
    own = "; or a customer token, for what is the customer's own" if operation.customers else ""
    return f"\n\nScope: {named}{own}."


def _parameters(operation: AnyOperation, types: _Types) -> Iterator[Json]:
    for name in _PARAMETER.findall(operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    hints = get_type_hints(operation.query, include_extras=True)
    for field in fields(operation.query):
        yield _query_parameter(field, types.schema(hints[field.name]))
    if operation.key is not KeyUse.NONE:
        required = operation.key is KeyUse.REQUIRED
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A key of your choice: a retry with it gets the first answer."
            + (" Only a dry run needs none (else 400 `KEY_REQUIRED`)." if required else ""),
            "required": False,
            "schema": {"type": "string", "pattern": f"^[!-~]{{1,{KEY_CHARACTERS_MAX}}}$"},
        }
    if operation.if_match:
        yield {
            "name": "If-Match",
            "in": "header",
            "description": "The ETag of the version that was read.",
            "required": True,
            "schema": {"type": "string", "examples": ['"1"']},
        }


def _query_parameter(field: FieldInfo, schema: Json) -> Json:
    shown = {name: value for name, value in schema.items() if name != "description"}
    if isinstance(field.default, int):
        shown["default"] = field.default
    parameter = {
        "name": field.encode_name,
        "in": "query",
        "required": field.required,
        "schema": shown,
    }
    if "description" in schema:
        parameter["description"] = schema["description"]
    return parameter


def _request_body(operation: AnyOperation, types: _Types) -> Json:
    wanted = _body_of(operation)
    media: Json = {"schema": types.schema(wanted)}
    if operation.body_example is not None:
        media["example"] = operation.body_example
    return {"required": wanted is not Nothing, "content": {"application/json": media}}


def _responses(operation: AnyOperation, types: _Types) -> Json:
    responses = {str(shown.status): _answer(shown, types) for shown in operation.answers}
    for status in sorted(_refusals(operation)):
        name = HTTPStatus(status).name
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{name}"})
    return responses


def _problem_responses(types: _Types) -> Json:
    """What a refusal with each status is, the same on all routes."""
    waiting = (
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
    return {
        HTTPStatus(status).name: {
            "description": description,
            "headers": _references(
                ["x-request-id", "retry-after"] if status in waiting else ["x-request-id"]
            ),
            "content": {CONTENT_TYPE.decode(): {"schema": types.schema(Problem)}},
        }
        for status, description in _REFUSALS.items()
    }


def _refusals(operation: AnyOperation) -> set[int]:
    """The statuses of the problems that an operation may give."""
    statuses: set[int] = {HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR}
    statuses |= {HTTPStatus.UNPROCESSABLE_ENTITY, *operation.refusals}
    if operation.scopes:
        statuses |= {
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.SERVICE_UNAVAILABLE,
        }
    if "{" in operation.path:
        statuses.add(HTTPStatus.NOT_FOUND)
    if operation.method in WITH_BODY:
        statuses |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    return statuses


def _answer(shown: Shown, types: _Types) -> Json:
    answer: Json = {
        "description": shown.description,
        "headers": _references(["x-request-id", *shown.headers]),
    }
    if shown.body is not None:
        answer["content"] = {shown.content_type: {"schema": types.schema(shown.body)}}
    return answer


def _references(headers: Sequence[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
