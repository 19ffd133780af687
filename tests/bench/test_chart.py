"""The picture of a result."""

from xml.etree import ElementTree as ET

import pytest

from largesse.bench import machine
from largesse.bench.chart import picture
from largesse.bench.report import Bar, Result, beside, figure

SVG = "{http://www.w3.org/2000/svg}"

RESULT = Result(
    "claim <&>",
    "256 connections",
    (
        figure("ratio", "", [0.4, 0.6, 0.55], bar=Bar(at_least=0.5)),
        figure("p99", "ms", [4.5], bar=Bar(at_most=4)),
        beside("echo", "answers/s", [0.0, 0.0]),
    ),
)


def drawn(result: Result) -> ET.Element:
    """The document, which must be one."""
    return ET.fromstring(picture(result, machine.look()))  # noqa: S314 - our own


def texts(result: Result) -> list[str]:
    """All that is written in the picture."""
    return [element.text or "" for element in drawn(result).iter(f"{SVG}text")]


def test_every_run_is_a_dot_and_every_bar_a_field() -> None:
    """Whatever names hold, and where all values are 0."""
    assert len(list(drawn(RESULT).iter(f"{SVG}circle"))) == 6
    fields = [one for one in drawn(RESULT).iter(f"{SVG}rect") if one.get("x")]
    assert len(fields) == 2
    assert "claim <&>" in texts(RESULT)


def test_verdicts_are_in_words() -> None:
    """Beside the colour."""
    assert "0.55  (≥ 0.5: met)" in texts(RESULT)
    assert "4.5 ms  (≤ 4: missed)" in texts(RESULT)
    assert "exact" in texts(RESULT)
    wrong = Result("claim", "", RESULT.figures, ("100 rows of a quota of 99",))
    assert "WRONG: 100 rows of a quota of 99" in texts(wrong)


def test_places_are_within_the_lines() -> None:
    """A value's place grows with it, and the largest is on the line."""
    circles = [float(one.get("cx", "")) for one in drawn(RESULT).iter(f"{SVG}circle")]
    assert circles[0] < circles[2] < circles[1] < 610
    assert circles[0] == pytest.approx(250 + 360 * 0.4 / 0.66, abs=0.1)
