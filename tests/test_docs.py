"""The pages say what is so: generated ones are fresh, links lead somewhere, words are ours."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from reference import FOLDER, PAGES

from largesse.settings.describe import describe
from largesse.settings.load import load

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "largesse"
GENERATED = PACKAGE / "http" / "rpc" / "generated"
INDEX = ROOT / "docs" / "README.md"
PROMISES = ROOT / "docs" / "explanation" / "promises.md"
GLOSSARY = ROOT / "docs" / "glossary.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DECISION_HEADINGS = ["Context", "Decision", "Consequences", "Alternatives"]
DECISION_LINES_MAX = 60

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
TEST_LINK = re.compile(r"\[`(test_\w+)`\]\(([^)\s]+)\)")
PART_OF_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def pages() -> list[Path]:
    """Every page that people read."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def links(page: Path) -> Iterator[Path]:
    """The files of ours that a page points to."""
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if not re.match(r"[a-z]+:|#", target):
            yield (page.parent / target.partition("#")[0]).resolve()


def complain(problems: list[str]) -> None:
    """Fail with one line per problem."""
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name: str) -> None:
    """A page that was made from the code says what the code says today."""
    kept = FOLDER / name
    assert kept.exists(), "run `make docs`"
    assert kept.read_text() == PAGES[name](), "run `make docs`"


def test_no_generated_page_is_left_behind() -> None:
    """A page about a problem that there is no more."""
    kept = {str(path.relative_to(FOLDER)) for path in FOLDER.glob("problems/*")}
    assert kept == {name for name in PAGES if name.startswith("problems/")}


def test_every_setting_is_documented() -> None:
    """By its name and by its variable."""
    text = (FOLDER / "settings.md").read_text()
    complain(
        [
            f"{row.name}: not in settings.md"
            for row in describe(load({}))
            if f"`{row.name}`" not in text or f"`{row.variable}`" not in text
        ]
    )


def test_links_lead_somewhere() -> None:
    """Every file that a page points to is there."""
    complain(
        [
            f"{page.relative_to(ROOT)}: no {target}"
            for page in pages()
            for target in links(page)
            if not target.exists()
        ]
    )


def missing_tests(page: Path) -> list[str]:
    """The tests that a page names and that are not in the files to which it points for them."""
    return [
        name
        for name, target in TEST_LINK.findall(page.read_text())
        if f"def {name}(" not in (page.parent / target).read_text()
    ]


def test_promises_name_their_tests() -> None:
    """Each test that a page calls a proof is there."""
    assert TEST_LINK.search(PROMISES.read_text())
    complain([f"{page.name}: no {name}" for page in pages() for name in missing_tests(page)])


def test_a_missing_test_is_noticed(tmp_path: Path) -> None:
    """Negative control: the file is there, the test is not."""
    page = tmp_path / "page.md"
    page.write_text("[`test_one`](proofs.py), [`test_two`](proofs.py)")
    (tmp_path / "proofs.py").write_text("def test_one() -> None: ...")
    assert missing_tests(page) == ["test_two"]


def test_every_page_is_found_from_the_index() -> None:
    """What nobody is led to nobody reads."""
    found = {INDEX}
    waiting = [INDEX]
    while waiting:
        for target in links(waiting.pop()):
            if target.suffix == ".md" and target.exists() and target not in found:
                found.add(target)
                waiting.append(target)
    below = set((ROOT / "docs").rglob("*.md"))
    complain([f"{page.relative_to(ROOT)}: link it from docs" for page in sorted(below - found)])


@pytest.mark.parametrize("folder", ["how-to", "explanation", "reference", "decisions"])
def test_the_index_lists_every_page(folder: str) -> None:
    """Itself, not by way of others: whoever looks for a task or a reason looks here."""
    listed = set(links(INDEX))
    there = set((ROOT / "docs" / folder).glob("*.md"))
    assert there
    complain([f"{page.relative_to(ROOT)}: list it in docs" for page in sorted(there - listed)])


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decisions_have_their_parts(page: Path) -> None:
    """Context, decision in two sentences, consequences, alternatives: on one page."""
    text = page.read_text()
    number = int(page.name[:4])
    assert text.startswith(f"# {number}. ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == DECISION_HEADINGS
    assert text.count("\n") <= DECISION_LINES_MAX
    decision = text.partition("## Decision\n")[2].partition("\n## ")[0]
    assert len(re.findall(r"[.!](?=\s|$)", decision)) <= 2


def test_decisions_are_numbered_once() -> None:
    """From 1, without gaps."""
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


@cache
def glossary() -> tuple[set[str], set[str]]:
    """The words that are ours, each also by its parts, and those that are not."""
    text = GLOSSARY.read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    ours: set[str] = set()
    others: set[str] = set()
    for word, _, instead in rows[1:]:
        names = re.split(r", | → ", word)
        ours |= {*names, *(part for name in names for part in name.split())}
        others |= {re.sub(r" \(.*\)", "", name) for name in instead.split(", ")} - {"—"}
    machinery = re.search(r"for machinery: (.*)\.", text)
    assert machinery
    return ours, others - ours - set(machinery[1].split(", "))


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What a module names: classes, functions, arguments, and the fields of classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.lineno, node.name
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield field.lineno, field.target.id
                if isinstance(field, ast.Assign) and isinstance(field.targets[0], ast.Name):
                    yield field.lineno, field.targets[0].id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def spoken(name: str) -> str:
    """A name as one would say it, between spaces: `CouponType` and `coupon_type` are one."""
    return " ".join(["", *(part.lower() for part in PART_OF_NAME.findall(name)), ""])


@cache
def foreign(name: str) -> list[str]:
    """The words in a name that have another name with us."""
    _, others = glossary()
    said = spoken(name)
    return [other for other in sorted(others) if f" {other} " in said or f" {other}s " in said]


def foreign_words(tree: ast.Module) -> list[str]:
    """The same of all names in a module, as `line: name says word`."""
    return [
        f"{line}: {name} says {other!r}" for line, name in names(tree) for other in foreign(name)
    ]


def test_names_are_the_glossarys() -> None:
    """One meaning per word, and one word per meaning."""
    complain(
        [
            f"{path.relative_to(ROOT)}:{found}, the glossary knows another word"
            for path in sorted(PACKAGE.rglob("*.py"))
            if not path.is_relative_to(GENERATED)
            for found in foreign_words(ast.parse(path.read_text()))
        ]
    )


def test_foreign_words_are_found() -> None:
    """Negative control, with what must pass beside it: words of ours, and words of machinery."""
    text = (
        "class CouponType:\n  MEMBERS = 1\n  voucher: str\n"
        "async def grab(user_id, *, code_pool, queue, used): ..."
    )
    assert foreign_words(ast.parse(text)) == [
        "1: CouponType says 'coupon type'",
        "2: MEMBERS says 'member'",
        "3: voucher says 'voucher'",
        "4: grab says 'grab'",
        "4: user_id says 'user'",
    ]


def test_the_glossary_is_whole() -> None:
    """Each word stands once, with its meaning and with what it is not."""
    words = re.findall(r"^\| ([^|]*) \| [^|]+ \| [^|]+ \|$", GLOSSARY.read_text(), re.MULTILINE)
    assert len(words) == len(set(words)) > 20
