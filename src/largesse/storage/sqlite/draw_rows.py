"""The rows of draws in the journal, and where a draw's number stands in it."""

from array import array
from collections.abc import Sequence
from typing import Any

import apsw

from largesse.draws.dice import seed_of_key
from largesse.draws.model import Drawn, Returned
from largesse.issuance.model import Place
from largesse.kernel.fact import FactKind
from largesse.storage.sqlite.bulk import Bulk, execute_for
from largesse.storage.sqlite.query import number, rows

_ROWS = """
SELECT j.seq, j.campaign, j.draw, j.customer, j.key, j.at_ms, j.version,
  j.reward, j.serial, j.detail
FROM carray(?) wanted CROSS JOIN journal j ON j.seq = wanted.value WHERE j.kind = 8"""
_EXTENT = """
SELECT draw, seq FROM draw_extent WHERE campaign = ? AND draw <= ? ORDER BY draw DESC LIMIT 1"""
_EXTENTS = """
SELECT draw, seq FROM draw_extent WHERE campaign = ? AND draw BETWEEN ? AND ? ORDER BY draw"""
# Whatever ended is in a small index of its own: the rows of what was revoked are found by it.
_RETURNS = """
SELECT seq, reward, serial, at_ms FROM journal INDEXED BY journal_ended_once
WHERE kind IN (2, 4, 5) AND kind = 5 AND campaign = ? AND seq > ? ORDER BY seq LIMIT ?"""
_MADE_BEFORE = """
SELECT max(draw), seq FROM draw_extent WHERE campaign = ? AND seq < ?"""
_NEXT_EXTENT = "SELECT min(draw) FROM draw_extent WHERE campaign = ? AND draw > ?"
_DRAWN = Bulk(
    """
WITH new (n, customer, key, reward, serial, detail) AS (VALUES {rows})
INSERT INTO journal
  (seq, kind, at_ms, campaign, version, draw, customer, key, reward, serial, detail)
SELECT ?3 + ?2 + n, ?4, ?5, ?6, ?7, ?8 + ?2 + n, customer, key, reward, serial, detail
FROM new WHERE n < ?1""",
    width=5,
    common=6,
)
_NOTHING = (None, None)
_DRAWS = "SELECT coalesce(max(draws), 0) FROM draw_book WHERE campaign = ?"


def read_draws(db: apsw.Connection, seqs: Sequence[int]) -> dict[int, Drawn]:
    """The draws among the rows of these numbers, each by its row's."""
    if not seqs:
        return {}
    found = rows(db, _ROWS, (apsw.carray(array("q", seqs)),))
    return {row[0]: _drawn(row[1:]) for row in found}


def count_draws(db: apsw.Connection, campaign: int) -> int:
    """How many draws a campaign has made."""
    return number(db, _DRAWS, (campaign,))


def read_by_number(db: apsw.Connection, campaign: int, first: int, limit: int) -> list[Drawn]:
    """A campaign's draws by ascending number, from `first` on."""
    last = min(count_draws(db, campaign), first + limit - 1)
    if not 0 < first <= last:
        return []
    extents = rows(db, _EXTENT, (campaign, first)) + rows(db, _EXTENTS, (campaign, first + 1, last))
    ends = [draw for draw, _ in extents[1:]] + [last + 1]
    seqs = [
        seq + at - draw
        for (draw, seq), end in zip(extents, ends, strict=True)
        for at in range(max(draw, first), end)
    ]
    return list(read_draws(db, seqs).values())


def read_returns(db: apsw.Connection, campaign: int, after: int, limit: int) -> list[Returned]:
    """What revokes gave back to a campaign's stock, by the rows that say so."""
    return [
        Returned(seq, _made_before(db, campaign, seq), Place(reward, serial), at_ms)
        for seq, reward, serial, at_ms in rows(db, _RETURNS, (campaign, after, limit))
    ]


def _made_before(db: apsw.Connection, campaign: int, seq: int) -> int:
    """How many draws of a campaign stand before a row."""
    draw, begins = rows(db, _MADE_BEFORE, (campaign, seq))[0]
    if draw is None:
        return 0
    [(follows,)] = rows(db, _NEXT_EXTENT, (campaign, draw))
    most = count_draws(db, campaign) if follows is None else follows - 1
    return int(min(draw + seq - begins - 1, most))


def insert_draws(db: apsw.Connection, first: int, draws: Sequence[Drawn]) -> None:
    """Write draws of one version at one moment, in the order of their numbers, from `first` on."""
    values: list[object] = []
    for one in draws:
        reward, serial = one.won or _NOTHING
        values += (one.customer, one.key, reward, serial, _detail(one))
    [head, *_] = draws
    kind = int(FactKind.DRAW_MADE)
    common = (first, kind, head.at_ms, head.campaign, head.version, head.number)
    execute_for(db, _DRAWN, values, common)


def _detail(drawn: Drawn) -> str:
    """Period, ordinal, rewards without a code, and the seed unless it was made of the key."""
    seed = "" if drawn.seed == seed_of_key(drawn.key) else drawn.seed
    if not drawn.without_code:
        return f"{drawn.period} {drawn.ordinal} {seed}"
    codeless = "".join(f"/{reward}" for reward in drawn.without_code)
    return f"{drawn.period} {drawn.ordinal}{codeless} {seed}"


def read_detail(detail: str) -> tuple[int, int, tuple[int, ...], str]:
    """What `_detail` wrote."""
    period, counted, seed = detail.split(" ", 2)
    ordinal, *codeless = counted.split("/")
    return int(period), int(ordinal), tuple(map(int, codeless)), seed


def _drawn(row: Sequence[Any]) -> Drawn:
    campaign, draw, customer, key, at_ms, version, reward, serial, detail = row
    period, ordinal, without_code, seed = read_detail(detail)
    return Drawn(
        campaign=campaign,
        number=draw,
        period=period,
        ordinal=ordinal,
        customer=customer,
        key=key,
        seed=seed or seed_of_key(key),
        at_ms=at_ms,
        version=version,
        won=None if reward is None else Place(reward, serial),
        without_code=without_code,
    )
