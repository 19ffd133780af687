"""What is held against the ledger: evidence that agrees, and each way in which it may not."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from shown import campaign, incentive, reward

from largesse.client.model import Incentive, Stock
from largesse.loadtest.compare import AskedAgain, Book, Evidence, complaints
from largesse.loadtest.tally import Heard
from largesse.loadtest.wishes import Given


def customer(number: int) -> str:
    """Who asks."""
    return f"run-{number}"


def issued(number: int, replayed: bool = False) -> Heard:  # noqa: FBT001, FBT002 - as the field is
    """Somebody heard that he has it."""
    given = Given(f"inc_{number}", f"CODE-{number}", replayed)
    return Heard(number, "ISSUED", given, number, number + 0.5)


def refused(number: int, outcome: str = "SOLD_OUT") -> Heard:
    """Somebody heard that he gets none."""
    return Heard(number, outcome, None, number, number + 0.5)


def unheard(number: int) -> Heard:
    """Somebody went without hearing."""
    return Heard(number, "HUNG_UP", None, number, number + 0.5, known=False)


def book(rows: list[Incentive], total: int, **stock: int) -> Book:
    """The ledger of a campaign."""
    counted = {"issued": len(rows), "reserved": 0, "left": total - len(rows), **stock}
    stocked = reward(Stock(total=total, left_today=None, **counted))
    return Book(campaign(1, [stocked]), rows)


class Case:
    """A sale of three to four customers; one left, asked again, and had it. All of it agrees."""

    def __init__(self) -> None:
        self.heard = [issued(0), issued(1), unheard(2), refused(3)]
        self.again = [
            AskedAgain(2, Given("inc_2", "CODE-2", replayed=True), "ISSUED"),
            AskedAgain(0, Given("inc_0", "CODE-0", replayed=True), "ISSUED"),
        ]
        self.rows = [incentive(0), incentive(1), incentive(2)]
        self.stock: dict[str, int] = {}
        self.total = 3

    def complaints(self, *, early: bool = False) -> list[str]:
        """What is found."""
        books = [book(self.rows, self.total, **self.stock)]
        return complaints(Evidence(self.heard, self.again, books, customer), early=early)


def test_what_agrees_is_not_complained_about() -> None:
    """Nor is somebody who never learned what became of him, either way."""
    assert Case().complaints() == []
    case = Case()
    case.again = []
    assert case.complaints() == []
    case.rows, case.heard = [incentive(0), incentive(1)], case.heard[:3]
    assert case.complaints() == []


def invented(case: Case) -> None:
    """An answer with nothing behind it."""
    case.heard.append(issued(9))


def other_code(case: Case) -> None:
    """A code that the ledger does not know."""
    case.rows[0] = replace(case.rows[0], code="OTHER")


def other_customer(case: Case) -> None:
    """An incentive that belongs to somebody else."""
    case.rows[0] = replace(case.rows[0], customer_id="run-3")


def unannounced(case: Case) -> None:
    """A row that nobody was told of."""
    case.total = 4
    case.rows.append(incentive(3))


def settled_and_refused(case: Case) -> None:
    """Who left has it, and is told that he has not."""
    case.again[0] = AskedAgain(2, None, "SOLD_OUT")


def told_twice(case: Case) -> None:
    """The code of another."""
    case.heard[1] = replace(case.heard[1], given=Given("inc_1", "CODE-0", replayed=False))


def kept_twice(case: Case) -> None:
    """One code on two rows."""
    case.rows[1] = replace(case.rows[1], code="CODE-0")


def two_for_one(case: Case) -> None:
    """A customer who holds two."""
    case.rows[1] = replace(case.rows[1], customer_id=customer(0))


def gap(case: Case) -> None:
    """A serial that is missing."""
    case.rows[2] = replace(case.rows[2], serial=5)


def miscounted(case: Case) -> None:
    """A counter that differs from the rows."""
    case.stock = {"issued": 2, "left": 1}


def does_not_add_up(case: Case) -> None:
    """A unit that is nowhere."""
    case.stock = {"left": 1}


def too_many(case: Case) -> None:
    """More than there were."""
    case.total, case.stock = 2, {"left": -1}


def too_soon_sold_out(case: Case) -> None:
    """Refused while there is one."""
    case.total = 4


def too_early(case: Case) -> None:
    """Issued before the opening."""
    case.rows[0] = replace(case.rows[0], issued_at="2026-11-30T23:59:59.999Z")


def closed_again(case: Case) -> None:
    """Told to wait when others had been served."""
    case.heard.append(refused(4, "NOT_OPEN_YET"))


def replayed(case: Case) -> None:
    """A first claim that is answered as a second."""
    case.heard[0] = issued(0, replayed=True)


def differs(case: Case) -> None:
    """Another answer to the same key."""
    case.again[1] = AskedAgain(0, Given("inc_0", "CODE-0", replayed=False), "ISSUED")


def unexplained(case: Case) -> None:
    """A refusal for no reason."""
    case.heard[3] = refused(3, "CUSTOMER_LIMIT_REACHED")


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (invented, "1 answers name an incentive that the ledger does not hold so, such as run-9"),
        (other_code, "that the ledger does not hold so, such as run-0: inc_0 with code CODE-0"),
        (other_customer, "that the ledger does not hold so"),
        (unannounced, "1 incentives are in the ledger that nobody was told of, such as inc_3"),
        (settled_and_refused, "nobody was told of, such as inc_2"),
        (told_twice, "1 codes were told to several customers, such as CODE-0"),
        (kept_twice, "1 codes are in the ledger several times"),
        (two_for_one, "1 customers hold more than one, such as run-0"),
        (gap, "the serials of 3 incentives are not 1, 2, 3, …"),
        (miscounted, "issued says 2, the ledger holds 3"),
        (does_not_add_up, "does not add up"),
        (too_many, "3 were given of 2"),
        (too_soon_sold_out, "customers were told SOLD_OUT, and 1 are left"),
        (too_early, "1 incentives were issued before 2026-12-01"),
        (closed_again, "1 customers were told NOT_OPEN_YET after others had been served"),
        (replayed, "1 first claims were answered as replays"),
        (differs, "1 winners who asked again with their key did not get the same answer"),
        (unexplained, "1 claims ended as CUSTOMER_LIMIT_REACHED, which this load"),
    ],
)
def test_what_does_not_agree_is_named(mistake: Callable[[Case], None], told: str) -> None:
    """How often, and with an example."""
    case = Case()
    mistake(case)
    found = case.complaints(early=True)
    assert any(told in complaint for complaint in found), found


def test_coming_early_explains_being_told_to_wait() -> None:
    """Only before anybody was served, and only where the crowd came early."""
    case = Case()
    case.heard.insert(0, Heard(4, "NOT_OPEN_YET", None, 0.1, 0.2))
    assert case.complaints(early=True) == []
    assert case.complaints() == ["1 claims ended as NOT_OPEN_YET, which this load does not explain"]
