"""House rules that no linter knows; each complaint names the line and the way out."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import cache, cached_property
from pathlib import Path

import pytest

from largesse.settings.declared import DECLARED

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "largesse"
GENERATED = PACKAGE / "http" / "rpc" / "generated"
"""Written by a program, for programs: no house rule is about it."""

FUNCTION_LINES_MAX = 60
FUNCTION_LINES_P95_MAX = 40
FILE_LINES_MAX = 500
ARGUMENTS_MAX = 5

MODULE_NAMES_THAT_SAY_NOTHING = {"utils", "common", "helpers", "manager", "base", "misc"}

# What a dotted name hides, and the packages that may use it all the same.
HIDDEN_INPUTS = {
    "time.time": ("take a Clock", {"kernel", "bench"}),
    "time.time_ns": ("take a Clock", {"kernel", "bench"}),
    "datetime.now": ("take a Clock", {"kernel"}),
    "datetime.utcnow": ("take a Clock", {"kernel"}),
    "date.today": ("take a Clock", {"kernel"}),
    "random.*": ("take the dice as an argument", {"kernel", "bench"}),
    "uuid4": ("let the caller choose the id", set()),
    "environ": ("take Settings", {"cli"}),
    "getenv": ("take Settings", {"cli"}),
    "print": ("answer, or write a log line", {"cli", "bench"}),
}
HIDDEN_INPUT = re.compile("|".join(translate(f"*.{name}") for name in HIDDEN_INPUTS))
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
EXCUSE = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?P<rest>.*)")
EXCUSE_WITH_REASON = re.compile(r"(?::\s*[A-Z0-9, ]+\d|\[[a-z-]+(?:,\s*[a-z-]+)*\])\W+(?P<why>.*)")
REASON_WORDS_MIN = 2

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A Python file of ours; `place` is its path from the top of the repository."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def place(self) -> Path:
        """Where to look for it."""
        return self.path.relative_to(ROOT)

    @property
    def package(self) -> str:
        """The package of largesse that it belongs to, or its own name just below."""
        return self.path.relative_to(PACKAGE).parts[0].removesuffix(".py")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All that its tree is made of: many rules look at each, and to walk is what takes time."""
        return list(ast.walk(self.tree))

    def functions(self) -> Iterator[Function]:
        """Every function and method in it."""
        for node in self.nodes:
            if isinstance(node, Function):
                yield node


@cache
def modules(folder: Path) -> list[Module]:
    """Every Python file below a folder, read once."""
    return [
        Module(path, text, ast.parse(text))
        for path in sorted(folder.rglob("*.py"))
        if not path.is_relative_to(GENERATED)
        for text in [path.read_text()]
    ]


def sources() -> list[Module]:
    """Our package."""
    return modules(PACKAGE)


def trials() -> list[Module]:
    """Our tests."""
    return modules(ROOT / "tests")


def programs() -> list[Module]:
    """All of our Python."""
    return [*sources(), *trials(), *modules(ROOT / "scripts")]


def lines_of(function: Function) -> int:
    """How long it is, decorators aside."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def arguments_of(function: Function) -> list[str]:
    """The names of all its arguments but self and cls."""
    spec = function.args
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    return [argument.arg for argument in every if argument.arg not in {"self", "cls"}]


def complain(problems: list[str]) -> None:
    """Fail with one line per problem."""
    assert not problems, "\n" + "\n".join(problems)


def test_files_fit_a_reader() -> None:
    """A file answers one question."""
    complain(
        [
            f"{module.place}: more than {FILE_LINES_MAX} lines, split by responsibility"
            for module in programs()
            if module.text.count("\n") > FILE_LINES_MAX
        ]
    )


def test_functions_fit_a_screen() -> None:
    """What fits on a screen is read; what does not is scrolled past."""
    complain(
        [
            f"{module.place}:{function.lineno}: {function.name} has {lines_of(function)} lines, "
            "keep the branches here and move the straight parts out"
            for module in programs()
            for function in module.functions()
            if lines_of(function) > FUNCTION_LINES_MAX
        ]
    )


def test_long_functions_are_rare() -> None:
    """Of a hundred functions ninety-five are short."""
    lengths = sorted(lines_of(function) for module in sources() for function in module.functions())
    assert lengths[int(len(lengths) * 0.95)] <= FUNCTION_LINES_P95_MAX


def test_arguments_fit_a_hand() -> None:
    """More than five belong together under a name: make them a dataclass.

    Tests are spared, because their arguments are fixtures and columns of a table.
    """
    complain(
        [
            f"{module.place}:{function.lineno}: {function.name} takes "
            f"{len(arguments_of(function))} arguments, make a dataclass of them"
            for module in sources()
            for function in module.functions()
            if len(arguments_of(function)) > ARGUMENTS_MAX
        ]
    )


def test_modules_have_names_that_say_something() -> None:
    """A drawer for everything is opened by everybody."""
    complain(
        [
            f"{module.place}: name it after what is in it"
            for module in programs()
            if MODULE_NAMES_THAT_SAY_NOTHING
            & {part.removesuffix(".py") for part in module.place.parts}
        ]
    )


def dotted(node: ast.expr) -> str:
    """A name with its dots; what is no name before the first of them is left out."""
    steps: list[str] = []
    while isinstance(node, ast.Attribute):
        steps.append(node.attr)
        node = node.value
    steps.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(steps))


def hidden_input(node: ast.AST) -> str | None:
    """The entry of `HIDDEN_INPUTS` that an expression or an import uses, if any."""
    if isinstance(node, ast.ImportFrom):
        spelled = [f"{node.module}.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.Attribute | ast.Name):
        spelled = [dotted(node)]
    else:
        return None
    for one in spelled:
        if HIDDEN_INPUT.match(f".{one}"):
            return next(name for name in HIDDEN_INPUTS if fnmatchcase(f".{one}", f"*.{name}"))
    return None


def test_decisions_have_no_hidden_inputs() -> None:
    """What reads a clock or rolls dice by itself cannot be repeated."""
    problems = []
    for module in sources():
        for node in module.nodes:
            name = hidden_input(node)
            if name is None:
                continue
            way_out, excused = HIDDEN_INPUTS[name]
            if module.package not in excused:
                assert isinstance(node, ast.expr | ast.stmt)
                problems.append(f"{module.place}:{node.lineno}: {name} is banned, {way_out}")
    complain(problems)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("time.time()", "time.time"),
        ("from time import time_ns", "time.time_ns"),
        ("datetime.datetime.now(UTC)", "datetime.now"),
        ("import random\nrandom.random()", "random.*"),
        ("numpy.random.default_rng()", "random.*"),
        ("uuid.uuid4()", "uuid4"),
        ("os.environ['HOME']", "environ"),
        ("print('x')", "print"),
        ("machine().time.time()", "time.time"),
        ("clocks[0].datetime.now", "datetime.now"),
        ("time.timezone; fingerprint(random); datetime.fromtimestamp(0)", None),
    ],
)
def test_hidden_inputs_are_found(text: str, found: str | None) -> None:
    """However they are spelled; and nothing that only looks like one."""
    names = {hidden_input(node) for node in ast.walk(ast.parse(text))} - {None}
    assert names == ({found} if found else set())


def unread(names: Iterable[str], readers: list[Module]) -> list[str]:
    """The settings, by dotted name, that no attribute of these modules is called after."""
    read = {
        node.attr for module in readers for node in module.nodes if isinstance(node, ast.Attribute)
    }
    return [name for name in names if name.rpartition(".")[2] not in read]


def test_every_setting_is_read() -> None:
    """Whoever turns a knob finds it connected."""
    readers = [module for module in sources() if module.package != "settings"]
    complain([f"{name}: nobody reads it" for name in unread(DECLARED, readers)])
    assert unread(["server.port", "server.planted"], readers) == ["server.planted"]


def test_nothing_is_left_unfinished() -> None:
    """Finish it before the merge, or write it down where work is planned."""
    complain(
        [
            f"{module.place}:{number}: finish it"
            for module in programs()
            if module.path != Path(__file__)
            for number, line in enumerate(module.text.splitlines(), start=1)
            if UNFINISHED.search(line)
        ]
    )


def lacks_reason(line: str) -> bool:
    """Whether a line silences a checker without a code or without saying why."""
    excuse = EXCUSE.search(line)
    if excuse is None:
        return False
    reasoned = EXCUSE_WITH_REASON.match(excuse["rest"])
    return reasoned is None or len(reasoned["why"].split()) < REASON_WORDS_MIN


def test_excuses_have_reasons() -> None:
    """Who silences a checker says which rule and why, in the same comment."""
    complain(
        [
            f"{module.place}:{number}: name the rule, then say why"
            for module in programs()
            if module.path != Path(__file__)
            for number, line in enumerate(module.text.splitlines(), start=1)
            if lacks_reason(line)
        ]
    )


@pytest.mark.parametrize(
    ("line", "lacking"),
    [
        ("x = 1", False),
        ("x = 1  # noqa", True),
        ("x = 1  # noqa: S608", True),
        ("x = 1  # type: ignore", True),
        ("x = 1  # type: ignore[arg-type]", True),
        ("x = 1  # noqa: S608, E501 — the table's name is ours", False),
        ("x = 1  # noqa: S608 the table's name is ours", False),
        ("x = 1  # type: ignore[arg-type]  # a factory will do", False),
    ],
)
def test_excuses_without_reasons_are_found(line: str, lacking: bool) -> None:  # noqa: FBT001 — a column of the table above
    """Both kinds of comment, with and without a reason."""
    assert lacks_reason(line) is lacking


def test_every_store_port_has_a_contract() -> None:
    """A port without a contract suite is a promise nobody keeps."""
    contracts = {
        node.name
        for module in sources()
        if module.package == "testing" and "contracts" in module.place.parts
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
    }
    complain(
        [
            f"{module.place}:{node.lineno}: no {node.name}Contract in testing/contracts"
            for module in sources()
            if module.path.name == "ports.py"
            for node in module.tree.body
            if isinstance(node, ast.ClassDef) and node.name.endswith("Store")
            if f"{node.name}Contract" not in contracts
        ]
    )


def sleeps(node: ast.AST) -> bool:
    """Whether a call waits for time to pass; `sleep(0)` only lets others run."""
    if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("sleep"):
        return False
    return [ast.unparse(argument) for argument in node.args] != ["0"]


def test_tests_wait_for_signals() -> None:
    """A sleep is too short on a slow machine and too long on a fast one."""
    complain(
        [
            f"{module.place}:{node.lineno}: wait for what you are waiting for"
            for module in trials()
            for node in module.nodes
            if isinstance(node, ast.Call) and sleeps(node)
        ]
    )


def test_tests_replace_nothing_of_ours() -> None:
    """A patched part is not the part: hand the test's own in through the constructor."""
    complain(
        [
            f"{module.place}:{node.lineno}: no {ast.unparse(node)}"
            for module in trials()
            for node in module.nodes
            if isinstance(node, ast.Import | ast.ImportFrom) and "mock" in ast.unparse(node)
        ]
    )
