"""The rows of draws in the journal."""

from collections.abc import Sequence
from typing import Any, LiteralString

from largesse.draws.dice import seed_of_key
from largesse.draws.model import Drawn, Returned
from largesse.draws.ports import Before
from largesse.issuance.model import Place
from largesse.storage.postgres.transaction import Transaction
from largesse.storage.postgres.trips import Statement

DRAWN: LiteralString = """
j.campaign, j.draw, j.period, j.ordinal, j.customer, j.key, j.at_ms, j.version, j.reward, j.serial,
  j.detail"""

# In the order of the arrays: so `seq` ascends with the draws.
_INSERT = """
INSERT INTO journal
  (part, tenant, kind, campaign, at_ms, version, period, draw, ordinal, customer, key, reward,
   serial, detail)
SELECT %s, %s, 8, %s, %s, %s, %s, %s::bigint + w.n, w.ordinal, w.customer, w.key, w.reward,
  w.serial, w.detail
FROM unnest(%s::integer[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[])
  WITH ORDINALITY AS w (ordinal, customer, key, reward, serial, detail, n)"""
_BY_NUMBER: LiteralString = f"""
SELECT {DRAWN}
FROM campaign c CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = c.part AND j.campaign = c.number AND j.kind = 8 AND j.draw > %s
  ORDER BY j.draw LIMIT %s) j
WHERE c.number = %s ORDER BY j.draw"""
_OF_CUSTOMER: LiteralString = f"""
SELECT {DRAWN}
FROM campaign c CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = c.part AND j.campaign = c.number AND j.customer = %s AND j.kind = 8
    AND (j.period, j.ordinal) < (%s::integer, %s::integer)
  ORDER BY j.period DESC, j.ordinal DESC LIMIT %s) j
WHERE c.number = %s ORDER BY j.period DESC, j.ordinal DESC"""
# A revoke notes how many draws there were when it held the reward.
_RETURNS = """
SELECT j.seq, coalesce(j.draw, 0), j.reward, j.serial, j.at_ms
FROM campaign c JOIN reward r ON r.campaign = c.number
JOIN journal j ON j.part = c.part AND j.reward = r.number AND j.kind IN (2, 4, 5) AND j.kind = 5
WHERE c.number = %s AND j.seq > %s ORDER BY j.seq LIMIT %s"""

_LATEST = Before(2**31 - 1, 0)
_NO_PLACE = (None, None)


def read_by_number(transaction: Transaction, campaign: int, after: int, limit: int) -> list[Drawn]:
    """A campaign's draws by ascending number, beyond `after`."""
    return [drawn_of(row) for row in transaction.rows(_BY_NUMBER, (after, limit, campaign))]


def read_of_customer(
    transaction: Transaction, campaign: int, customer: str, before: Before | None, limit: int
) -> list[Drawn]:
    """A customer's draws in a campaign, newest first, those before a place."""
    asked = (customer, *(before or _LATEST), limit, campaign)
    return [drawn_of(row) for row in transaction.rows(_OF_CUSTOMER, asked)]


def read_returns(transaction: Transaction, campaign: int, after: int, limit: int) -> list[Returned]:
    """What revokes gave back to a campaign's stock, by the rows that say so."""
    found = transaction.rows(_RETURNS, (campaign, after, limit))
    return [
        Returned(seq, draws, Place(reward, serial), at_ms)
        for seq, draws, reward, serial, at_ms in found
    ]


def insert_draws(part: int, tenant: int, draws: Sequence[Drawn]) -> Statement:
    """What writes draws of one campaign, version, moment and period, numbers ascending."""
    one = draws[0]
    shared = (part, tenant, one.campaign, one.at_ms, one.version, one.period, one.number - 1)
    rows = [
        (each.ordinal, each.customer, each.key, *(each.won or _NO_PLACE), _detail(each))
        for each in draws
    ]
    return Statement(_INSERT, (*shared, *(list(column) for column in zip(*rows, strict=True))))


def drawn_of(row: Sequence[Any]) -> Drawn:
    """A draw by its columns `DRAWN`."""
    campaign, draw, period, ordinal, customer, key, at_ms, version, reward, serial, detail = row
    codeless, _, seed = (detail or "").partition(" ")
    return Drawn(
        campaign,
        draw,
        period,
        ordinal,
        customer,
        key,
        seed or seed_of_key(key),
        at_ms,
        version,
        None if reward is None else Place(reward, serial),
        tuple(int(number) for number in codeless.split("/") if number),
    )


def _detail(drawn: Drawn) -> str | None:
    """Rewards without a code, and the seed unless it was made of the key; mostly nothing."""
    seed = "" if drawn.seed == seed_of_key(drawn.key) else drawn.seed
    codeless = "/".join(str(number) for number in drawn.without_code)
    return f"{codeless} {seed}" if seed or codeless else None
