"""Refusing from memory: what strangers would be told, as long as they provably are strangers."""

from collections.abc import Sequence
from typing import NamedTuple

from largesse.campaigns.model import Campaign
from largesse.issuance import decide
from largesse.issuance.model import Offer, Wish
from largesse.kernel.calendar import LocalDays
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.fingerprint import Ways, of_customer
from largesse.storage.sqlite.settle import Memory


class _Verdict(NamedTuple):
    """What every stranger is told of an offer from one moment to another, and how to know one."""

    offer: Offer
    first_ms: int
    after_ms: int
    outcome: Outcome | None
    ways: Ways


class Doorkeeper:
    """Refuses by the offers in memory. Used by one thread, while another one may change them.

    A verdict holds until its offer is replaced, or a day or the campaign's window begins or ends:
    most wishes of a sale find one.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._days = LocalDays()
        self._verdicts: dict[int, _Verdict] = {}

    def refuse(self, wishes: Sequence[Wish]) -> list[Outcome | None]:
        """Why a wish is refused, or None where it may be granted or its customer may be known.

        Counters are read before holders: whoever is counted among the issued was remembered first.
        """
        offers, verdicts = self._memory.offers, self._verdicts
        refusals: list[Outcome | None] = [None] * len(wishes)
        hashes: list[int] = []
        of_wish: list[int] = []
        for index, wish in enumerate(wishes):
            offer = offers.get(wish.reward)
            if offer is None:
                continue
            verdict = verdicts.get(wish.reward)
            if (
                verdict is None
                or verdict.offer is not offer
                or not verdict.first_ms <= wish.now_ms < verdict.after_ms
            ):
                verdict = verdicts[wish.reward] = self._judge(offer, wish)
            outcome, ways = verdict.outcome, verdict.ways
            if outcome is None or not _is_of(wish, offer.campaign):
                continue
            refusals[index] = outcome
            hashes.append(ways.main(wish.customer, wish.key))
            of_wish.append(index)
            if ways.reward_seed is not None:
                hashes.append(of_customer(ways.reward_seed, wish.customer))
                of_wish.append(index)
        for at, _ in self._memory.holders.find(hashes):
            refusals[of_wish[at]] = None
        return refusals

    def _judge(self, offer: Offer, wish: Wish) -> _Verdict:
        definition = offer.campaign.definition
        first_ms, after_ms, day = self._days.span_within(
            definition.time_zone, wish.now_ms, (definition.starts_at_ms, definition.ends_at_ms)
        )
        outcome = decide.stranger_refused(wish, offer._replace(day=day))
        return _Verdict(offer, first_ms, after_ms, outcome, self._memory.prints.ways(offer))


def _is_of(wish: Wish, campaign: Campaign) -> bool:
    return wish.campaign == campaign.number and wish.tenant == campaign.tenant
