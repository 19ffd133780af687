"""Hot decisions in the log: one line per batch, because the ledger itself has one per decision."""

import structlog

from largesse.issuance.batcher import Batch

_log = structlog.get_logger(__name__)


def log_batch(batch: Batch) -> None:
    """Write how many wishes of a batch ended how, and how long it took.

    A batch that the ledger could not take is an error; with it goes what befell the machinery.
    """
    said = {
        "wishes": batch.endings.total(),
        "endings": dict(batch.endings),
        "took_ms": round(batch.took_s * 1000, 3),
        "at_ledger": batch.at_ledger,
    }
    if batch.error is None:
        _log.info("batch", **said)
    else:
        _log.error("batch", **said, problem=str(batch.error), exc_info=batch.error.__cause__)
