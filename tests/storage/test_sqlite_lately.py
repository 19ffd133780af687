"""What was written last is remembered by its hash, and the oldest of it forgotten."""

import pytest

from largesse.storage.sqlite import lately
from largesse.storage.sqlite.lately import Lately


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Lately[str]:
    """Three shelves of two rows."""
    monkeypatch.setattr(lately, "SHELF_MAX", 2)
    monkeypatch.setattr(lately, "SHELVES_MAX", 3)
    return Lately()


def test_a_row_is_found_until_six_others_have_come(rows: Lately[str]) -> None:
    """A shelf is forgotten as a whole, once there is no room for another one."""
    for number in range(6):
        rows.add([(number, f"row {number}")])
    found = [rows.get(number) for number in range(7)]
    rows.add([(6, "row 6")])

    assert found == [*(f"row {number}" for number in range(6)), None]
    assert [rows.get(number) for number in (0, 1, 2, 6)] == [None, None, "row 2", "row 6"]


def test_a_batch_stays_together(rows: Lately[str]) -> None:
    """However large it is: what was added last is always there."""
    rows.add((number, "row") for number in range(100))

    assert all(rows.get(number) for number in range(100))


def test_the_latest_row_of_a_hash_is_meant(rows: Lately[str]) -> None:
    """Also where an older one is on another shelf."""
    for text in ("first", "second"):
        rows.add([(1, text), (2, text)])

    assert rows.get(1) == "second"
