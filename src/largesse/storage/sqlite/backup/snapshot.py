"""The ledger as it is at one moment: what it holds, and a copy of its pages."""

from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import apsw

from largesse.storage.sqlite.backup.archive import Counts, Header
from largesse.storage.sqlite.query import number, rows

PAGES_AT_ONCE = 64
"""256 KiB: between two steps it is seen whether the copy is still wanted."""

_COUNTS = """
SELECT (SELECT count(*) FROM tenant), (SELECT count(*) FROM campaign),
  (SELECT coalesce(sum(serials), 0) FROM reward), (SELECT coalesce(max(seq), 0) FROM journal)"""


def describe(db: apsw.Connection, taken_at_ms: int) -> Header:
    """What an archive of this state would say of itself."""
    return Header(
        largesse=version("largesse"),
        schema=number(db, "PRAGMA user_version"),
        taken_at_ms=taken_at_ms,
        bytes=number(db, "PRAGMA page_count") * number(db, "PRAGMA page_size"),
        counts=count(db),
    )


def count(db: apsw.Connection) -> Counts:
    """How much there is."""
    [found] = rows(db, _COUNTS)
    return Counts(*found)


def copy_pages(db: apsw.Connection, target: Path, wanted: Callable[[], bool]) -> bool:
    """Copy the state that `db` sees to a new file; whether it was wanted to the end.

    `db` must have begun to read: then all steps copy the same moment, and whoever writes is not
    held up. The log cannot be emptied meanwhile, so it grows by what is written.
    """
    assert db.in_transaction
    with closing(apsw.Connection(str(target))) as copy:
        copy.pragma("journal_mode", "off")  # nobody needs half a copy
        copy.pragma("synchronous", 0)
        with copy.backup("main", db, "main") as going:
            while not going.done:
                if not wanted():
                    return False
                going.step(PAGES_AT_ONCE)
    return True
