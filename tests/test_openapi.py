"""The OpenAPI document: fresh, whole, and about the routes that are served."""

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest

from largesse.http import openapi
from largesse.http.app import OPERATIONS
from largesse.http.operation import AnyOperation, KeyUse
from largesse.http.pipeline import WITH_BODY

KEPT = Path(__file__).parent.parent / "docs" / "reference" / "openapi.json"
DOCUMENT = openapi.document(OPERATIONS)
DESCRIBED = [
    (f"{method} {path}", described)
    for path, methods in DOCUMENT["paths"].items()
    for method, described in methods.items()
]

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)


def described(operation: AnyOperation) -> Any:  # noqa: ANN401 — a piece of JSON
    """What the document says of an operation."""
    return DOCUMENT["paths"][operation.path][operation.method.lower()]


def references(part: object) -> Iterator[str]:
    """Every `$ref` in a piece of the document."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_the_kept_document_is_fresh() -> None:
    """It is what the code says today: `make docs` writes it."""
    assert KEPT.read_bytes() == openapi.encoded(OPERATIONS)


def test_it_is_json_and_says_its_version() -> None:
    """OpenAPI 3.1, whose schemas are JSON Schema 2020-12."""
    assert json.loads(openapi.encoded(OPERATIONS))["openapi"].startswith("3.1")


def test_every_reference_leads_somewhere() -> None:
    """To a schema, a header or a response of the document itself."""
    for reference in references(DOCUMENT):
        assert reference.startswith("#/")
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_operations_have_names_of_their_own() -> None:
    """A client's methods are named after them."""
    names = [one["operationId"] for _, one in DESCRIBED]
    assert len(names) == len(set(names)) == len(OPERATIONS)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", name) for name in names)


@every_operation
def test_operations_are_described(operation: AnyOperation) -> None:
    """A summary without a full stop, a description in sentences, a tag that is declared."""
    one = described(operation)
    assert one["summary"]
    assert not one["summary"].endswith(".")
    assert one["description"].partition("\n\n")[0].endswith(".")
    assert {"name": one["tags"][0]} in DOCUMENT["tags"]
    assert bool(one["security"]) is bool(operation.scopes)


@every_operation
def test_parameters_are_those_of_the_path_and_the_query(operation: AnyOperation) -> None:
    """Each once; headers that a route reads are among them."""
    one = described(operation)
    found = {(parameter["in"], parameter["name"]) for parameter in one["parameters"]}
    wanted = {("path", name) for name in re.findall(r"{(\w+)}", operation.path)}
    wanted |= {("query", field.encode_name) for field in msgspec.structs.fields(operation.query)}
    if operation.key is not KeyUse.NONE:
        wanted.add(("header", "Idempotency-Key"))
    if operation.if_match:
        wanted.add(("header", "If-Match"))
    assert found == wanted
    assert len(one["parameters"]) == len(found)


@every_operation
def test_every_post_takes_a_key(operation: AnyOperation) -> None:
    """All that create or decide; a batch has one per item instead, and a token is kept nowhere."""
    takes = operation.key is not KeyUse.NONE
    keyless = operation.name in ("claim_batch", "make_customer_token")
    assert takes is (operation.method == "POST" and not keyless)


@every_operation
def test_answers_are_documented(operation: AnyOperation) -> None:
    """Successes with their schema, refusals as problems, all with the request's id."""
    responses = described(operation)["responses"]
    wanted = {"400", "422", "500"} | ({"401", "403", "503"} if operation.scopes else set())
    if operation.method in WITH_BODY:
        wanted |= {"413", "415"}
    if "{" in operation.path:
        wanted.add("404")
    assert wanted <= set(responses)
    for status, response in responses.items():
        kind = response.get("$ref", "").removeprefix("#/components/responses/")
        answer = DOCUMENT["components"]["responses"][kind] if kind else response
        assert answer["description"]
        assert "x-request-id" in answer["headers"]
        if kind:
            assert HTTPStatus[kind] == int(status)
            assert list(answer["content"]) == ["application/problem+json"]
        assert bool(answer.get("content")) is (status != "204")


@every_operation
def test_examples_are_bodies_that_would_be_read(operation: AnyOperation) -> None:
    """Whoever tries one out from the page is not told 422."""
    if operation.method in WITH_BODY:
        media = described(operation)["requestBody"]["content"]["application/json"]
        wanted = operation.body_shown or operation.body
        example = media.get("example", {})
        msgspec.json.decode(msgspec.json.encode(example), type=wanted)
