"""What is done to the file now and then, beside the ledger's own work."""

from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.writer import Writer

FORGOTTEN_MAX = 1_000
"""Keys forgotten in one transaction: it shares its commit with claims that wait."""

_FORGET = """
DELETE FROM idempotency WHERE (tenant, operation, key) IN (
  SELECT tenant, operation, key FROM idempotency WHERE at_ms < ? ORDER BY at_ms LIMIT ?)"""


async def forget_keys(writer: Writer, before_ms: int) -> int:
    """Forget one batch of commands' keys that were bound before a moment; how many there were.

    Keys of claims stand in the journal and stay as long as it does.
    """

    def forget(transaction: Transaction) -> int:
        transaction.db.execute(_FORGET, (before_ms, FORGOTTEN_MAX))
        return transaction.db.changes()

    return await writer.write(forget)


async def check_file(readers: Readers) -> str | None:
    """What SQLite finds wrong with the structure of the file, or None. Reads all of it."""
    found = await readers.read(lambda db: db.execute("PRAGMA quick_check(1)").get)
    return None if found == "ok" else f"the file is damaged, restore a backup: {found}"
