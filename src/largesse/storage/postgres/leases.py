"""Leases in PostgreSQL: who does a part of some work, and how far it has come.

The parts are shared out: nobody takes more than his share among those who asked for any of the work
lately, and who has more than that gives some away when he would renew it.
"""

from math import ceil
from typing import NamedTuple

from largesse.kernel.fact import Position
from largesse.kernel.lease import Lease, LeaseLostError
from largesse.storage.postgres.transaction import Transaction

_HELD = "SELECT holder, until_ms FROM relay WHERE name = %s AND part = %s"
_ASK = """
INSERT INTO relay_member (name, holder, until_ms) VALUES (%s, %s, %s)
ON CONFLICT (name, holder) DO UPDATE SET until_ms = excluded.until_ms"""
_FORGET = "DELETE FROM relay_member WHERE name = %s AND (holder = %s OR until_ms <= %s)"
_ASKED = """
SELECT count(*) FILTER (WHERE until_ms > %(now_ms)s),
  coalesce(max(until_ms) FILTER (WHERE holder = %(holder)s), 0)
FROM relay_member WHERE name = %(name)s"""
_OTHERS_OF_MINE = """
SELECT count(*) FROM relay WHERE name = %s AND holder = %s AND part <> %s AND until_ms > %s"""

# Two who come at once meet at the row: the second sees what the first has made of it.
_TAKE = """
INSERT INTO relay (name, part, holder, token, until_ms)
VALUES (%(name)s, %(part)s, %(holder)s, 1, %(until_ms)s)
ON CONFLICT (name, part) DO UPDATE SET holder = %(holder)s, until_ms = %(until_ms)s,
  token = relay.token + CASE relay.holder WHEN %(holder)s THEN 0 ELSE 1 END
WHERE relay.holder = %(holder)s OR relay.until_ms <= %(now_ms)s
RETURNING token, tx, seq"""
_RELEASE = "UPDATE relay SET until_ms = 0 WHERE name = %s AND part = %s AND token = %s"
_GIVE_AWAY = "UPDATE relay SET until_ms = 0 WHERE name = %s AND part = %s AND holder = %s"
_ADVANCE = """
UPDATE relay SET tx = %s, seq = %s WHERE name = %s AND part = %s AND token = %s"""


class Asking(NamedTuple):
    """Who wants a part of some work, out of so many parts, at which moment and for how long."""

    name: str
    part: int
    parts: int
    holder: str
    now_ms: int
    for_ms: int

    @property
    def until_ms(self) -> int:
        """When the lease would run out."""
        return self.now_ms + self.for_ms


class Answer(NamedTuple):
    """The lease, or None where there is none to be had; and how many ask for such."""

    lease: Lease | None
    askers: int


def take(asking: Asking, transaction: Transaction) -> Answer:
    """Take or renew a lease, unless it is another's, or more than the holder's share."""
    askers = _askers(asking, transaction)
    return Answer(_take(asking, askers, transaction), askers)


def release(lease: Lease, transaction: Transaction) -> None:
    """Let the next holder have it at once; whoever renews no other part leaves those who ask."""
    transaction.execute(_FORGET, (lease.name, lease.holder, 0))
    transaction.execute(_RELEASE, (lease.name, lease.part, lease.token))


def advance(transaction: Transaction, lease: Lease, position: Position) -> None:
    """Move the position of some work; `LeaseLostError` unless the lease is the latest."""
    which = (lease.name, lease.part, lease.token)
    if transaction.execute(_ADVANCE, (*position, *which)).rowcount != 1:
        raise LeaseLostError


def _askers(asking: Asking, transaction: Transaction) -> int:
    """How many ask for the work, the asker among them; he is noted again once in half his time."""
    which = {"name": asking.name, "holder": asking.holder, "now_ms": asking.now_ms}
    askers, mine_ms = transaction.row(_ASKED, which)
    if mine_ms - asking.now_ms < asking.for_ms // 2:
        if mine_ms <= asking.now_ms:
            askers += 1
            transaction.execute(_FORGET, (asking.name, asking.holder, asking.now_ms))
        transaction.execute(_ASK, (asking.name, asking.holder, asking.until_ms))
    return int(askers)


def _take(asking: Asking, askers: int, transaction: Transaction) -> Lease | None:
    name, part, holder = asking.name, asking.part, asking.holder
    last, until_ms = transaction.row(_HELD, (name, part)) or (holder, 0)
    if last != holder and asking.now_ms < until_ms:
        return None
    others = transaction.number(_OTHERS_OF_MINE, (name, holder, part, asking.now_ms))
    if others >= ceil(asking.parts / askers):
        transaction.execute(_GIVE_AWAY, (name, part, holder))
        return None
    taken = transaction.row(_TAKE, asking._asdict() | {"until_ms": asking.until_ms})
    if taken is None:
        return None
    token, tx, seq = taken
    return Lease(name, part, holder, token, Position(tx, seq))
