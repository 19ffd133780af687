"""Whether a wrong number would be noticed: each count falsified in turn."""

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from largesse.bench.exactness import (
    Kept,
    Made,
    Offered,
    Sold,
    Told,
    complaints,
    complaints_of_draws,
    complaints_of_each,
)
from largesse.bench.load import Measured
from largesse.bench.soldout import retry_complaints

TOLD = Told(100)
KEPT = Kept(rows=100, places=100, customers=100, issued=100, serials=100)


@dataclass(frozen=True)
class Seen:
    """All that is compared."""

    told: Told = TOLD
    stock: int = 100
    kept: Kept = KEPT
    quota: int | None = 100

    def complaints(self) -> list[str]:
        """What does not agree."""
        return complaints(self.told, self.stock, self.kept, quota=self.quota)


@pytest.mark.parametrize("told", [Told(100), Told(100, 64), Told(36, 64), Told(99, 1)])
def test_what_agrees_is_exact(told: Told) -> None:
    """With as many answers unheard as there were connections, and not with one more."""
    assert Seen(told).complaints() == []


@pytest.mark.parametrize(
    ("falsified", "complaint"),
    [
        (Seen(Told(99)), "100 rows where the answers told of 99"),
        (Seen(Told(101)), "100 rows where the answers told of 101"),
        (Seen(Told(35, 64)), "100 rows where the answers told of 35 to 99"),
        (Seen(Told(101, 64)), "100 rows where the answers told of 101 to 165"),
        (Seen(stock=99), "100 rows but 99 issued by the API"),
        (Seen(kept=replace(KEPT, places=99)), "100 rows but 99 different places"),
        (Seen(kept=replace(KEPT, customers=99)), "100 rows but 99 different customers"),
        (Seen(kept=replace(KEPT, issued=101)), "100 rows but 101 issued by the counter"),
        (Seen(kept=replace(KEPT, serials=99)), "100 rows but 99 serials by the counter"),
        (Seen(quota=99), "100 rows of a quota of 99"),
    ],
)
def test_each_falsified_count_is_caught(falsified: Seen, complaint: str) -> None:
    """Negative control: one number is wrong, and it is named."""
    assert falsified.complaints() == [complaint]


MADE = Made(rows=100, numbers=100, last=100, customers=100, won=40, incentives=40, booked=100)


def test_draws_that_agree_are_exact() -> None:
    """With answers unheard, too."""
    assert complaints_of_draws(TOLD, 40, MADE) == []
    assert complaints_of_draws(Told(36, 64), 40, MADE) == []


@pytest.mark.parametrize(
    ("told", "stock", "made", "complaint"),
    [
        (Told(99), 40, MADE, "100 rows where the answers told of 99"),
        (TOLD, 40, replace(MADE, numbers=99), "100 draws but 99 is different numbers"),
        (TOLD, 40, replace(MADE, last=101), "100 draws but 101 is the last number"),
        (TOLD, 40, replace(MADE, customers=99), "100 draws but 99 is different customers"),
        (TOLD, 40, replace(MADE, booked=99), "100 draws but 99 is draws by the book"),
        (TOLD, 40, replace(MADE, incentives=39), "40 draws won but 39 incentives"),
        (TOLD, 41, MADE, "40 draws won but 41 issued by the API"),
    ],
)
def test_each_falsified_count_of_draws_is_caught(
    told: Told, stock: int, made: Made, complaint: str
) -> None:
    """Negative control: a gap in the numbers, a customer twice, a win without an incentive."""
    assert complaints_of_draws(told, stock, made) == [complaint]


def measured(issued: int, winners_asked: int) -> Measured:
    """A load of which all but some were refused."""
    return Measured(
        answers=1000,
        refused=1000 - issued,
        broken=0,
        seconds=1.0,
        winners_asked=winners_asked,
        p50_ms=1.0,
        p99_ms=1.0,
        p999_ms=1.0,
    )


@pytest.mark.parametrize(
    ("issued", "complaints_found"), [(100, 0), (100 - 65, 0), (100 - 66, 1), (101, 1)]
)
def test_winners_and_nobody_else(issued: int, complaints_found: int) -> None:
    """A winner turned away is noticed, and a loser who was given something."""
    found = retry_complaints(measured(issued, winners_asked=100), connections=64)
    assert len(found) == complaints_found


OFFERED = {"a": Offered(50, 1_000, 50), "b": Offered(None, 0, 7), "c": Offered(50, 1_000, 0)}
SOLD = {"a": Sold(50, 1_000), "b": Sold(7, 3)}


def test_campaigns_that_agree_are_exact() -> None:
    """From the opening millisecond on, to the last unit; one that gave nothing has no row."""
    assert complaints_of_each(OFFERED, SOLD) == []


@pytest.mark.parametrize(
    ("falsified", "complaint"),
    [
        ({"a": Sold(49, 1_000)}, "a: 49 rows but 50 issued by the API"),
        ({"b": Sold(8, 3)}, "b: 8 rows but 7 issued by the API"),
        ({"a": Sold(50, 999)}, "a: given 1 ms early"),
        ({"c": Sold(1, 1_000)}, "c: 1 rows but 0 issued by the API"),
        ({"d": Sold(1, 1_000)}, "d gave something and is none of ours"),
    ],
)
def test_each_falsified_campaign_is_caught(falsified: dict[str, Sold], complaint: str) -> None:
    """Negative control: one campaign is wrong, and it is named."""
    assert complaints_of_each(OFFERED, SOLD | falsified) == [complaint]


def test_one_too_many_is_caught() -> None:
    """Though the API says the same: it is not the judge."""
    found = complaints_of_each({"a": Offered(50, 1_000, 51)}, {"a": Sold(51, 1_000)})
    assert found == ["a: 51 rows of a quota of 50"]
