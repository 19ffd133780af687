"""`largesse codes check`: what codes from a file are."""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any

from cyclopts import Parameter
from msgspec.structs import asdict
from rich.text import Text

from largesse.cli.errors import CommandError
from largesse.cli.options import Remote
from largesse.cli.progress import bar
from largesse.cli.shown import Shown, facts, table
from largesse.client import codes
from largesse.client.model import CodeFinding

STANDARD_INPUT = Path("-")
AT_ONCE = 1_000
"""The most that one call checks."""

SHOWN_MAX = 1_000
"""Findings that are shown; more are for a file."""

UNKNOWN = "UNKNOWN"
GOOD = ("AVAILABLE", "ISSUED")

_COLUMNS = ("code", "well_formed", "check_right", "known", "status", "campaign_id", "reward")
_IDS = ("pool_id", "incentive_id")
_LOCAL = Remote()
_FILE = "One code per line, or a file that was exported as CSV; - reads standard input."
_OUTPUT = f"Write all findings to this CSV file; without it, {SHOWN_MAX:,} are shown."


def check(
    file: Annotated[Path, Parameter(help=_FILE)] = STANDARD_INPUT,
    /,
    *,
    output: Annotated[Path | None, Parameter(help=_OUTPUT)] = None,
    remote: Remote = _LOCAL,
) -> Shown:
    """Tell of each code how it stands; exit 1 unless all were issued or are in a pool."""
    counts: Counter[str] = Counter()
    shown: list[CodeFinding] = []
    with ExitStack() as stack:
        typed = _codes(file, _opened(stack, file))
        write = None if output is None else _writer(stack, output)
        advance = stack.enter_context(bar("checking"))
        for part in _parts(typed):
            found = remote.ask(codes.check(part)).results
            counts.update(one.status or UNKNOWN for one in found)
            if write is not None:
                write.writerows([[asdict(one)[name] for name in _COLUMNS + _IDS] for one in found])
            else:
                shown += found[: SHOWN_MAX - len(shown)]
            advance(sum(counts.values()), 0)
    return _told(counts, shown, output)


def _opened(stack: ExitStack, file: Path) -> IO[str]:
    if file == STANDARD_INPUT:
        return sys.stdin
    try:
        return stack.enter_context(file.open(encoding="utf-8-sig", newline=""))
    except OSError as error:
        message = f"cannot read {file}: {error.strerror}"
        raise CommandError(message) from error


def _writer(stack: ExitStack, output: Path) -> Any:  # noqa: ANN401 — what csv.writer makes has no name
    try:
        writer = csv.writer(stack.enter_context(output.open("x", encoding="utf-8", newline="")))
    except OSError as error:
        message = f"cannot write {output}: {error.strerror}"
        raise CommandError(message) from error
    writer.writerow(_COLUMNS + _IDS)
    return writer


def _codes(file: Path, lines: Iterable[str]) -> Iterator[str]:
    """The codes of a file: the column `code` where its first line names one, else the first."""
    column = 0
    try:
        for number, row in enumerate(csv.reader(lines)):
            if number == 0 and "code" in row:
                column = row.index("code")
            elif len(row) > column and row[column].strip():
                yield row[column]
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"{file} is no text of codes in UTF-8: {error}"
        raise CommandError(message) from error


def _parts(typed: Iterator[str]) -> Iterator[list[str]]:
    while part := list(islice(typed, AT_ONCE)):
        yield part


def _told(counts: Mapping[str, int], shown: Sequence[CodeFinding], output: Path | None) -> Shown:
    total = sum(counts.values())
    if not total:
        raise CommandError("there is no code to check")
    good = total == sum(counts.get(status, 0) for status in GOOD)
    document = {
        "checked": total,
        "counts": counts,
        "results": [asdict(one) for one in shown],
        "file": None if output is None else str(output),
    }
    people: list[Any] = [facts([("checked", f"{total:,}"), *sorted(counts.items())])]
    if output is None:
        rows = ([getattr(one, column) for column in _COLUMNS] for one in shown)
        people.insert(0, table(_COLUMNS, rows))
        if total > len(shown):
            told = f"These are the first {len(shown):,}: --output FILE takes all of them."
            people.append(Text(told, style="dim"))
    return Shown(document, people, status=0 if good else 1)
