"""The rules of code pools, as tables: what there is room for."""

import pytest

from largesse.campaigns.model import CodeSource
from largesse.kernel.errors import InvalidInputError
from largesse.pools.decide import check_room


@pytest.mark.parametrize(
    ("source", "taken", "room"),
    [
        (CodeSource.PERMUTED, 0, 100),
        (CodeSource.PERMUTED, 40, 60),
        (CodeSource.RANDOM, 0, 50),
        (CodeSource.RANDOM, 40, 10),
    ],
)
def test_room_is_what_nobody_has(source: CodeSource, taken: int, room: int) -> None:
    """Of a hundred codes: all of them in their order, half of them where they are drawn."""
    check_room(source, 100, taken, room)
    with pytest.raises(InvalidInputError, match=f"of which {room} are nobody's yet") as refused:
        check_room(source, 100, taken, room + 1)
    assert (refused.value.pointer, refused.value.code) == ("/count", "PATTERN_TOO_SMALL")


def test_a_space_that_is_fuller_than_its_half_has_no_room() -> None:
    """And says so with no number below nothing."""
    with pytest.raises(InvalidInputError, match="of which 0 are nobody's yet"):
        check_room(CodeSource.RANDOM, 100, 60, 1)
