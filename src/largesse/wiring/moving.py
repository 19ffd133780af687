"""The ledger that a tenant leaves or comes to, whatever it is in."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from largesse.kernel.clock import SystemClock
from largesse.kernel.errors import StartError
from largesse.moving.ports import Destination, Origin
from largesse.settings.tree import Database

_SCHEME = "sqlite:///"
_NO_DRIVER = "PostgreSQL needs its driver: pip install 'largesse[postgres]'"


@contextmanager
def leaving(settings: Database) -> Iterator[Origin]:
    """A ledger at one moment. Raises `StartError` where there is none, or a server has the file."""
    if settings.url.startswith(_SCHEME):
        from largesse.storage.sqlite.file import LedgerFile  # noqa: PLC0415 — as in `storage`
        from largesse.storage.sqlite.moving import leaving_file  # noqa: PLC0415 — the same

        path = Path(settings.url.removeprefix(_SCHEME))
        if not path.is_file():
            raise StartError(f"there is no ledger {path}: look at --database")
        now_ms = SystemClock().now_ms()
        file = LedgerFile(path, settings, now_ms=now_ms, entropy=os.urandom)
        with closing(file), leaving_file(file) as moving:
            yield moving
        return
    try:
        from largesse.storage.postgres.moving import leaving_database  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise StartError(_NO_DRIVER) from error
    with leaving_database(settings.url) as origin:
        yield origin


@contextmanager
def coming(settings: Database) -> Iterator[Destination]:
    """A ledger to fill, made where there is none: all of it is kept at the end, or nothing."""
    if settings.url.startswith(_SCHEME):
        from largesse.storage.sqlite.file import LedgerFile  # noqa: PLC0415 — as in `storage`
        from largesse.storage.sqlite.moving import coming_to_file  # noqa: PLC0415 — the same

        path = Path(settings.url.removeprefix(_SCHEME))
        now_ms = SystemClock().now_ms()
        file = LedgerFile(path, settings, now_ms=now_ms, entropy=os.urandom)
        with closing(file), coming_to_file(file) as moving:
            yield moving
        return
    try:
        from largesse.storage.postgres.moving import coming_to_database  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise StartError(_NO_DRIVER) from error
    with coming_to_database(settings.url) as destination:
        yield destination
