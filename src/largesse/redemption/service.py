"""What one can do with coupons that were given: use them."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from largesse.issuance.batcher import Answering, Batcher, Deliver, Limits, Report
from largesse.issuance.model import IncentiveStatus
from largesse.issuance.service import Issuance
from largesse.kernel.clock import TenantClocks
from largesse.kernel.outcome import Outcome
from largesse.redemption.model import (
    Redemption,
    RedemptionAnswer,
    RedemptionSettled,
    RedemptionWish,
)
from largesse.redemption.ports import RedemptionStore


class Redemptions:
    """Lets coupons be used, each once."""

    def __init__(
        self, store: RedemptionStore, issuance: Issuance, clocks: TenantClocks, limits: Limits
    ) -> None:
        self._issuance = issuance
        answering = Answering(self._finish, _refuse)
        self._batcher = Batcher(_Settling(store, issuance), clocks, answering, limits)

    @property
    def waiting(self) -> int:
        """How many wishes wait for a batch."""
        return self._batcher.waiting

    def report_to(self, report: Report) -> None:
        """Let somebody hear of each batch of wishes once it is answered."""
        self._batcher.report = report

    async def close(self) -> None:
        """Settle what was taken."""
        await self._batcher.drain()

    def submit(self, wish: RedemptionWish, deliver: Deliver[RedemptionAnswer]) -> None:
        """Use a coupon; `deliver` is told how it ended, a use once it is on stable storage.

        The wish has passed `decide.check`. Raises `BusyError` when too many wait.
        """
        self._batcher.submit(wish, deliver)

    async def _finish(
        self, wishes: Sequence[RedemptionWish], settled: Sequence[RedemptionSettled]
    ) -> list[RedemptionAnswer]:
        """A batch's answers: the coupons of all of them are shown at once."""
        rows = [one.used for one in settled if one.used is not None]
        incentives = iter(await self._issuance.shown(rows))
        answers = []
        for wish, one in zip(wishes, settled, strict=True):
            redemption = None
            if one.used is not None:
                used = replace(next(incentives), status=IncentiveStatus.REDEEMED)
                redemption = None if wish.dry_run else Redemption(used, one.at_ms)
            answers.append(RedemptionAnswer(one.outcome, redemption, one.replayed, one.is_coupon))
        return answers


class _Settling(Struct, frozen=True):
    """The ledger, and before it the look at what wishes that came together say."""

    store: RedemptionStore
    issuance: Issuance

    async def settle(self, wishes: Sequence[RedemptionWish]) -> list[RedemptionSettled]:
        """See `RedemptionStore`."""
        return await self.store.settle(wishes)

    def at_once(self, wishes: Sequence[RedemptionWish]) -> list[Outcome | None]:
        """Find where each wish leads; what leads nowhere is refused without the ledger."""
        by_id = [(one, one.incentive_id) for one in wishes if one.incentive_id is not None]
        places = self.issuance.places_of_ids([(wish.tenant, text) for wish, text in by_id])
        for (wish, _), place in zip(by_id, places, strict=True):
            wish.sought = place
        by_code: dict[int, list[tuple[RedemptionWish, str]]] = {}
        for wish in wishes:
            if wish.code is not None:
                by_code.setdefault(wish.tenant, []).append((wish, wish.code))
        for tenant, some in by_code.items():
            typed = self.issuance.typed(tenant, [text for _, text in some])
            for (wish, _), found in zip(some, typed, strict=True):
                wish.sought = found
        return [Outcome.UNKNOWN_CODE if wish.sought is None else None for wish in wishes]


def _refuse(_: RedemptionWish, outcome: Outcome) -> RedemptionAnswer:
    return RedemptionAnswer(outcome)
