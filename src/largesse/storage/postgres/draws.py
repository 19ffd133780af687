"""The ledger of draws in PostgreSQL."""

from collections.abc import Sequence
from functools import partial

from largesse.draws.dice import Dice
from largesse.draws.model import Drawn, DrawSettled, DrawWish, Returned
from largesse.draws.ports import Before
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.draw_rows import read_by_number, read_of_customer, read_returns
from largesse.storage.postgres.issuance import PostgresIncentiveStore
from largesse.storage.postgres.settle_draws import settle_draws
from largesse.storage.postgres.transaction import EVERYBODY


class PostgresDrawStore:
    """See `DrawStore`. Draws take the connection of claims, and what they win is given as there.

    No process knows who drew at the others, so that none refuses without asking.
    """

    def __init__(
        self, database: PostgresDatabase, incentives: PostgresIncentiveStore, dice: Dice
    ) -> None:
        self._database = database
        self._memory = incentives.memory
        self._dice = dice

    async def settle(self, wishes: Sequence[DrawWish]) -> list[DrawSettled]:
        """See `DrawStore`."""
        if not wishes:
            return []
        return await self._database.claim(
            partial(settle_draws, self._memory, self._dice, self._database.limits, wishes)
        )

    def at_once(self, wishes: Sequence[DrawWish]) -> list[DrawSettled | None]:
        """See `DrawStore`. Any of them may have drawn at another process."""
        return [None] * len(wishes)

    async def draw(self, campaign: int, number: int) -> Drawn | None:
        """See `DrawStore`."""
        found = await self.draws(campaign, number - 1, 1)
        return next((one for one in found if one.number == number), None)

    async def draws_of(
        self, campaign: int, customer: str, before: Before | None, limit: int
    ) -> list[Drawn]:
        """See `DrawStore`."""
        return await self._database.read(
            EVERYBODY,
            lambda transaction: read_of_customer(transaction, campaign, customer, before, limit),
        )

    async def draws(self, campaign: int, after: int, limit: int) -> list[Drawn]:
        """See `DrawStore`."""
        return await self._database.read(
            EVERYBODY, lambda transaction: read_by_number(transaction, campaign, after, limit)
        )

    async def returns(self, campaign: int, after: int, limit: int) -> list[Returned]:
        """See `DrawStore`. A position is the number of the revoke's row."""
        return await self._database.read(
            EVERYBODY, lambda transaction: read_returns(transaction, campaign, after, limit)
        )
