"""The outbox in PostgreSQL: the journal, read by (transaction, number) below the horizon.

Numbers are given before they are committed, so that who goes by them alone passes by what commits
behind him. Below the oldest transaction that still runs nothing appears any more; and who changes a
unit has seen it committed, so that his transaction is numbered later: what is about one incentive
comes in the order in which it happened. Nor do serials of one reward swap: who waits for a row has
his number already, so all queue for the campaign first, and then find its rows free (`QUEUE`).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, LiteralString, NamedTuple

import msgspec

from largesse.issuance.model import Issued, Piece, Told, Wanted
from largesse.kernel.clock import Clock
from largesse.kernel.fact import GONE, FactKind, Position
from largesse.kernel.lease import Lease
from largesse.storage.postgres import leases
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.transaction import EVERYBODY, PLAN_ONCE, Transaction, exactly

PARTS = 4
"""So many processes at most share the work of one subscriber."""

JOURNAL_PARTS = 16
"""Partitions of the journal that campaigns share; a big one may have its own beyond them."""

AT_ONCE = JOURNAL_PARTS // PARTS
"""Partitions read by one statement: a list of fixed length, of which the plan leaves out the rest.
An array would have all of them read."""

_COLUMNS: LiteralString = """
j.tx::text::bigint, j.seq, j.kind, j.at_ms, j.tenant, j.campaign, c.id, j.version, j.reward,
  j.serial, j.detail, CASE j.kind WHEN 8 THEN j.draw END, j.customer, j.key,
  i.customer, i.key, i.at_ms, i.version, i.detail,
  (SELECT b.place + j.serial - b.serial FROM code_block b
    WHERE j.kind IN (1, 2, 4, 5) AND b.reward = j.reward AND b.serial <= j.serial
    ORDER BY b.serial DESC LIMIT 1),
  (SELECT count(*) FROM journal k
    WHERE j.kind IN (2, 4, 5) AND k.part = j.part AND k.reward = j.reward AND k.serial = j.serial
      AND k.kind IN (2, 4, 5) AND (k.tx, k.seq) <= (j.tx, j.seq))"""
# `i` is the ISSUED row of the incentive that a later row is about.
_ABOUT: LiteralString = f"""
LEFT JOIN LATERAL (SELECT * FROM campaign c WHERE c.number = j.campaign LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT * FROM journal i
  WHERE j.kind IN (2, 4, 5) AND i.part = j.part AND i.reward = j.reward
    AND {exactly("i.serial", "j.serial")} AND i.kind = 1
  ORDER BY i.serial LIMIT 1) i ON true"""
# What is looked at comes out of the key's index in its order, whoever wants it. The last row always
# comes along: it tells how far that was.
READ: LiteralString = f"""
SELECT {_COLUMNS}, j.wanted, j.looked_at
FROM (
  SELECT *, count(*) OVER () AS looked_at, row_number() OVER (ORDER BY tx, seq) AS turn,
    kind = ANY(%(kinds)s::integer[]) AND tenant = ANY(%(tenants)s::integer[]) AS wanted
  FROM (
    SELECT * FROM journal
    WHERE part IN (%(one)s::integer, %(two)s::integer, %(three)s::integer, %(four)s::integer)
      AND (tx, seq) > (%(tx)s::bigint::text::xid8, %(seq)s::bigint)
      AND tx < pg_snapshot_xmin(snapshot_now())
    ORDER BY tx, seq LIMIT %(limit)s::bigint) j) j {_ABOUT}
WHERE j.wanted OR j.turn = j.looked_at ORDER BY j.turn"""
_AT: LiteralString = f"""
SELECT {_COLUMNS}
FROM unnest(%s::bigint[], %s::bigint[]) AS w (tx, seq)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.tx = w.tx::text::xid8 AND {exactly("j.seq", "w.seq")}
  ORDER BY j.seq LIMIT 1) j {_ABOUT}
ORDER BY j.tx, j.seq"""
_GET_READY: LiteralString = f"""{PLAN_ONCE},
  (SELECT array_agg(own_part ORDER BY own_part) FROM campaign WHERE own_part IS NOT NULL)"""

_ABOUT_INCENTIVES = frozenset({FactKind.INCENTIVE_ISSUED, *GONE})


class PostgresOutboxStore:
    """See `OutboxStore`. All facts about a campaign are in one part."""

    parts = PARTS

    def __init__(
        self,
        database: PostgresDatabase,
        clock: Clock,
        shared: Callable[[bool], object] = bool,
    ) -> None:
        """`shared` is told whether other processes ask for leases, too."""
        self._database = database
        self._clock = clock
        self._shared = shared
        self._askers: dict[str, int] = {}

    async def lease(self, name: str, part: int, holder: str, for_ms: int) -> Lease | None:
        """See `OutboxStore`. Nobody gets more parts than his share."""
        asking = leases.Asking(name, part, PARTS, holder, self._clock.now_ms(), for_ms)
        lease, askers = await self._database.write(EVERYBODY, partial(leases.take, asking))
        self._askers[name] = askers
        self._shared(max(self._askers.values()) > 1)
        return lease

    async def release(self, lease: Lease) -> None:
        """See `OutboxStore`."""
        await self._database.write(EVERYBODY, partial(leases.release, lease))

    async def read(self, part: int, after: Position, wanted: Wanted, limit: int) -> Piece:
        """See `OutboxStore`."""
        return await self._database.read(EVERYBODY, partial(_read, part, after, wanted, limit))

    async def at(self, positions: Sequence[Position]) -> list[Told]:
        """See `OutboxStore`."""
        return await self._database.read(EVERYBODY, partial(_read_at, positions))

    async def keep(self, lease: Lease, position: Position) -> None:
        """See `OutboxStore`."""
        await self._database.write(
            EVERYBODY, lambda transaction: leases.advance(transaction, lease, position)
        )


class _Look(NamedTuple):
    """What is wanted in some partitions, how far the look came, and whether there is more there."""

    rows: list[Told]
    upto: Position
    more: bool


def _read(
    part: int, after: Position, wanted: Wanted, limit: int, transaction: Transaction
) -> Piece:
    *_, own_parts = transaction.row(_GET_READY)
    first = max(after, wanted.since)
    looks = [
        _look(transaction, four, first, wanted, limit)
        for four in _partitions(part, own_parts or [])
    ]
    # Where one look came to its limit, nobody may go beyond its last row: there is more of it.
    stops = [look.upto for look in looks if look.more]
    upto = min(stops) if stops else max(look.upto for look in looks)
    rows = [told for look in looks for told in look.rows if told.position <= upto]
    rows.sort(key=lambda told: told.position)
    return Piece(rows, after, upto, bool(stops))


def _look(
    transaction: Transaction, four: Sequence[int], first: Position, wanted: Wanted, limit: int
) -> _Look:
    """Look at the next rows of some partitions."""
    asked = {"kinds": list(wanted.kinds), "tenants": list(wanted.tenants), "limit": limit}
    where = dict(zip(("one", "two", "three", "four"), four, strict=True))
    from_ = {"tx": first.transaction, "seq": first.seq}
    found = transaction.rows(READ, asked | where | from_)
    if not found:
        return _Look([], first, more=False)
    upto, looked_at = Position(*found[-1][:2]), found[-1][-1]
    told = [_told(*row) for *row, is_wanted, _ in found if is_wanted and _is_there(row)]
    return _Look(told, upto, looked_at == limit)


def _partitions(part: int, own_parts: Sequence[int]) -> Iterator[Sequence[int]]:
    """The partitions of the journal that make a part, some at a time; the last one fills up."""
    yield range(part, JOURNAL_PARTS, PARTS)
    own = [number for number in own_parts if number % PARTS == part]
    for start in range(0, len(own), AT_ONCE):
        some = own[start : start + AT_ONCE]
        yield some + some[-1:] * (AT_ONCE - len(some))


def _read_at(positions: Sequence[Position], transaction: Transaction) -> list[Told]:
    if not positions:
        return []
    transaction.execute(PLAN_ONCE)
    txs, seqs = zip(*positions, strict=True)
    found = transaction.rows(_AT, (list(txs), list(seqs)))
    return [_told(*row) for row in found if _is_there(row)]


def _is_there(row: Sequence[Any]) -> bool:
    """Whether the campaign of a row of `_COLUMNS` is there still."""
    return row[6] is not None


def _told(*columns: Any) -> Told:  # noqa: ANN401 — SQL knows no types
    """A fact out of a row of `_COLUMNS`."""
    tx, seq, number, at_ms, tenant, campaign, campaign_id, version, reward, serial = columns[:10]
    detail, draw, customer, key, *of_issued, place, later = columns[10:]
    kind, issued = FactKind(number), None
    if kind in _ABOUT_INCENTIVES:
        own = [customer, key, at_ms, version, detail]
        holder, by, given_ms, given_in, code = (
            own if kind is FactKind.INCENTIVE_ISSUED else of_issued
        )
        issued = Issued(campaign, reward, serial, holder, by, given_ms, given_in, place, code)
    return Told(
        position=Position(tx, seq),
        kind=kind,
        at_ms=at_ms,
        tenant=tenant,
        campaign=campaign,
        campaign_id=campaign_id,
        version=version,
        reward=reward,
        serial=serial,
        issued=issued,
        sequence=0 if issued is None else 1 + later,
        status=_status(kind, detail),
        draw=draw,
        customer=None if draw is None else customer,
    )


def _status(kind: FactKind, detail: str | None) -> str | None:
    """What a campaign's status became."""
    if kind is not FactKind.CAMPAIGN_CHANGED or detail is None:
        return None
    return msgspec.json.decode(detail, type=dict[str, str])["status"]
