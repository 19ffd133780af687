"""`largesse bench-compare`: what changed between two results, with the noise of both in mind.

A machine is not the same from one hour to the next, and a figure not from one run to the next. A
change counts where it is larger than a threshold *and* no run of one side reaches into the runs of
the other. Three runs a side come apart so by chance once in twenty times; then measure again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from largesse.bench.plan import BenchError
from largesse.bench.report import Better, shown, write_json

Verdict = Literal["better", "worse", "same", "not judged"]

THRESHOLD = 0.10
"""A tenth: what speeds of one commit vary by on a machine that does other things, too."""

_STYLES: Mapping[str, str] = {"better": "green", "worse": "bold red", "same": "dim"}
_OLD = "The earlier result: a file that the bench wrote, or a folder of them."
_NEW = "The later one, to be judged."
_THRESHOLD = "By what part of itself a figure may get worse, even beyond the noise."


class Kept(Struct, frozen=True):
    """A figure as the bench keeps it."""

    name: str
    unit: str
    median: float
    values: tuple[float, ...]
    better: Better | None = None


class Run(Struct, frozen=True):
    """A result as the bench keeps it."""

    scenario: str
    machine: Mapping[str, Any]
    figures: tuple[Kept, ...]
    exact: bool


class Change(Struct, frozen=True):
    """What became of a figure; `change` is a part of the old median, `noise` of the wider side."""

    scenario: str
    figure: str
    unit: str
    old: float
    new: float
    change: float
    noise: float
    verdict: Verdict


class Comparison(Struct, frozen=True):
    """All changes, what else is to be said, and whether the later result is worse."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    worse: bool

    def write(self, *, json: bool) -> int:
        """Print it; 1 where anything got worse or was wrong."""
        if json:
            write_json(self)
        else:
            Console(highlight=False).print(_table(self.changes), *self.notes, sep="\n")
        return int(self.worse)


def bench_compare(
    old: Annotated[Path, Parameter(help=_OLD)],
    new: Annotated[Path, Parameter(help=_NEW)],
    /,
    *,
    threshold: Annotated[
        float, Parameter(help=_THRESHOLD, validator=Number(gte=0, lt=1))
    ] = THRESHOLD,
) -> Comparison:
    """Tell what changed between two results of the bench; 1 where something got worse."""
    before, after = _read(old), _read(new)
    both = [name for name in after if name in before]
    if not both:
        raise BenchError(f"{old} and {new} have no scenario in common: there is nothing to compare")
    changes = tuple(
        change for name in both for change in compare(before[name], after[name], threshold)
    )
    wrong = [
        f"{name} gave out a wrong number: see its result" for name in after if not after[name].exact
    ]
    worse = bool(wrong) or any(change.verdict == "worse" for change in changes)
    return Comparison(changes, (*wrong, *_notes(before, after)), worse)


def compare(old: Run, new: Run, threshold: float) -> list[Change]:
    """The figures that both results of a scenario have."""
    before = {one.name: one for one in old.figures}
    alike = _place(old) == _place(new)
    return [
        _change(
            new.scenario, before[one.name], one, threshold if _judged(one, alike=alike) else None
        )
        for one in new.figures
        if one.name in before
    ]


def _judged(figure: Kept, *, alike: bool) -> bool:
    """Figures without a better side are not judged, nor absolute ones of different machines."""
    return figure.better is not None and (alike or not figure.unit)


def _change(scenario: str, old: Kept, new: Kept, threshold: float | None) -> Change:
    change = new.median / old.median - 1 if old.median else 0.0
    noise = max(_spread(old), _spread(new))
    verdict: Verdict = "not judged"
    if threshold is not None:
        gain = change if new.better == "higher" else -change
        apart = max(old.values) < min(new.values) or max(new.values) < min(old.values)
        verdict = "same"
        if apart and abs(gain) > threshold:
            verdict = "better" if gain > 0 else "worse"
    return Change(scenario, new.name, new.unit, old.median, new.median, change, noise, verdict)


def _spread(figure: Kept) -> float:
    """How far the runs lie apart, as a part of their median."""
    return (max(figure.values) - min(figure.values)) / figure.median if figure.median else 0.0


def _place(run: Run) -> tuple[object, ...]:
    """What of a machine makes absolute figures comparable."""
    return tuple(run.machine.get(name) for name in ("processor", "cores", "python"))


def _notes(before: Mapping[str, Run], after: Mapping[str, Run]) -> list[str]:
    notes = [f"{name} is only in the later result" for name in after if name not in before]
    notes += [f"{name} is only in the earlier result" for name in before if name not in after]
    both = [name for name in after if name in before]
    if any(_place(before[name]) != _place(after[name]) for name in both):
        notes.append("the machines differ: only ratios are judged")
    if any(len(one.values) == 1 for name in both for one in after[name].figures):
        notes.append("some figures have a single run, whose noise nobody knows: measure more")
    return notes


def _read(path: Path) -> dict[str, Run]:
    """The results in a file or a folder, by their scenarios."""
    files: Sequence[Path] = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise BenchError(f"there are no results in {path}")
    try:
        runs = [msgspec.json.decode(file.read_bytes(), type=Run) for file in files]
    except OSError as error:
        raise BenchError(f"cannot read {error.filename}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BenchError(f"{path} is no result of the bench: {error}") from error
    return {run.scenario: run for run in runs}


def _table(changes: Sequence[Change]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("scenario", "figure", "old", "new", "unit", "change", "noise", "verdict"):
        numeric = name in ("old", "new", "change", "noise")
        table.add_column(name, justify="right" if numeric else "left")
    for one in changes:
        table.add_row(
            one.scenario,
            one.figure,
            shown(one.old),
            shown(one.new),
            one.unit,
            f"{one.change:+.1%}",
            f"{one.noise:.1%}",
            Text(one.verdict, style=_STYLES.get(one.verdict, "")),
        )
    return table
