"""The ledger of uses in this process: the model that every other one is held against."""

from collections.abc import Sequence

from largesse.issuance import decide as issuing
from largesse.issuance.model import LedgerEntry, Place
from largesse.kernel.fact import FactKind
from largesse.redemption import decide
from largesse.redemption.model import RedemptionPrior, RedemptionSettled, RedemptionWish
from largesse.storage.memory.issuance import place_of_counter
from largesse.storage.memory.ledger import end
from largesse.storage.memory.state import KeptAnswer, MemoryState

_NOTHING_MORE = b"{}"
"""The answer that is kept beside a key: the coupon's own row says the rest."""


class MemoryRedemptionStore:
    """Nothing here awaits, so that the event loop alone keeps wishes apart."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def settle(self, wishes: Sequence[RedemptionWish]) -> list[RedemptionSettled]:
        """See `RedemptionStore`."""
        with self._state.transaction():
            return [self._settle(wish) for wish in wishes]

    def _settle(self, wish: RedemptionWish) -> RedemptionSettled:
        place = self._place(wish)
        if place is None:
            return decide.UNKNOWN
        prior = self._prior(wish, place)
        settled = decide.redeem(wish, prior)
        if settled.used is not None and not settled.replayed and not wish.dry_run:
            end(self._state, settled.used, FactKind.INCENTIVE_REDEEMED, settled.at_ms)
            kept = KeptAnswer(prior.content, _NOTHING_MORE)
            self._state.answers[wish.tenant, decide.OPERATION, wish.key] = kept
        return settled

    def _place(self, wish: RedemptionWish) -> Place | None:
        sought = wish.sought
        if sought is None or isinstance(sought, Place):
            return sought
        for pattern, counter in sought.counters:
            place = place_of_counter(self._state, wish.tenant, pattern, counter)
            if place is not None:
                return place
        return self._state.codes.get((wish.tenant, sought.canonical or ""))

    def _prior(self, wish: RedemptionWish, place: Place) -> RedemptionPrior:
        bound = self._state.answers.get((wish.tenant, decide.OPERATION, wish.key))
        entry = self._state.entries.get(place)
        return RedemptionPrior(
            decide.content_of(place, wish.customer),
            None if bound is None or wish.dry_run else bound.content,
            entry,
            self._expires_at_ms(entry),
        )

    def _expires_at_ms(self, entry: LedgerEntry | None) -> int | None:
        """When a coupon expires, by the version that it was issued under."""
        if entry is None:
            return None
        issued = entry.issued
        campaign = self._state.campaign(issued.campaign, issued.version)
        assert campaign is not None
        definition = issuing.definition_of(campaign, issued.reward)
        return issuing.expires_at_ms(definition, issued.at_ms)
