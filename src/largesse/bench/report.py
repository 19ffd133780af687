"""What a scenario found: figures with their bars, as a table and as JSON."""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from largesse.bench.machine import Machine

Better = Literal["higher", "lower"]

_LARGE = 100


class Bar(Struct, frozen=True):
    """How good a figure has to be."""

    at_least: float | None = None
    at_most: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value is good enough."""
        low = self.at_least is not None and value < self.at_least
        return not low and not (self.at_most is not None and value > self.at_most)

    def __str__(self) -> str:
        """The bar as people write it."""
        sides = (("≥", self.at_least), ("≤", self.at_most))
        return " and ".join(f"{sign} {shown(side)}" for sign, side in sides if side is not None)


class Figure(Struct, frozen=True):
    """One thing that was measured, once per run.

    `better` says which way is; None of what only tells how the machine was.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    bar: Bar | None = None
    better: Better | None = None

    @property
    def median(self) -> float:
        """The value that counts."""
        return statistics.median(self.values)

    @property
    def held(self) -> bool | None:
        """Whether it is good enough; None where nothing is demanded."""
        return None if self.bar is None else self.bar.holds(self.median)


class Result(Struct, frozen=True):
    """What a scenario found. Any complaint means that a wrong number was issued: it failed."""

    scenario: str
    about: str
    figures: tuple[Figure, ...]
    complaints: tuple[str, ...] = ()


def figure(name: str, unit: str, values: Sequence[float], *, bar: Bar | None = None) -> Figure:
    """A figure of some runs' values: speeds and ratios should be high, all else low."""
    better: Better = "higher" if unit.endswith("/s") or not unit else "lower"
    return Figure(name, unit, tuple(values), bar, better)


def beside(name: str, unit: str, values: Sequence[float]) -> Figure:
    """A figure of what is measured beside the matter itself, for others to be compared with."""
    return Figure(name, unit, tuple(values))


def ratios(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Of each run, how many times the other value its value is."""
    return [value / other for value, other in zip(values, others, strict=True)]


def document(result: Result, machine: Machine) -> dict[str, object]:
    """A result for programs."""
    figures = [
        {
            "name": one.name,
            "unit": one.unit,
            "median": one.median,
            "values": one.values,
            "better": one.better,
            "bar": None if one.bar is None else str(one.bar),
            "held": one.held,
        }
        for one in result.figures
    ]
    return {
        "scenario": result.scenario,
        "about": result.about,
        "machine": msgspec.to_builtins(machine),
        "figures": figures,
        "exact": not result.complaints,
        "complaints": list(result.complaints),
    }


def write_json(document: object) -> None:
    """Print something for programs."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def keep(folder: Path, document: dict[str, object]) -> Path:
    """Write a document to the file of its scenario."""
    path = folder / f"{document['scenario']}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    return path


def draw(result: Result) -> list[RenderableType]:
    """A result for people."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=result.scenario, title_justify="left")
    for name in ("figure", "median", "unit", "runs", "bar"):
        table.add_column(name, justify="right" if name in ("median", "runs") else "left")
    for one in result.figures:
        style = {None: "", True: "green", False: "bold red"}[one.held]
        table.add_row(
            one.name,
            Text(shown(one.median), style=style),
            one.unit,
            "  ".join(shown(value) for value in one.values),
            Text("" if one.bar is None else str(one.bar), style=style),
        )
    verdict = [Text(f"WRONG: {complaint}", style="bold red") for complaint in result.complaints]
    exact = Text("exact: the ledger holds what was answered", style="green")
    return [table, Text(result.about, style="dim"), *(verdict or [exact]), Text()]


def shown(value: float) -> str:
    """A number with as many digits as mean something."""
    if float(value).is_integer() or abs(value) >= _LARGE:
        return f"{value:,.0f}"
    return f"{value:.3g}"
