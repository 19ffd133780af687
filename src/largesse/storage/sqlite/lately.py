"""What was written last, whole, for those who ask again at once: their rows need not be read."""

from collections.abc import Iterable
from typing import Generic, TypeVar

SHELF_MAX = 4_096
"""Rows of a shelf, or the last batch more: it is forgotten at once, in well under a millisecond."""

SHELVES_MAX = 16

T = TypeVar("T")


class Lately(Generic[T]):
    """Some of the latest rows, by hashes that lead to them. One thread adds; any may look."""

    def __init__(self) -> None:
        self._shelves: tuple[dict[int, T], ...] = ({},)

    def add(self, rows: Iterable[tuple[int, T]]) -> None:
        """Remember rows, each by a hash; the oldest make room."""
        if len(self._shelves[0]) >= SHELF_MAX:
            self._shelves = ({}, *self._shelves[: SHELVES_MAX - 1])
        self._shelves[0].update(rows)

    def get(self, one: int) -> T | None:
        """The latest row by a hash, if it is remembered still. Another thing may have its hash."""
        for shelf in self._shelves:
            row = shelf.get(one)
            if row is not None:
                return row
        return None
