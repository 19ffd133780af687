"""Answers from memory: refusals of those who provably are strangers, and winners' retries."""

from collections.abc import Sequence
from typing import NamedTuple

from largesse.campaigns.model import Campaign
from largesse.issuance import decide
from largesse.issuance.model import Offer, Settled, Wish
from largesse.kernel.calendar import LocalDays
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.fingerprint import Ways, of_customer
from largesse.storage.sqlite.settle import Memory


class _Verdict(NamedTuple):
    """What every stranger is told of an offer from one moment to another, and how to know one."""

    offer: Offer
    first_ms: int
    after_ms: int
    refusal: Settled | None
    ways: Ways


class Doorkeeper:
    """Answers by what is in memory. Used by one thread, while another one may change that.

    A verdict holds until its offer is replaced, or a day or the campaign's window begins or ends:
    most wishes of a sale find one.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._days = LocalDays()
        self._verdicts: dict[int, _Verdict] = {}

    def answer(self, wishes: Sequence[Wish]) -> list[Settled | None]:
        """What a wish comes to where strangers are refused; None where the ledger must be asked.

        That is where it may be granted, or its customer may be known but not the call.
        Counters are read before holders: whoever is counted among the issued was remembered first.
        """
        offers, verdicts = self._memory.offers, self._verdicts
        answers: list[Settled | None] = [None] * len(wishes)
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
            refusal, ways = verdict.refusal, verdict.ways
            if refusal is None or not _is_of(wish, offer.campaign):
                continue
            answers[index] = refusal
            hashes.append(ways.main(wish.customer, wish.key))
            of_wish.append(index)
            if ways.reward_seed is not None:
                hashes.append(of_customer(ways.reward_seed, wish.customer))
                of_wish.append(index)
        for at, _ in self._memory.holders.find(hashes):
            index = of_wish[at]
            answers[index] = self._again(wishes[index], hashes[at])
        return answers

    def _again(self, wish: Wish, found_by: int) -> Settled | None:
        """The first answer once more, for a call that was given something lately."""
        bound = self._memory.issued_lately.get(found_by)
        if bound is None or (bound.campaign, bound.key) != (wish.campaign, wish.key):
            return None
        same = decide.same_wish(wish, bound)
        return Settled(Outcome.ISSUED, bound, replayed=True) if same else None

    def _judge(self, offer: Offer, wish: Wish) -> _Verdict:
        definition = offer.campaign.definition
        first_ms, after_ms, day = self._days.span_within(
            definition.time_zone, wish.now_ms, (definition.starts_at_ms, definition.ends_at_ms)
        )
        outcome = decide.stranger_refused(wish, offer._replace(day=day))
        refusal = None if outcome is None else Settled(outcome)
        return _Verdict(offer, first_ms, after_ms, refusal, self._memory.prints.ways(offer))


def _is_of(wish: Wish, campaign: Campaign) -> bool:
    return wish.campaign == campaign.number and wish.tenant == campaign.tenant
