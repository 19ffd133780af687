"""What keeps the database in order while the server runs."""

from largesse.kernel.clock import CarriedClock
from largesse.kernel.errors import LargesseError
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.errors import one_line
from largesse.storage.postgres.timekeeping import take_time
from largesse.storage.postgres.transaction import EVERYBODY, Transaction

KEYS_AT_ONCE = 1_000
"""Keys forgotten in one transaction."""

_FORGET = """
DELETE FROM idempotency WHERE (tenant, operation, key) IN (
  SELECT tenant, operation, key FROM idempotency WHERE at_ms < %s ORDER BY at_ms LIMIT %s
  FOR UPDATE SKIP LOCKED)"""
_IS_STANDBY = "SELECT pg_is_in_recovery()"


class PostgresUpkeep:
    """Jobs for the server's timers, and the database's time."""

    def __init__(self, database: PostgresDatabase, clock: CarriedClock) -> None:
        self._database = database
        self._clock = clock

    async def forget_keys(self, before_ms: int) -> int:
        """Forget keys of commands bound before a moment, at most so many; how many it were."""
        return await self._database.write(
            EVERYBODY,
            lambda transaction: transaction.execute(_FORGET, (before_ms, KEYS_AT_ONCE)).rowcount,
        )

    async def check(self) -> str | None:
        """Take the database's time; what is wrong with it, or None."""
        try:
            standby = await self._database.read(EVERYBODY, self._look)
        except LargesseError as error:
            return f"the database does not answer: {one_line(error.__cause__ or error)}"
        if standby:
            return "the database has become a standby: point largesse to the primary"
        return None

    def _look(self, transaction: Transaction) -> bool:
        take_time(transaction.db, self._clock)
        [standby] = transaction.row(_IS_STANDBY)
        return bool(standby)
