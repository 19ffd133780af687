"""The address in a problem's `type` leads to a page that a person can read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rest_stage import ON_ONE_LOOP, Town

import largesse
from largesse.http.advice import ADVICE
from largesse.http.problems import CATALOGUE, INDEX_PATH, Explained

PACKAGE = Path(largesse.__file__).parent
RAISED = re.compile(r"(\w+\.)*\w+Error|super\(\)\.__init__")
CODE = re.compile(r"[A-Z]+(_[A-Z]+)+")


def codes_raised(tree: ast.AST) -> Iterator[str]:
    """The codes that errors are given by name: where raised, or by a class of their own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            given = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        else:
            given = []
        codes = [
            str(value.value)
            for value in given
            if isinstance(value, ast.Constant) and CODE.fullmatch(str(value.value))
        ]
        if isinstance(node, ast.Call) and codes and not RAISED.fullmatch(ast.unparse(node.func)):
            continue
        yield from codes


def test_every_code_is_explained() -> None:
    """Whoever raises a new one adds its row to `problems.MISTAKES` and to `advice.ADVICE`."""
    raised = {
        code
        for path in PACKAGE.rglob("*.py")
        for code in codes_raised(ast.parse(path.read_text()))
        if not code.startswith("LARGESSE_")
    }
    assert raised
    assert raised <= set(CATALOGUE)
    assert set(ADVICE) == set(CATALOGUE)


def test_a_code_without_a_page_is_noticed() -> None:
    """Negative control: both ways in which a code is named."""
    text = (
        'raise InvalidInputError("x", "/y", "ONE_CODE")\ndef __init__(self, code="TWO_CODES"): ...'
    )
    assert sorted(codes_raised(ast.parse(text))) == ["ONE_CODE", "TWO_CODES"]


@pytest.mark.parametrize("problem", CATALOGUE.values(), ids=lambda problem: problem.code)
@ON_ONE_LOOP
async def test_every_problem_has_a_page(still_town: Town, problem: Explained) -> None:
    """Open to everybody, and it fetches nothing."""
    answer = await still_town.stranger.http.get(problem.path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert f"<h1>{problem.title}</h1>" in answer.text
    assert problem.code in answer.text
    assert "`" not in answer.text


@ON_ONE_LOOP
async def test_the_index_leads_to_all_of_them(still_town: Town) -> None:
    """By the same addresses."""
    answer = await still_town.stranger.http.get(INDEX_PATH)
    assert re.findall(r'href="(/problems/[^"]*)"', answer.text) == [
        problem.path for problem in CATALOGUE.values()
    ]


@ON_ONE_LOOP
async def test_the_type_of_a_refusal_is_the_address_of_its_page(still_town: Town) -> None:
    """What programs are given, people can open."""
    refused = (await still_town.stranger.http.get("/api/v1/campaigns")).json()
    page = await still_town.stranger.http.get(refused["type"])
    assert (refused["code"], page.status_code) == ("UNAUTHENTICATED", 200)
    assert "Authorization: Bearer" in page.text


@ON_ONE_LOOP
async def test_no_page_for_what_is_no_code(still_town: Town) -> None:
    """The usual answer."""
    answer = await still_town.stranger.http.get("/problems/sold-in")
    assert (answer.status_code, answer.json()["code"]) == (404, "NO_ROUTE")
