"""Whether the ledger holds exactly what was answered."""

from pathlib import Path

import apsw
from msgspec import Struct

_ROWS = """
SELECT count(*), count(DISTINCT reward || ':' || serial), count(DISTINCT customer)
FROM journal WHERE kind = 1"""
_COUNTERS = "SELECT coalesce(sum(issued), 0), coalesce(sum(serials), 0) FROM reward"


class Told(Struct, frozen=True):
    """What the clients heard: how many were issued, and how many more may have been.

    A client that stops does not hear the answers that are under way: one for each connection.
    """

    issued: int
    unheard_max: int = 0


class Kept(Struct, frozen=True):
    """What the ledger's file holds: rows, their places and customers, and the two counters."""

    rows: int
    places: int
    customers: int
    issued: int
    serials: int


def read(path: Path) -> Kept:
    """Count what is in a ledger whose server has ended, behind its back."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows = db.execute(_ROWS).get
        counters = db.execute(_COUNTERS).get
    finally:
        db.close()
    return Kept(*rows, *counters)


def complaints(told: Told, stock: int, kept: Kept, *, quota: int | None = None) -> list[str]:
    """What does not agree between the answers, the stock that the API told, and the file.

    Every customer of the bench may have one unit. The answers may be fewer than the rows by those
    that nobody heard.
    """
    found = []
    if not told.issued <= kept.rows <= told.issued + told.unheard_max:
        up_to = f" to {told.issued + told.unheard_max}" if told.unheard_max else ""
        found.append(f"{kept.rows} rows where the answers told of {told.issued}{up_to}")
    for what, count in (
        ("different places", kept.places),
        ("different customers", kept.customers),
        ("issued by the counter", kept.issued),
        ("serials by the counter", kept.serials),
        ("issued by the API", stock),
    ):
        if count != kept.rows:
            found.append(f"{kept.rows} rows but {count} {what}")
    if quota is not None and kept.rows > quota:
        found.append(f"{kept.rows} rows of a quota of {quota}")
    return found
