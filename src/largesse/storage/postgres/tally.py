"""Counting the rows of each reward, to be held against its counters."""

from collections.abc import Iterator, Mapping
from typing import LiteralString, NamedTuple

from msgspec import Struct

from largesse.campaigns.model import Counters
from largesse.issuance.model import Violation
from largesse.kernel.calendar import day_bounds_ms
from largesse.storage.postgres.transaction import Transaction

_SNAPSHOT = "SELECT snapshot_now()::text"
_REWARDS = """
SELECT r.number, v.definition::json ->> 'time_zone',
  r.issued, r.reserved, r.serials, r.day, r.issued_day
FROM reward r JOIN campaign c ON c.number = r.campaign
JOIN campaign_version v ON v.campaign = c.number AND v.version = c.version"""
_CAMPAIGNS = "SELECT count(*) FROM campaign"

# Rows that this state has and an earlier one had not. What began before the earlier state and ended
# after it is among them, whatever its number.
NEWER: LiteralString = """
tx >= pg_snapshot_xmin(%(since)s::pg_snapshot)
  AND NOT pg_visible_in_snapshot(tx, %(since)s::pg_snapshot)"""
_TODAY: LiteralString = """
unnest(%(rewards)s::bigint[], %(firsts)s::bigint[], %(afters)s::bigint[])
  AS t (reward, first_ms, after_ms)"""
_ISSUED: LiteralString = f"""
SELECT j.reward, count(*), min(j.serial), max(j.serial), count(DISTINCT j.serial),
  count(*) FILTER (WHERE j.at_ms >= t.first_ms AND j.at_ms < t.after_ms)
FROM journal j LEFT JOIN {_TODAY} ON t.reward = j.reward
WHERE j.kind = 1 AND {NEWER.replace("tx", "j.tx")} GROUP BY j.reward"""
_REVOKED: LiteralString = f"""
SELECT g.reward, count(*), count(*) FILTER (WHERE i.at_ms >= t.first_ms AND i.at_ms < t.after_ms)
FROM journal g
LEFT JOIN journal i
  ON i.part = g.part AND i.reward = g.reward AND i.serial = g.serial AND i.kind = 1
LEFT JOIN {_TODAY} ON t.reward = g.reward
WHERE g.kind = 5 AND {NEWER.replace("tx", "g.tx")} GROUP BY g.reward"""
_ORPHANS: LiteralString = f"""
SELECT g.reward, g.seq FROM journal g
LEFT JOIN journal i
  ON i.part = g.part AND i.reward = g.reward AND i.serial = g.serial AND i.kind = 1
WHERE g.kind IN (2, 4, 5) AND i.reward IS NULL AND {NEWER.replace("tx", "g.tx")}"""
_COUNT: LiteralString = f"SELECT count(*) FROM journal WHERE {NEWER}"

BEGINNING = "1:1:"
"""A snapshot in which nothing had happened yet."""


class State(NamedTuple):
    """What the ledger says of itself at one moment, of which `snapshot` is the name."""

    snapshot: str
    campaigns: int
    counters: Mapping[int, Counters]
    zones: Mapping[int, str]


class Tally(Struct):
    """The rows of one reward counted so far; those of the day `day` apart."""

    issued: int = 0
    revoked: int = 0
    day: int = 0
    issued_day: int = 0
    revoked_day: int = 0


Tallies = dict[int, Tally]


class Counted(NamedTuple):
    """How many rows came, and what is wrong with them in themselves."""

    rows: int
    wrong: list[Violation]


def read_state(transaction: Transaction) -> State:
    """The state of a transaction that reads."""
    found = transaction.rows(_REWARDS)
    [snapshot] = transaction.row(_SNAPSHOT)
    return State(
        snapshot,
        transaction.number(_CAMPAIGNS),
        {reward: Counters(*counters) for reward, _, *counters in found},
        {reward: zone for reward, zone, *_ in found},
    )


def turn_days(tallies: Tallies, state: State) -> None:
    """Begin a reward's day anew where its counters have come to another one.

    None of that day's rows was there before, for the counters come to a day with its first row.
    """
    for reward, counters in state.counters.items():
        tally = tallies.setdefault(reward, Tally())
        if tally.day != counters.day:
            tally.day, tally.issued_day, tally.revoked_day = counters.day, 0, 0


def count(transaction: Transaction, tallies: Tallies, state: State, since: str) -> Counted:
    """Count the rows that came since an earlier state."""
    bounds = [
        (reward, *day_bounds_ms(state.zones[reward], counters.day))
        for reward, counters in state.counters.items()
        if counters.serials
    ]
    rewards, firsts, afters = (
        (list(one) for one in zip(*bounds, strict=True)) if bounds else ([],) * 3
    )
    which = {"since": since, "rewards": rewards, "firsts": firsts, "afters": afters}
    wrong = []
    for reward, issued, lowest, highest, distinct, of_day in transaction.rows(_ISSUED, which):
        tally = tallies.setdefault(reward, Tally())
        if (lowest, highest, distinct) != (tally.issued + 1, tally.issued + issued, issued):
            wrong.append(Violation("serials", reward, f"serials {lowest} to {highest} have gaps"))
        tally.issued += issued
        tally.issued_day += of_day
    for reward, revoked, of_day in transaction.rows(_REVOKED, which):
        tally = tallies.setdefault(reward, Tally())
        tally.revoked += revoked
        tally.revoked_day += of_day
    for reward, seq in transaction.rows(_ORPHANS, {"since": since}):
        wrong.append(Violation("facts", reward or 0, f"row {seq} is about no incentive"))
    return Counted(transaction.number(_COUNT, {"since": since}), wrong)


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
