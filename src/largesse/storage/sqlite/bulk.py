"""One statement for many rows: what a statement costs is mostly that it is called.

SQLite goes through the rows without the interpreter's lock, but values are bound under it: so what
many rows have in common is bound once.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import apsw

ROWS_AT_ONCE = 256
"""Rows of the largest statement. A longer text would not be kept prepared."""

STEP = 16
"""Beyond so many rows there is a statement for each multiple of it, below for each power of two:
few enough for all to stay prepared, and few rows are bound in vain."""


class Bulk(NamedTuple):
    """A statement for many rows.

    `text` finds them in the table `new`, whose `columns` it names itself and whose rows are put in
    for `{rows}`: `n`, which counts from 0 on, then `width` values. Rows are meant where `n < ?1`;
    ?2 is how many went before, in earlier statements; from ?3 on there are `common` values of all.
    """

    text: str
    width: int
    common: int = 0


def execute_for(
    db: apsw.Connection, bulk: Bulk, values: Sequence[object], common: tuple[object, ...] = ()
) -> int:
    """Execute a statement for many rows, whose values follow each other; how many it changed."""
    changed, length = 0, bulk.width * ROWS_AT_ONCE
    for start in range(0, len(values), length):
        part = values[start : start + length]
        count = len(part) // bulk.width
        size = _size(count)
        unused = (None,) * (bulk.width * (size - count))
        bindings = (count, start // bulk.width, *common, *part, *unused)
        db.execute(_of_size(bulk, size), bindings)
        changed += db.changes()
    return changed


def _size(count: int) -> int:
    """How many rows the statement for a count of them has."""
    if count > STEP:
        return -(-count // STEP) * STEP
    return 1 << (count - 1).bit_length()


@lru_cache(maxsize=256)
def _of_size(bulk: Bulk, size: int) -> str:
    first = 3 + bulk.common
    named = ", ".join(f"?{first + at}" for at in range(bulk.width))
    further = ", ".join("?" * bulk.width)
    rows = [f"(0, {named})", *(f"({n}, {further})" for n in range(1, size))]
    return bulk.text.replace("{rows}", ", ".join(rows))
