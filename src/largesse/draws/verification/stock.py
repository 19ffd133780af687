"""What there is to win: given unit by unit, taken back by revokes, kept within its caps."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from largesse.draws.verification.terms import Find

Unit = tuple[str, int]
"""A reward's key and the serial of one that was given of it."""


@dataclass
class _Given:
    """What was given of one reward; `of_day` of it on the last day on which any was."""

    units: int = 0
    serial: int = 0
    day: str = ""
    of_day: int = 0


@dataclass
class _Holder:
    """What one customer was given, by reward, and what of it was taken back."""

    given: Counter[str] = field(default_factory=Counter)
    returned: Counter[str] = field(default_factory=Counter)

    def held(self, reward: str, terms: Mapping[str, Any]) -> int:
        """What counts towards a cap."""
        return self.given[reward] - (0 if terms["revoke_keeps_cap"] else self.returned[reward])


class Stock:
    """The stock of all rewards as it stands between two lines of a proof."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._given: defaultdict[str, _Given] = defaultdict(_Given)
        self._holders: dict[str, _Holder] = {}
        self._owners: dict[Unit, tuple[str, str]] = {}
        self._returned: set[Unit] = set()

    def has(
        self, reward: Mapping[str, Any], said: Mapping[str, Any], cap: Mapping[str, Any]
    ) -> bool:
        """Whether a reward has something left for a draw: in all, that day, for its customer.

        `cap` are the terms that say what counts towards a customer's cap.
        """
        given = self._given[reward["key"]]
        today = given.of_day if given.day == said["date"] else 0
        if reward["quota_total"] is not None and given.units >= reward["quota_total"]:
            return False
        if reward["quota_daily"] is not None and today >= reward["quota_daily"]:
            return False
        holder = self._holders.get(said["customer"])
        if reward["per_customer_max"] is None or holder is None:
            return True
        return holder.held(reward["key"], cap) < int(reward["per_customer_max"])

    def is_full(self, customer: str, terms: Mapping[str, Any]) -> bool:
        """Whether a customer holds all that the campaign lets him."""
        holder = self._holders.get(customer)
        if terms["per_customer_max"] is None or holder is None:
            return False
        held = sum(holder.held(reward, terms) for reward in holder.given)
        return held >= int(terms["per_customer_max"])

    def give(self, unit: Unit, customer: str, day: str) -> None:
        """One more unit, with the serial that follows."""
        reward, serial = unit
        given = self._given[reward]
        if serial != given.serial + 1:
            self._find(f"{_name(unit)} follows serial {given.serial}: something was given unseen")
        given.serial = serial
        given.units += 1
        given.of_day = given.of_day + 1 if given.day == day else 1
        given.day = day
        self._owners[unit] = customer, day
        self._holders.setdefault(customer, _Holder()).given[reward] += 1

    def take_back(self, unit: Unit) -> None:
        """A unit that a revoke gave back, once: to the total, and to its day if it is the last."""
        if unit not in self._owners or unit in self._returned:
            self._find(f"{_name(unit)} comes back that nobody has")
            return
        customer, day = self._owners[unit]
        self._returned.add(unit)
        self._holders[customer].returned[unit[0]] += 1
        given = self._given[unit[0]]
        given.units -= 1
        given.of_day -= given.day == day


def _name(unit: Unit) -> str:
    return f"unit {unit[1]} of {unit[0]}"
