"""Whether the ledger holds exactly what was answered."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import apsw
from msgspec import Struct

_ROWS = """
SELECT count(*), count(DISTINCT reward || ':' || serial), count(DISTINCT customer)
FROM journal WHERE kind = 1"""
_CAMPAIGNS = """
SELECT c.id, count(*), min(j.at_ms) FROM journal j JOIN campaign c ON c.number = j.campaign
WHERE j.kind = 1 GROUP BY c.id"""
_MOMENTS = """
SELECT j.at_ms FROM journal j JOIN campaign c ON c.number = j.campaign
WHERE j.kind = 1 AND c.id IN (SELECT value FROM json_each(?)) ORDER BY j.at_ms"""
_DRAWS = """
SELECT count(j.draw), count(DISTINCT j.draw), coalesce(max(j.draw), 0), count(DISTINCT j.customer),
  count(j.reward), (SELECT count(*) FROM journal i WHERE i.kind = 1 AND i.campaign = c.number),
  coalesce((SELECT draws FROM draw_book b WHERE b.campaign = c.number), 0)
FROM campaign c LEFT JOIN journal j ON j.kind = 8 AND j.campaign = c.number WHERE c.id = ?"""
_USED = "SELECT count(*) FROM journal WHERE kind = 2"
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


class Made(Struct, frozen=True):
    """The draws of a campaign: rows, their different numbers, the last number, their customers.

    `won` are those that won, `incentives` the rows of what was given, and `booked` is how many
    draws the campaign's book says that there are.
    """

    rows: int
    numbers: int
    last: int
    customers: int
    won: int
    incentives: int
    booked: int


class Sold(Struct, frozen=True):
    """What a campaign gave by its rows, and the moment of the first."""

    rows: int
    first_ms: int


def read(path: Path) -> Kept:
    """Count what is in a ledger whose server has ended, behind its back."""
    with _opened(path) as db:
        return Kept(*db.execute(_ROWS).get, *db.execute(_COUNTERS).get)


def read_sold(path: Path) -> dict[str, Sold]:
    """The same for each campaign that gave something, by its id."""
    with _opened(path) as db:
        return {campaign: Sold(*counts) for campaign, *counts in db.execute(_CAMPAIGNS)}


def read_moments(path: Path, campaigns: Sequence[str]) -> list[int]:
    """When each unit of some campaigns was given, in milliseconds, ascending."""
    with _opened(path) as db:
        return [at for (at,) in db.execute(_MOMENTS, (json.dumps(list(campaigns)),))]


def read_made(path: Path, campaign: str) -> Made:
    """Count the draws of a campaign."""
    with _opened(path) as db:
        return Made(*db.execute(_DRAWS, (campaign,)).get)


def read_used(path: Path) -> int:
    """How many coupons were used: an index lets none of them be so twice."""
    with _opened(path) as db:
        return int(db.execute(_USED).get)


def _opened(path: Path) -> closing[apsw.Connection]:
    return closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY))


def complaints(told: Told, stock: int, kept: Kept, *, quota: int | None = None) -> list[str]:
    """What does not agree between the answers, the stock that the API told, and the file.

    Every customer of the bench may have one unit. The answers may be fewer than the rows by those
    that nobody heard.
    """
    found = complaints_of_rows(told, kept.rows)
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


def complaints_of_rows(told: Told, rows: int) -> list[str]:
    """Whether there are as many rows as answers, but for those that nobody heard."""
    if told.issued <= rows <= told.issued + told.unheard_max:
        return []
    up_to = f" to {told.issued + told.unheard_max}" if told.unheard_max else ""
    return [f"{rows} rows where the answers told of {told.issued}{up_to}"]


def complaints_of_draws(told: Told, stock: int, made: Made) -> list[str]:
    """What does not agree between the answers to draws, their rows, and what they won."""
    found = complaints_of_rows(told, made.rows)
    for what, count in (
        ("different numbers", made.numbers),
        ("the last number", made.last),
        ("different customers", made.customers),
        ("draws by the book", made.booked),
    ):
        if count != made.rows:
            found.append(f"{made.rows} draws but {count} is {what}")
    for what, count in (("incentives", made.incentives), ("issued by the API", stock)):
        if count != made.won:
            found.append(f"{made.won} draws won but {count} {what}")
    return found


class Offered(Struct, frozen=True):
    """What one of many campaigns had: units, the moment of its opening, and issued by the API."""

    quota: int | None
    opens_ms: int
    issued: int


def complaints_of_each(offered: Mapping[str, Offered], sold: Mapping[str, Sold]) -> list[str]:
    """What does not agree in single campaigns, though the sums may: by their ids."""
    found = [f"{one} gave something and is none of ours" for one in sorted(sold.keys() - offered)]
    for campaign, offer in offered.items():
        rows = sold[campaign].rows if campaign in sold else 0
        if rows != offer.issued:
            found.append(f"{campaign}: {rows} rows but {offer.issued} issued by the API")
        if offer.quota is not None and rows > offer.quota:
            found.append(f"{campaign}: {rows} rows of a quota of {offer.quota}")
        if rows and sold[campaign].first_ms < offer.opens_ms:
            found.append(f"{campaign}: given {offer.opens_ms - sold[campaign].first_ms} ms early")
    return found
