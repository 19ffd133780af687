"""What redemption asks of the world."""

from collections.abc import Sequence
from typing import Protocol

from largesse.redemption.model import RedemptionSettled, RedemptionWish


class RedemptionStore(Protocol):
    """The ledger of uses. Every implementation passes `RedemptionStoreContract`."""

    async def settle(self, wishes: Sequence[RedemptionWish]) -> list[RedemptionSettled]:
        """Settle wishes in order, in one transaction, durable once this returns.

        One answer per wish, in order; `now_ms` and `sought` of each are set. Either all of the
        batch is settled or, with `UnavailableError`, none of it. A use, its fact and its key are
        written together, and a unique key of the ledger ends an incentive once, whatever was
        decided. A refusal and a dry run leave nothing, no key either.
        """
