"""The exactness of `codes`: what is wrong with a file or a ledger is told, and nothing else."""

import pytest
from msgspec.structs import replace

from largesse.bench.codes import Kept, Made, complaints, kept_complaints

GOOD = Made(0.1, 0.2, numbers=["1", "2", "3"], codes=["A", "B", "C"], claimed=["D"])


def test_what_is_right_is_not_complained_of() -> None:
    """Every code once, with its number."""
    assert complaints(GOOD, 3) == []
    assert kept_complaints(Kept(reserved=20, pooled=20, rows=11), 10) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"codes": ["A", "B", "B"]}, ["1 codes are in a file twice"]),
        ({"codes": ["A", "B", "D"]}, ["1 codes of a pool were given by claims"]),
        ({"numbers": ["1", "3", "2"]}, ["the rows of a file are not numbered from 1 to 3"]),
        (
            {"numbers": ["1", "2"], "codes": ["A", "B"]},
            [
                "the rows of a file are not numbered from 1 to 3",
                "2 codes in a file of 3",
            ],
        ),
    ],
)
def test_a_wrong_file_is_complained_of(wrong: dict[str, list[str]], told: list[str]) -> None:
    """Negative control: a code that is missing, there twice, or given elsewhere as well."""
    assert complaints(replace(GOOD, **wrong), 3) == told


@pytest.mark.parametrize(
    "kept", [Kept(19, 20, 11), Kept(20, 19, 11), Kept(20, 20, 10), Kept(20, 20, 12)]
)
def test_a_wrong_ledger_is_complained_of(kept: Kept) -> None:
    """Negative control: one unit, one code more or less."""
    [complaint] = kept_complaints(kept, 10)
    assert "where" in complaint
