"""Whether the draws add up: numbers without gaps, each win an incentive. Once is once by keys."""

from collections.abc import Iterator, Mapping
from typing import LiteralString

from largesse.issuance.model import Violation
from largesse.storage.postgres.tally import NEWER
from largesse.storage.postgres.transaction import Transaction

_NUMBERS: LiteralString = f"""
SELECT campaign, count(*), min(draw), max(draw), count(DISTINCT draw)
FROM journal WHERE kind = 8 AND {NEWER} GROUP BY campaign"""
_BOOKS = "SELECT campaign, draws FROM draw_book"
_UNWON: LiteralString = f"""
SELECT d.campaign, d.draw FROM journal d
LEFT JOIN journal i
  ON i.part = d.part AND i.reward = d.reward AND i.serial = d.serial AND i.kind = 1
WHERE d.kind = 8 AND d.reward IS NOT NULL AND {NEWER.replace("tx", "d.tx")}
  AND (i.customer, i.key, i.campaign) IS DISTINCT FROM (d.customer, d.key, d.campaign)"""

Made = dict[int, int]
"""How many draws of each campaign have been counted."""


def prove_draws(transaction: Transaction, made: Made, since: str) -> Iterator[Violation]:
    """Count the draws that came since an earlier state, and hold the books against all of them."""
    which = {"since": since}
    for campaign, count, lowest, highest, distinct in transaction.rows(_NUMBERS, which):
        before = made.get(campaign, 0)
        if (lowest, highest, distinct) != (before + 1, before + count, count):
            detail = f"draws {lowest} to {highest} of campaign {campaign} have gaps"
            yield Violation("draw_numbers", 0, detail)
        made[campaign] = before + count
    yield from _compare(made, dict(transaction.rows(_BOOKS)))
    for campaign, draw in transaction.rows(_UNWON, which):
        detail = f"what draw {draw} of campaign {campaign} won was not given"
        yield Violation("wins", 0, detail)


def _compare(made: Mapping[int, int], books: Mapping[int, int]) -> Iterator[Violation]:
    """Hold what the books say against the counted rows."""
    for campaign in made.keys() | books.keys():
        said, counted = books.get(campaign, 0), made.get(campaign, 0)
        if said != counted:
            detail = f"campaign {campaign} says that it made {said} draws, the rows say {counted}"
            yield Violation("draws", 0, detail)
