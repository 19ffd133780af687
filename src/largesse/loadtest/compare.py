"""Holds what the crowd heard against the ledger: plain functions, each names what does not agree.

A complaint says how often, and one example; no complaint at all is what a load test is after.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from largesse.client.model import Campaign, Incentive
from largesse.loadtest.tally import HUNG_UP, ISSUED, NO_ANSWER, Heard
from largesse.loadtest.wishes import Given

NOT_OPEN_YET = "NOT_OPEN_YET"
SOLD_OUT = "SOLD_OUT"
BUSY = "BUSY"
"""Refusals that a load test may meet; any other is a mistake of the server's or of its keeper's."""


class Book(Struct, frozen=True):
    """What the ledger says of one campaign after the load."""

    campaign: Campaign
    incentives: Sequence[Incentive]


class AskedAgain(Struct, frozen=True):
    """What a customer was told who asked once more with his key; None where it was a refusal."""

    number: int
    given: Given | None
    outcome: str


class Evidence:
    """All that was heard, and all that was kept."""

    def __init__(
        self,
        heard: Sequence[Heard],
        again: Sequence[AskedAgain],
        books: Sequence[Book],
        customer: Callable[[int], str],
    ) -> None:
        self.heard = heard
        self.again = again
        self.books = books
        self.customer = customer

    @cached_property
    def told(self) -> dict[int, Given]:
        """What each customer was told that he has, the first time he was told."""
        later = {one.number: one.given for one in self.again if one.given is not None}
        return later | {one.number: one.given for one in self.heard if one.given is not None}

    @cached_property
    def rows(self) -> list[Incentive]:
        """Every incentive in the ledger."""
        return [incentive for book in self.books for incentive in book.incentives]

    @cached_property
    def by_id(self) -> Mapping[str, Incentive]:
        """The incentives by their ids."""
        return {incentive.id: incentive for incentive in self.rows}

    @cached_property
    def sold_out(self) -> set[str]:
        """The campaigns of which somebody was told that nothing is left, by its id."""
        turns = [book.campaign.id for book in self.books]
        numbers = {one.number for one in self.heard if one.outcome == SOLD_OUT}
        numbers |= {one.number for one in self.again if one.outcome == SOLD_OUT}
        return {turns[number % len(turns)] for number in numbers}


def complaints(evidence: Evidence, *, early: bool) -> list[str]:
    """All that does not agree. `early` says that the crowd came before the opening."""
    return [complaint for check in CHECKS for complaint in check(evidence)] + [
        *_unexpected(evidence, early=early)
    ]


def missing_in_ledger(evidence: Evidence) -> Iterator[str]:
    """Whoever was told that he has something has it, with this code."""
    yield from _told(
        (
            f"{evidence.customer(number)}: {given.id} with code {given.code}"
            for number, given in evidence.told.items()
            if not _agrees(evidence.by_id.get(given.id), given, evidence.customer(number))
        ),
        "answers name an incentive that the ledger does not hold so",
    )


def unannounced_in_ledger(evidence: Evidence) -> Iterator[str]:
    """Whatever the ledger holds somebody was told of, unless nobody heard what became of him."""
    told = {given.id for given in evidence.told.values()}
    settled = {one.number for one in evidence.again}
    open_ended = {
        evidence.customer(one.number)
        for one in evidence.heard
        if not one.known and one.number not in settled
    }
    yield from _told(
        (
            f"{row.id} of {row.customer_id}"
            for row in evidence.rows
            if row.id not in told and row.customer_id not in open_ended
        ),
        "incentives are in the ledger that nobody was told of",
    )


def given_twice(evidence: Evidence) -> Iterator[str]:
    """No code and no incentive belongs to two, by what was told and by what is kept."""
    told, rows = evidence.told.values(), evidence.rows
    yield from _twice((given.id for given in told), "ids were told to several customers")
    yield from _twice((given.code for given in told), "codes were told to several customers")
    yield from _twice((row.id for row in rows), "ids are in the ledger several times")
    yield from _twice((row.code for row in rows), "codes are in the ledger several times")
    yield from _twice((row.customer_id for row in rows), "customers hold more than one")


def gaps(evidence: Evidence) -> Iterator[str]:
    """Serials count from 1 without gaps."""
    for book in evidence.books:
        serials = sorted(incentive.serial for incentive in book.incentives)
        if serials != list(range(1, len(serials) + 1)):
            yield f"{book.campaign.id}: the serials of {len(serials)} incentives are not 1, 2, 3, …"


def stock_is_wrong(evidence: Evidence) -> Iterator[str]:
    """Quota = left + reserved + issued, issued is what the ledger holds, and never too many."""
    for book in evidence.books:
        [reward] = book.campaign.rewards
        stock, name = reward.stock, book.campaign.id
        if stock.issued != len(book.incentives):
            yield f"{name}: issued says {stock.issued}, the ledger holds {len(book.incentives)}"
        if stock.total is None or stock.left is None:
            yield f"{name}: the stock has no total"
        elif stock.left + stock.reserved + stock.issued != stock.total:
            yield f"{name}: {stock} does not add up"
        elif len(book.incentives) > stock.total:
            yield f"{name}: {len(book.incentives)} were given of {stock.total}"


def refused_too_soon(evidence: Evidence) -> Iterator[str]:
    """Who is told that nothing is left is told so when nothing is left."""
    for book in evidence.books:
        left = book.campaign.rewards[0].stock.left
        if book.campaign.id in evidence.sold_out and left:
            yield f"{book.campaign.id}: customers were told SOLD_OUT, and {left} are left"


def given_too_soon(evidence: Evidence) -> Iterator[str]:
    """Nothing is given before the opening, and nobody is told to wait after it."""
    for book in evidence.books:
        opens = book.campaign.starts_at
        early = (row.id for row in book.incentives if row.issued_at < opens)
        yield from _told(early, f"incentives were issued before {opens}")
    opened_s = min((one.heard_s for one in evidence.heard if one.given), default=None)
    late = (
        evidence.customer(one.number)
        for one in evidence.heard
        if one.outcome == NOT_OPEN_YET and opened_s is not None and one.sent_s > opened_s
    )
    if len(evidence.books) == 1:
        yield from _told(late, "customers were told NOT_OPEN_YET after others had been served")


def replayed_at_once(evidence: Evidence) -> Iterator[str]:
    """Who asks for the first time gets no answer of earlier."""
    yield from _told(
        (
            evidence.customer(one.number)
            for one in evidence.heard
            if one.given and one.given.replayed
        ),
        "first claims were answered as replays",
    )


def answered_differently(evidence: Evidence) -> Iterator[str]:
    """The same key brings the same answer, marked as replayed."""
    first = {one.number: one.given for one in evidence.heard if one.given is not None}
    yield from _told(
        (
            evidence.customer(again.number)
            for again in evidence.again
            if (before := first.get(again.number)) is not None
            and again.given != Given(before.id, before.code, replayed=True)
        ),
        "winners who asked again with their key did not get the same answer",
    )


CHECKS = (
    missing_in_ledger,
    unannounced_in_ledger,
    given_twice,
    gaps,
    stock_is_wrong,
    refused_too_soon,
    given_too_soon,
    replayed_at_once,
    answered_differently,
)
"""Every check of the evidence alone."""


def _unexpected(evidence: Evidence, *, early: bool) -> Iterator[str]:
    """A refusal that this load cannot explain."""
    expected = {ISSUED, SOLD_OUT, BUSY, NO_ANSWER, HUNG_UP} | ({NOT_OPEN_YET} if early else set())
    counts = Counter(one.outcome for one in evidence.heard if one.outcome not in expected)
    for outcome, count in sorted(counts.items()):
        yield f"{count} claims ended as {outcome}, which this load does not explain"


def _agrees(row: Incentive | None, given: Given, customer: str) -> bool:
    return row is not None and (row.code, row.customer_id) == (given.code, customer)


def _twice(values: Iterable[str | None], what: str) -> Iterator[str]:
    counts = Counter(value for value in values if value is not None)
    yield from _told((value for value, count in counts.items() if count > 1), what)


def _told(examples: Iterable[str], what: str) -> Iterator[str]:
    found = list(examples)
    if found:
        yield f"{len(found)} {what}, such as {found[0]}"
