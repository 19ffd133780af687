"""The ledger of incentives in PostgreSQL."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import LiteralString

from msgspec.structs import replace

from largesse.campaigns.model import Campaign, Counters
from largesse.issuance.model import Conservation, LedgerEntry, Place, Settled, Wish
from largesse.issuance.ports import RandomCodes
from largesse.kernel.clock import Clock
from largesse.storage.postgres import expire
from largesse.storage.postgres.campaigns import load_campaigns, load_version
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.draw_proof import Made, prove_draws
from largesse.storage.postgres.rows import read_entries, read_entry
from largesse.storage.postgres.scrutiny import scrutinise
from largesse.storage.postgres.settle import Memory, settle
from largesse.storage.postgres.tally import (
    BEGINNING,
    Tallies,
    compare,
    count,
    read_state,
    turn_days,
)
from largesse.storage.postgres.transaction import EVERYBODY, Bindings, Transaction

VIOLATIONS_MAX = 100
"""More of them would say nothing new."""

_COUNTERS = """
SELECT r.issued, r.reserved, r.serials, r.day, r.issued_day
FROM unnest(%s::bigint[]) WITH ORDINALITY AS w (number, place) JOIN reward r ON r.number = w.number
ORDER BY w.place"""
_OF_COUNTER = """
SELECT b.reward, b.serial + %(place)s - b.place
FROM code_pattern p JOIN code_block b ON b.pattern = p.id
WHERE p.tenant = %(tenant)s AND p.pattern = %(pattern)s AND p.source = 'permuted'
  AND b.place <= %(place)s AND %(place)s < b.place + b.count
ORDER BY b.place DESC LIMIT 1"""
_OF_CODE = """
SELECT reward, serial FROM code
WHERE tenant = %(tenant)s AND canonical = %(canonical)s AND pool IS NULL"""


class PostgresIncentiveStore:
    """See `IncentiveStore`.

    No process knows all holders, so that none refuses without asking; what can only be refused is
    asked without holding anything.
    """

    def __init__(self, database: PostgresDatabase, random_codes: RandomCodes, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.memory = Memory(random_codes, database.ring)
        self._counted = BEGINNING
        self._rows = 0
        self._tallies: Tallies = {}
        self._made: Made = {}

    async def settle(self, wishes: Sequence[Wish]) -> list[Settled]:
        """See `IncentiveStore`."""
        if not wishes:
            return []
        return await self._database.claim(
            partial(settle, self.memory, self._database.limits, wishes)
        )

    def at_once(self, wishes: Sequence[Wish]) -> list[Settled | None]:
        """See `IncentiveStore`. Any of them may be a winner that another process knows."""
        return [None] * len(wishes)

    async def campaigns(self) -> list[Campaign]:
        """See `IncentiveStore`."""
        return await self._database.read(EVERYBODY, load_campaigns)

    async def version(self, campaign: int, version: int) -> Campaign:
        """See `IncentiveStore`."""
        found = await self._database.read(
            EVERYBODY, lambda transaction: load_version(transaction, campaign, version)
        )
        assert found is not None
        return found

    async def entry(self, place: Place) -> LedgerEntry | None:
        """See `IncentiveStore`."""
        return await self._database.read(
            EVERYBODY, lambda transaction: read_entry(transaction, place)
        )

    async def entries(
        self, rewards: Sequence[int], after: Place | None, limit: int
    ) -> list[LedgerEntry]:
        """See `IncentiveStore`."""
        return await self._database.read(
            EVERYBODY, lambda transaction: read_entries(transaction, rewards, after, limit)
        )

    async def counters(self, rewards: Sequence[int]) -> list[Counters]:
        """See `IncentiveStore`."""
        found = await self._database.read(
            EVERYBODY, lambda transaction: transaction.rows(_COUNTERS, (list(rewards),))
        )
        return [Counters(*row) for row in found]

    async def place_of_counter(self, tenant: int, pattern: str, counter: int) -> Place | None:
        """See `IncentiveStore`."""
        wanted = {"tenant": tenant, "pattern": pattern, "place": counter}
        return await self._place(tenant, _OF_COUNTER, wanted)

    async def place_of_code(self, tenant: int, canonical: str) -> Place | None:
        """See `IncentiveStore`."""
        return await self._place(tenant, _OF_CODE, {"tenant": tenant, "canonical": canonical})

    async def expire(self, now_ms: Callable[[int], int]) -> int:
        """See `IncentiveStore`."""
        while True:
            tenants = await self._database.read(EVERYBODY, expire.read_tenants)
            moments_ms = {tenant: now_ms(tenant) for tenant in tenants}
            sweep = partial(expire.sweep, moments_ms=moments_ms)
            swept = await self._database.write(EVERYBODY, sweep, self._database.ring)
            if swept.told or not swept.moved:
                return swept.told

    async def prove(self, *, whole: bool) -> Conservation:
        """See `IncentiveStore`.

        One transaction that only reads sees one state, however long it takes, and no fact waits for
        it: it has no number of its own.
        """
        checked_at_ms = self._clock.now_ms()
        prove = partial(self._prove, whole=whole)
        return replace(await self._database.read(EVERYBODY, prove), checked_at_ms=checked_at_ms)

    def _prove(self, transaction: Transaction, *, whole: bool) -> Conservation:
        state = read_state(transaction)
        since = BEGINNING if whole else self._counted
        tallies = {} if whole else {one: replace(tally) for one, tally in self._tallies.items()}
        turn_days(tallies, state)
        came, violations = count(transaction, tallies, state, since)
        violations += compare(tallies, state.counters)
        made = {} if whole else dict(self._made)
        violations += prove_draws(transaction, made, since)
        if whole:
            violations += scrutinise(transaction)
        self._counted, self._tallies, self._made = state.snapshot, tallies, made
        self._rows = came if whole else self._rows + came
        return Conservation(0, state.campaigns, self._rows, tuple(violations[:VIOLATIONS_MAX]))

    async def _place(
        self, tenant: int, statement: LiteralString, bindings: Bindings
    ) -> Place | None:
        found = await self._database.read(
            tenant, lambda transaction: transaction.row(statement, bindings)
        )
        return None if found is None else Place(*found)
