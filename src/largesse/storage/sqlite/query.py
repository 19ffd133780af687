"""Reading plain values: what SQL returns has no types, so they are said here once."""

from typing import Any, cast

import apsw

Bindings = tuple[Any, ...] | dict[str, Any]


def number(db: apsw.Connection, statement: str, bindings: Bindings = ()) -> int:
    """The single whole number that a query returns."""
    return cast("int", db.execute(statement, bindings).get)


def rows(db: apsw.Connection, statement: str, bindings: Bindings = ()) -> list[tuple[Any, ...]]:
    """All rows that a query returns."""
    return db.execute(statement, bindings).fetchall()
