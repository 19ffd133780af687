"""Opens the ledger that the settings name."""

from contextlib import AbstractContextManager

from largesse.issuance.ports import Publish
from largesse.kernel.clock import MachineClock
from largesse.kernel.errors import StartError
from largesse.settings.tree import Settings
from largesse.wiring.storage import Storage

_SQLITE = "sqlite:"


def open_storage(
    settings: Settings, clock: MachineClock | None, publish: Publish
) -> AbstractContextManager[Storage]:
    """Open the ledger; it is closed with all that hangs on it at the end.

    The clock is the ledger's own unless another one is given. Raises `StartError`, in one line
    that says what to do, where it cannot be opened.
    """
    if settings.database.url.startswith(_SQLITE):
        from largesse.wiring.sqlite import open_sqlite  # noqa: PLC0415 — its driver costs memory

        return open_sqlite(settings, clock, publish)
    try:
        from largesse.wiring.postgres import open_postgres  # noqa: PLC0415 — its driver is an extra
    except ImportError as error:
        message = "PostgreSQL needs its driver: pip install 'largesse[postgres]'"
        raise StartError(message) from error
    return open_postgres(settings, clock, publish)
