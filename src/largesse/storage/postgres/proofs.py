"""The last proof of a ledger, and whose turn it is to make the next one."""

import msgspec

from largesse.issuance.model import Conservation
from largesse.kernel.clock import Clock
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.transaction import EVERYBODY

# Two who come at once meet at the row: the second sees what the first has made of it.
_TAKE = """
INSERT INTO proof (holder, until_ms) VALUES (%(holder)s, %(until_ms)s)
ON CONFLICT (one) DO UPDATE SET holder = %(holder)s, until_ms = %(until_ms)s
WHERE proof.holder = %(holder)s OR proof.until_ms <= %(now_ms)s
RETURNING true"""
_KEEP = "UPDATE proof SET checked_at_ms = %s, found = %s WHERE holder = %s"
_LAST = "SELECT found FROM proof WHERE found IS NOT NULL"
_LEAVE = "UPDATE proof SET until_ms = 0 WHERE holder = %s"


class PostgresProofs:
    """See `SharedProofs`; `holder` is this process's name among those on the database."""

    def __init__(self, database: PostgresDatabase, clock: Clock, holder: str) -> None:
        self._database = database
        self._clock = clock
        self._holder = holder

    async def take_turn(self, for_ms: int) -> bool:
        """See `SharedProofs`."""
        now_ms = self._clock.now_ms()
        asked = {"holder": self._holder, "now_ms": now_ms, "until_ms": now_ms + for_ms}
        taken = await self._database.write(
            EVERYBODY, lambda transaction: transaction.row(_TAKE, asked)
        )
        return taken is not None

    async def keep(self, proof: Conservation) -> None:
        """See `SharedProofs`."""
        found = (proof.checked_at_ms, msgspec.json.encode(proof).decode(), self._holder)
        await self._database.write(EVERYBODY, lambda transaction: transaction.execute(_KEEP, found))

    async def last(self) -> Conservation | None:
        """See `SharedProofs`."""
        row = await self._database.read(EVERYBODY, lambda transaction: transaction.row(_LAST))
        return None if row is None else msgspec.json.decode(row[0], type=Conservation)

    async def leave(self) -> None:
        """See `SharedProofs`."""
        await self._database.write(
            EVERYBODY, lambda transaction: transaction.execute(_LEAVE, (self._holder,))
        )
