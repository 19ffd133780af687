"""What draws ask of the world."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from largesse.draws.model import Drawn, DrawSettled, DrawWish, Returned


class Before(NamedTuple):
    """A place in a customer's draws, newest first: whatever was made before this one."""

    period: int
    ordinal: int


class DrawStore(Protocol):
    """The ledger of draws. Every implementation passes `DrawStoreContract`.

    A store is made with the dice that it rolls.
    """

    async def settle(self, wishes: Sequence[DrawWish]) -> list[DrawSettled]:
        """Settle wishes in order, in one transaction, durable once this returns.

        One answer per wish, in order. `now_ms` of each is set. Either all of the batch is settled
        or, with `UnavailableError`, none of it: a failure uses up no draw and no number. The draw,
        its number, the incentive and the facts are written together. A customer's draws are unique
        by (campaign, customer, period, ordinal), and a campaign's by number, whatever was decided.
        """

    def at_once(self, wishes: Sequence[DrawWish]) -> list[DrawSettled | None]:
        """What can be refused at once, without the ledger and without waiting; None for the rest.

        Only what is certain: no key of the customer's is known that would bring a draw again.
        """

    async def draw(self, campaign: int, number: int) -> Drawn | None:
        """One draw of a campaign by its number, or None where it was not made."""

    async def draws_of(
        self, campaign: int, customer: str, before: Before | None, limit: int
    ) -> list[Drawn]:
        """A customer's draws in a campaign, newest first, those before a place."""

    async def draws(self, campaign: int, after: int, limit: int) -> list[Drawn]:
        """A campaign's draws by ascending number, beyond `after`."""

    async def returns(self, campaign: int, after: int, limit: int) -> list[Returned]:
        """What revokes gave back to a campaign's stock, in order, from beyond a position on.

        Together with the draws this is every change of the stock: nothing else gives or takes.
        """
