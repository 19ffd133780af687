"""Whether what was printed is what the page shows."""

import re
from textwrap import dedent

VARIES = "…"
"""Stands in an answer for what differs from run to run, or is too long to be shown."""


def as_pattern(answer: str) -> re.Pattern[str]:
    """What an answer as printed matches: a line break and its indent may be nothing, … anything."""
    lines = [line.strip() for line in answer.strip().splitlines()]
    patterns = [".*?".join(re.escape(part) for part in line.split(VARIES)) for line in lines]
    return re.compile(r"\s*".join(patterns), re.DOTALL)


def shows(answer: str, printed: str) -> bool:
    """Whether an answer on a page shows what was printed."""
    return as_pattern(answer).fullmatch(printed.replace("\r\n", "\n").strip()) is not None


def unshown(answer: str, printed: str, place: str) -> str:
    """The complaint about an answer that shows something else."""
    return f"{place} shows\n{dedent(answer)}\nbut what was printed is\n{printed}"
