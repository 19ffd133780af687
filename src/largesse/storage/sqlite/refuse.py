"""Refusing from memory: what strangers would be told, as long as they provably are strangers."""

from collections.abc import Sequence
from typing import NamedTuple

from largesse.issuance import decide
from largesse.issuance.model import Wish
from largesse.kernel.calendar import LocalDays
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite.fingerprint import Ways
from largesse.storage.sqlite.settle import Memory


class _Verdict(NamedTuple):
    """What every stranger is told of one reward at one moment, and how to know one."""

    outcome: Outcome
    ways: Ways


def refuse(memory: Memory, days: LocalDays, wishes: Sequence[Wish]) -> list[Outcome | None]:
    """Why a wish is refused, or None where it may be granted or its customer may be known.

    Counters are read before holders: whoever is counted among the issued was remembered first.
    """
    verdicts: dict[tuple[int, int, int, int], _Verdict | None] = {}
    refusals: list[Outcome | None] = [None] * len(wishes)
    hashes: list[int] = []
    of_wish: list[int] = []
    for index, wish in enumerate(wishes):
        about = (wish.reward, wish.campaign, wish.tenant, wish.now_ms)
        if about not in verdicts:
            verdicts[about] = _judge(memory, days, wish)
        verdict = verdicts[about]
        if verdict is None:
            continue
        refusals[index], ways = verdict
        hashes.append(ways.main(wish.customer, wish.key))
        of_wish.append(index)
        of_reward = ways.of_reward(wish.customer)
        if of_reward is not None:
            hashes.append(of_reward)
            of_wish.append(index)
    for at, _ in memory.holders.find(hashes):
        refusals[of_wish[at]] = None
    return refusals


def _judge(memory: Memory, days: LocalDays, wish: Wish) -> _Verdict | None:
    offer = memory.offers.get(wish.reward)
    if offer is None:
        return None
    campaign = offer.campaign
    if (campaign.number, campaign.tenant) != (wish.campaign, wish.tenant):
        return None
    offer = offer._replace(day=days.day(campaign.definition.time_zone, wish.now_ms))
    outcome = decide.stranger_refused(wish, offer)
    return None if outcome is None else _Verdict(outcome, memory.prints.ways(offer))
