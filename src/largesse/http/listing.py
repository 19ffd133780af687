"""Lists, page by page: where a caller's walk through one of them stands, and how it goes on."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from largesse.http.operation import Call
from largesse.http.parsing import Nothing
from largesse.http.shapes.lists import ListQuery
from largesse.kernel.paging import Cursors

Query = TypeVar("Query", bound=ListQuery)
Row = TypeVar("Row")
Place = int | str
"""Part of what tells a row of a list from all others."""


class Walk(Struct, frozen=True):
    """A walk through the list `name`. `seen` is the place of the last row shown, empty before."""

    cursors: Cursors
    tenant: int
    name: str
    limit: int
    seen: list[Place]

    @property
    def number(self) -> int | None:
        """The last row shown, in a list whose rows are told apart by a number."""
        return int(self.seen[0]) if self.seen else None

    @property
    def wanted(self) -> int:
        """Rows to ask for: one more than are shown tells that the list goes on."""
        return self.limit + 1

    def cut(
        self, found: Sequence[Row], place_of: Callable[[Row], Place]
    ) -> tuple[Sequence[Row], str | None]:
        """The rows to show, and the cursor to go on with, or None at the list's end."""
        shown = found[: self.limit]
        return shown, self.onward([place_of(shown[-1])] if len(found) > self.limit else None)

    def onward(self, place: Sequence[Place] | None) -> str | None:
        """The cursor behind a place, or None where there is nothing behind it."""
        return None if place is None else self.cursors.seal(self.tenant, self.name, list(place))


def walk_of(call: Call[Query, Nothing], name: str) -> Walk:
    """The walk through a list of the caller's that a request goes on with.

    `name` holds whatever the list was narrowed by. Raises `InvalidInputError` for a cursor of
    another list.
    """
    cursors, query = call.services.cursors, call.query
    seen = cursors.open(call.tenant, name, query.cursor) if query.cursor else []
    return Walk(cursors, call.tenant, name, query.limit, seen)
