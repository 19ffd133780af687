"""Counting the rows of each reward, piece by piece, to be held against its counters."""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import apsw
from msgspec import Struct

from largesse.campaigns.model import Counters
from largesse.issuance.model import Violation
from largesse.kernel.calendar import day_bounds_ms
from largesse.storage.sqlite.draw_proof import read_books
from largesse.storage.sqlite.query import number, rows

_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM journal"
_REWARDS = """
SELECT r.number, v.definition ->> 'time_zone',
  r.issued, r.reserved, r.serials, r.day, r.issued_day
FROM reward r JOIN campaign c ON c.number = r.campaign
JOIN campaign_version v ON v.campaign = c.number AND v.version = c.version"""
_CAMPAIGNS = "SELECT count(*) FROM campaign"

# `today` are the rewards with the bounds of the local day that their counters are of.
_TODAY = """
WITH today AS MATERIALIZED (
  SELECT value ->> 0 AS reward, value ->> 1 AS first_ms, value ->> 2 AS after_ms FROM json_each(?)
)"""
_ISSUED = """
SELECT j.reward, count(*), min(j.serial), max(j.serial), count(DISTINCT j.serial),
  sum(j.at_ms >= t.first_ms AND j.at_ms < t.after_ms)
FROM journal j LEFT JOIN today t ON t.reward = j.reward
WHERE j.kind = 1 AND j.seq > ? AND j.seq <= ? GROUP BY j.reward"""
_REVOKED = """
SELECT i.reward, count(*), sum(i.at_ms >= t.first_ms AND i.at_ms < t.after_ms)
FROM journal g JOIN journal i ON i.seq = g.of LEFT JOIN today t ON t.reward = i.reward
WHERE g.kind = 5 AND g.seq > ? AND g.seq <= ? GROUP BY i.reward"""
_ORPHANS = """
SELECT g.reward, g.seq FROM journal g LEFT JOIN journal i ON i.seq = g.of
WHERE g.of IS NOT NULL AND g.seq > ? AND g.seq <= ?
  AND (i.kind IS NOT 1 OR i.reward IS NOT g.reward OR i.serial IS NOT g.serial)"""
_COUNT = "SELECT count(*) FROM journal WHERE seq > ? AND seq <= ?"


class State(NamedTuple):
    """What the ledger says of itself at one moment, after the row `last_seq`."""

    last_seq: int
    campaigns: int
    counters: Mapping[int, Counters]
    zones: Mapping[int, str]
    books: Mapping[int, int]

    def today(self) -> str:
        """Each reward's day in milliseconds, as JSON for the queries."""
        return json.dumps(
            [
                (reward, *day_bounds_ms(self.zones[reward], counters.day))
                for reward, counters in self.counters.items()
                if counters.serials
            ]
        )


class Tally(Struct):
    """The rows of one reward counted so far; those of the day `day` apart."""

    issued: int = 0
    revoked: int = 0
    day: int = 0
    issued_day: int = 0
    revoked_day: int = 0


Tallies = dict[int, Tally]


def read_state(db: apsw.Connection) -> State:
    """The state that the counters are from."""
    found = rows(db, _REWARDS)
    return State(
        number(db, _LAST_SEQ),
        number(db, _CAMPAIGNS),
        {reward: Counters(*counters) for reward, _, *counters in found},
        {reward: zone for reward, zone, *_ in found},
        read_books(db),
    )


def turn_days(tallies: Tallies, state: State) -> None:
    """Begin a reward's day anew where its counters have come to another one.

    None of that day's rows was there before, for the counters come to a day with its first row.
    """
    for reward, counters in state.counters.items():
        tally = tallies.setdefault(reward, Tally())
        if tally.day != counters.day:
            tally.day, tally.issued_day, tally.revoked_day = counters.day, 0, 0


def count(
    db: apsw.Connection, tallies: Tallies, today: str, first: int, last: int
) -> list[Violation]:
    """Count the rows after `first` up to `last`; what is wrong with them in themselves."""
    wrong = []
    if number(db, _COUNT, (first, last)) != last - first:
        wrong.append(Violation("journal", 0, f"rows are missing after {first}"))
    for reward, issued, lowest, highest, distinct, of_day in rows(
        db, _TODAY + _ISSUED, (today, first, last)
    ):
        tally = tallies.setdefault(reward, Tally())
        if (lowest, highest, distinct) != (tally.issued + 1, tally.issued + issued, issued):
            wrong.append(Violation("serials", reward, f"serials {lowest} to {highest} have gaps"))
        tally.issued += issued
        tally.issued_day += of_day or 0
    for reward, revoked, of_day in rows(db, _TODAY + _REVOKED, (today, first, last)):
        tallies[reward].revoked += revoked
        tallies[reward].revoked_day += of_day or 0
    for reward, seq in rows(db, _ORPHANS, (first, last)):
        wrong.append(Violation("facts", reward or 0, f"row {seq} is about no incentive"))
    return wrong


def compare(tallies: Mapping[int, Tally], counters: Mapping[int, Counters]) -> Iterator[Violation]:
    """Hold the counters against the counted rows."""
    for reward, tally in tallies.items():
        said = counters.get(reward, Counters())
        for rule, kept, counted in (
            ("issued", said.issued, tally.issued - tally.revoked),
            ("serials", said.serials, tally.issued),
            ("issued_day", said.issued_day, tally.issued_day - tally.revoked_day),
        ):
            if kept != counted:
                yield Violation(rule, reward, f"the counter says {kept}, the rows say {counted}")
