"""What all tests of the client share."""

from collections.abc import Iterator

import pytest
from stage import Stage, staged


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A server that the test plays."""
    with staged() as server:
        yield server
