"""The page for whoever is on call knows every line and number that the server can show."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from blocks import ROOT

from largesse.http.metrics import METRICS
from largesse.kernel.outcome import Outcome

PAGE = (ROOT / "docs" / "how-to" / "what-if.md").read_text()
PACKAGE = ROOT / "src" / "largesse"
TOLD_BY_SERVERS = [
    path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "bench"
]
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
LOGGERS = ("_log", "log", "logger")
CHECK = re.compile(r"Timer|([\w.]+\.)?_?health\.report")
SUFFIX = re.compile("_(bucket|count|sum)$")


@cache
def calls(path: Path) -> list[ast.Call]:
    """Every call in a module."""
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def events(call: ast.Call) -> Iterator[str]:
    """The event that a call writes to the log, as far as it is the same each time."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LEVELS:
        return
    logger = ast.unparse(call.func.value)
    if logger.rpartition(".")[2] in LOGGERS:
        assert isinstance(call.args[0], ast.Constant), ast.unparse(call)
        yield str(call.args[0].value).partition(":")[0]


def checks(call: ast.Call) -> Iterator[str]:
    """The name of the check that a call declares."""
    if CHECK.fullmatch(ast.unparse(call.func)) and isinstance(call.args[0], ast.Constant):
        yield str(call.args[0].value)


def unexplained(words: set[str], page: str) -> list[str]:
    """The words that begin no row of a table on the page."""
    return sorted(
        word for word in words if not re.search(rf"^\|[^|]*`{re.escape(word)}`", page, re.MULTILINE)
    )


def test_every_event_of_the_log_is_explained() -> None:
    """What it means, and what to do: in the table of events."""
    found = {event for path in TOLD_BY_SERVERS for call in calls(path) for event in events(call)}
    assert "batch" in found
    assert unexplained(found, PAGE) == []


def test_every_check_is_explained() -> None:
    """Each of those that may make the server not ready."""
    found = {check for path in TOLD_BY_SERVERS for call in calls(path) for check in checks(call)}
    assert "clock" in found
    assert unexplained(found, PAGE) == []


def test_every_metric_is_explained_and_there() -> None:
    """None is left out, and no alarm is set on one that there is not."""
    assert unexplained(set(METRICS), PAGE) == []
    named = {SUFFIX.sub("", name) for name in re.findall(r"\blargesse_[a-z_]+", PAGE)}
    assert named <= set(METRICS)
    for outcome in re.findall(r'outcome="(\w+)"', PAGE):
        assert outcome in Outcome.__members__ or outcome.endswith("Error")


def test_what_is_missing_is_noticed() -> None:
    """Negative control: an event, a check, a row."""
    tree = ast.parse('_log.info("Told: %s", 1)\nTimer("hourly", 1, x)\nself.log.error("worse")')
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [event for call in found for event in events(call)] == ["Told", "worse"]
    assert [check for call in found for check in checks(call)] == ["hourly"]
    assert unexplained({"a", "b"}, "| `a` | said |\n\n| c | `b` |") == ["b"]
