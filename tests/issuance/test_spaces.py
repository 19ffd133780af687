"""What campaigns are told of codes: the formats read for what they are, pointers into them."""

import pytest

from largesse.campaigns.model import CodeFormat
from largesse.issuance.spaces import Spaces, pattern_of
from largesse.kernel.errors import InvalidInputError


@pytest.mark.parametrize(
    ("code", "canonical", "space"),
    [
        (CodeFormat(pattern="A99"), "A99", 2600),
        (CodeFormat(pattern="A-9.9"), "A99", 2600),
        (CodeFormat(charset="XY", length=3), "[XY][XY][XY]", 8),
        (CodeFormat(pattern="{x}9", charsets={"x": "XYZ"}), "[XYZ]9", 30),
    ],
)
def test_a_format_is_measured(code: CodeFormat, canonical: str, space: int) -> None:
    """By what is compared, not by how it is shown or written down."""
    measured = Spaces().measure(code, None)

    assert (measured.pattern, measured.space) == (canonical, space)
    assert pattern_of(code).canonical_text == canonical


@pytest.mark.parametrize(
    ("pattern", "quota", "warns"),
    [("A99", None, True), ("##########**", None, False), ("9**", 10, True)],
)
def test_codes_that_can_be_guessed_are_warned_of(
    pattern: str, quota: int | None, *, warns: bool
) -> None:
    """Without check symbols, or with too few for the quota."""
    assert bool(Spaces().measure(CodeFormat(pattern=pattern), quota).warnings) is warns


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [("A99", "A99", False), ("A99", "999", False), ("##9", "A99", True), ("A99", "A9", False)],
)
def test_overlaps(one: str, other: str, *, overlap: bool) -> None:
    """Neither equal nor disjoint, whichever way round."""
    assert Spaces().overlap(one, other) is overlap
    assert Spaces().overlap(other, one) is overlap


def test_a_format_that_cannot_be_read() -> None:
    """The error points into the format."""
    with pytest.raises(InvalidInputError) as refused:
        Spaces().measure(CodeFormat(pattern="A[9"), None)

    assert refused.value.pointer == "/pattern"
