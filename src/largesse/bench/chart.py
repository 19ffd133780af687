"""A result as a picture: each figure on a line of its own, every run a dot, the bar as a field.

Figures have different units, so each line has its own scale, which begins at 0. What a bar demands
is shaded, and whether it is met is said in words, too: colour alone says nothing to many people.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from msgspec import Struct

from largesse.bench.machine import Machine
from largesse.bench.report import Figure, Result, shown

WIDTH = 860
LINE = 34
TOP = 64
FOOT = 46
LEFT = 250
RIGHT = 250
"""Room for the names, and for the values beside the dots."""

HEADROOM = 1.1
"""The largest value stands a little before the end of its line."""

_FONT = 'font-family="system-ui, sans-serif" font-size="13"'
_INK, _FAINT, _FIELD = "#1f2933", "#7b8794", "#d5f0dd"
_STYLES = {True: ("#18794e", "met"), False: ("#b42318", "missed"), None: ("#3b5b92", "")}


class _Scale(Struct, frozen=True):
    """From values to places on a line."""

    most: float

    def x(self, value: float) -> float:
        """Where a value stands."""
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, value / self.most)


def picture(result: Result, machine: Machine) -> str:
    """The result as an SVG document."""
    height = TOP + LINE * len(result.figures) + FOOT
    lines = (
        part
        for index, one in enumerate(result.figures)
        for part in _line(one, TOP + LINE * index + LINE / 2)
    )
    verdict = "exact" if not result.complaints else "WRONG: " + result.complaints[0]
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {_FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(16, 28, result.scenario, _INK, 'font-size="18" font-weight="600"'),
        _text(16, 48, result.about, _FAINT),
        *lines,
        _text(16, height - 26, verdict, _INK if not result.complaints else _STYLES[False][0]),
        _text(16, height - 10, str(machine), _FAINT, 'font-size="11"'),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _line(one: Figure, y: float) -> Iterator[str]:
    colour, verdict = _STYLES[one.held]
    scale = _Scale(HEADROOM * max(*one.values, *_bounds(one), 1e-9))
    yield _text(LEFT - 14, y + 4, one.name, _INK, 'text-anchor="end"')
    yield from _field(one, scale, y)
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#e4e7eb"/>'
    for value in one.values:
        dot = f'cx="{scale.x(value):.1f}" cy="{y}" r="5" fill="{colour}"'
        yield f'<circle {dot} fill-opacity="0.45"><title>{shown(value)}</title></circle>'
    x = scale.x(one.median)
    ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{y - 9}" y2="{y + 9}"'
    yield f'<line {ends} stroke="{colour}" stroke-width="2.5"/>'
    yield _text(WIDTH - RIGHT + 14, y + 4, _told(one, verdict), colour)


def _told(one: Figure, verdict: str) -> str:
    bar = "" if one.bar is None else f"  ({one.bar}: {verdict})"
    return f"{shown(one.median)} {one.unit}".strip() + bar


def _bounds(one: Figure) -> Sequence[float]:
    if one.bar is None:
        return (0.0,)
    return [side for side in (one.bar.at_least, one.bar.at_most) if side is not None]


def _field(one: Figure, scale: _Scale, y: float) -> Iterator[str]:
    """What the bar demands."""
    if one.bar is None:
        return
    low = LEFT if one.bar.at_least is None else scale.x(one.bar.at_least)
    high = WIDTH - RIGHT if one.bar.at_most is None else scale.x(one.bar.at_most)
    size = f'width="{high - low:.1f}" height="{LINE - 8}"'
    yield f'<rect x="{low:.1f}" y="{y - (LINE - 8) / 2}" {size} fill="{_FIELD}"/>'


def _text(x: float, y: float, text: str, colour: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" {more}>{escape(text)}</text>'
