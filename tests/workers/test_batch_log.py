"""The log's line per batch."""

from collections import Counter

from structlog.testing import capture_logs

from largesse.issuance.batcher import Batch
from largesse.kernel.errors import UnavailableError
from largesse.workers.batch_log import log_batch


def test_a_batch_is_one_line() -> None:
    """How many of it ended how, and how long it took."""
    with capture_logs() as logs:
        log_batch(Batch(Counter(ISSUED=3, SOLD_OUT=1), at_ledger=True, took_s=0.0012345))

    assert logs == [
        {
            "event": "batch",
            "log_level": "info",
            "wishes": 4,
            "endings": {"ISSUED": 3, "SOLD_OUT": 1},
            "took_ms": 1.234,
            "at_ledger": True,
        }
    ]


def test_a_batch_that_failed_is_an_error() -> None:
    """With what the caller is told, and what is behind it."""
    error = UnavailableError()
    error.__cause__ = OSError("disk I/O error")

    with capture_logs() as logs:
        log_batch(Batch(Counter(UnavailableError=2), at_ledger=True, took_s=1, error=error))

    [line] = logs
    assert (line["log_level"], line["problem"]) == ("error", str(error))
    assert line["exc_info"] is error.__cause__
