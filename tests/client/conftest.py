"""What all tests of the client share."""

import threading
from collections.abc import Iterator

import pytest
from stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A server in a thread of its own."""
    with Stage() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.held.set()
        server.shutdown()
        thread.join()
