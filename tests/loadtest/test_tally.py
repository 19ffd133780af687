"""What is counted of a crowd: as tables."""

import pytest

from largesse.loadtest.tally import percentile


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.99, 99), (0.999, 100), (1.0, 100), (0.0, 1)]
)
def test_percentiles_are_nearest_ranks(share: float, value: int) -> None:
    """Values that were measured, none in between."""
    assert percentile(range(1, 101), share) == value
