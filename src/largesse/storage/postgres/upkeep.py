"""What keeps the database in order while the server runs."""

from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.transaction import EVERYBODY

KEYS_AT_ONCE = 1_000
"""Keys forgotten in one transaction."""

_FORGET = """
DELETE FROM idempotency WHERE (tenant, operation, key) IN (
  SELECT tenant, operation, key FROM idempotency WHERE at_ms < %s ORDER BY at_ms LIMIT %s
  FOR UPDATE SKIP LOCKED)"""


class PostgresUpkeep:
    """Jobs for the server's timers."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def forget_keys(self, before_ms: int) -> int:
        """Forget keys of commands bound before a moment, at most so many; how many it were."""
        return await self._database.write(
            EVERYBODY,
            lambda transaction: transaction.execute(_FORGET, (before_ms, KEYS_AT_ONCE)).rowcount,
        )
