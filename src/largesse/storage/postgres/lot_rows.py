"""The writing of what lots have issued: one statement for all rows, one for all stock.

A sale of many rewards makes small lots, and what a statement costs is mostly that it is sent.
"""

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from largesse.issuance import decide
from largesse.issuance.model import Issued
from largesse.kernel.fact import FactKind
from largesse.storage.postgres.lots import Lot, Stretch
from largesse.storage.postgres.trips import Statement, columns

# In the order of the arrays: so `seq` ascends with the serials. What all rows of a stretch share is
# found by the place of the stretch in arrays of its own.
_INSERT = """
INSERT INTO journal
  (part, tenant, kind, at_ms, campaign, reward, version, serial, nth, customer, key, detail)
SELECT (%s::integer[])[w.of], %s, 1, (%s::bigint[])[w.of], (%s::bigint[])[w.of],
  (%s::bigint[])[w.of], (%s::integer[])[w.of], (%s::bigint[])[w.of] + w.n, w.nth, w.customer,
  w.key, w.detail
FROM unnest(%s::integer[], %s::integer[], %s::text[], %s::text[], %s::text[])
  WITH ORDINALITY AS w (of, nth, customer, key, detail, n)"""
# The quotas stand in the write itself, whatever was decided before it; CHECKs stand beneath. It
# raises where it does not hold, and the commit behind it is not done.
_TAKE = "SELECT take_stocks(%s::bigint[], %s::bigint[], %s::bigint[], %s::integer[])"
_EXHAUSTED = """
INSERT INTO journal (part, tenant, kind, at_ms, campaign, reward, serial, version)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_WATCH_EXPIRY = """
INSERT INTO expiry (reward, version, tenant, serial, due_ms, after_ms)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""


def write_lots(tenant: int, lots: Iterable[Lot]) -> list[Statement]:
    """What writes all that lots of a tenant have issued: rows, stock, and what follows from them.

    Nothing is kept where the ledger has not the stock that was decided on.
    """
    giving = [lot for lot in lots if lot.issued_some]
    if not giving:
        return []
    stretches = [stretch for lot in giving for stretch in lot.close()]
    statements = [_insert(tenant, stretches), *_take(giving)]
    for lot in giving:
        statements += _watch_expiry(tenant, lot)
        statements += _tell_exhausted(tenant, lot)
    return statements


def _insert(tenant: int, stretches: Sequence[Stretch]) -> Statement:
    part, at_ms, campaign, reward, version, serial, of = [], [], [], [], [], [], []
    issued: list[Issued] = []
    nths: list[int | None] = []
    for place, one in enumerate(stretches, 1):
        first = one.first
        part.append(one.part)
        at_ms.append(first.at_ms)
        campaign.append(first.campaign)
        reward.append(first.reward)
        version.append(first.version)
        serial.append(one.serials - len(issued))  # rows are counted through all stretches
        of += [place] * len(one.issued)
        issued += one.issued
        nths += one.nths
    rows = (
        [one.customer for one in issued],
        [one.key for one in issued],
        [one.code for one in issued],
    )
    shared = (part, tenant, at_ms, campaign, reward, version, serial)
    return Statement(_INSERT, (*shared, of, nths, *rows))


def _take(lots: Sequence[Lot]) -> Iterable[Statement]:
    """Take from stock what each lot issued at its first moment, then at its second, and so on."""
    for stretches in zip_longest(*(lot.stretches for lot in lots)):
        yield Statement(
            _TAKE,
            columns(
                (one.first.reward, one.serials, len(one.issued), one.day)
                for one in stretches
                if one is not None
            ),
        )


def _watch_expiry(tenant: int, lot: Lot) -> Iterable[Statement]:
    """Have the sweep look after the incentives of a version from its first one on."""
    issued = lot.stretches[0].first
    if lot.tail.expiring == issued.version:
        return
    lot.tail = lot.tail._replace(expiring=issued.version)
    due_ms = decide.expires_at_ms(lot.definition, issued.at_ms)
    if due_ms is not None:
        after_ms = None if due_ms == lot.definition.expires_at_ms else due_ms - issued.at_ms
        what = (issued.reward, issued.version, tenant, issued.serial)
        yield Statement(_WATCH_EXPIRY, (*what, due_ms, after_ms))


def _tell_exhausted(tenant: int, lot: Lot) -> Iterable[Statement]:
    if lot.counters.issued + lot.counters.reserved == lot.definition.quota_total:
        [*_, stretch] = lot.stretches
        last = stretch.issued[-1]
        where = (stretch.part, tenant, int(FactKind.STOCK_EXHAUSTED))
        about = (last.at_ms, last.campaign, last.reward, last.serial, last.version)
        yield Statement(_EXHAUSTED, (*where, *about))
