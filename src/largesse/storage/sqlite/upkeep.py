"""What keeps the file in order while the server runs."""

import apsw

from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.writer import Writer

KEYS_AT_ONCE = 1_000
"""Keys forgotten in one transaction: some milliseconds of the writer."""

_FORGET = """
DELETE FROM idempotency WHERE (tenant, operation, key) IN (
  SELECT tenant, operation, key FROM idempotency WHERE at_ms < ? ORDER BY at_ms LIMIT ?)"""


class SQLiteUpkeep:
    """Jobs for the server's timers."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def check_file(self) -> str | None:
        """What is wrong with the structure of the file, or None."""
        return await self._readers.read(_check)

    async def forget_keys(self, before_ms: int) -> int:
        """Forget keys of commands bound before a moment, at most so many; how many it were."""

        def forget(transaction: Transaction) -> int:
            transaction.db.execute(_FORGET, (before_ms, KEYS_AT_ONCE))
            return transaction.db.changes()

        return await self._writer.write(forget)


def _check(db: apsw.Connection) -> str | None:
    found = db.execute("PRAGMA quick_check(1)").get
    return None if found == "ok" else f"the file is damaged: {found}"
