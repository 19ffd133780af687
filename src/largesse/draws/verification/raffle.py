"""The entries of a raffle, the root over them, and who must win by it."""

from collections.abc import Mapping
from typing import Any

from largesse.draws.verification.reckoning import Tree, picked, roll
from largesse.draws.verification.report import Report
from largesse.draws.verification.terms import Find, Version


class Entries:
    """What a raffle collected, then closed with."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._tree = Tree()
        self._entrants: list[str] = []
        self._closed = False
        self._picks: list[tuple[int, str]] = []
        self._told: list[tuple[int, str]] = []

    def add(self, said: Mapping[str, Any]) -> None:
        """One more entry."""
        customer = str(said["customer"])
        self._tree.add(f"{said['n']}|{said['at']}|{customer}|{said['seed']}".encode())
        self._entrants.append(customer)

    def close(self, said: Mapping[str, Any], version: Version) -> None:
        """The entries are in: `said` tells the root, and the dice pick who must win by it."""
        self._closed = True
        root, terms = self._tree.root(), version.terms
        there = root, len(self._entrants)
        if not version.is_raffle or (said["root"], said["entries"]) != there:
            self._find(f"{said['entries']} entries with the root {said['root']} were not there")
        if not version.is_waiting:
            number = roll(version.secret, f"{terms['campaign']}|{terms['version']}|raffle|{root}")
            prizes = [one["key"] for one in version.rewards for _ in range(one["quota_total"])]
            self._picks = picked(self._entrants, prizes, number)

    def tell(self, said: Mapping[str, Any]) -> None:
        """One more winner, as the proof has it."""
        self._told.append((said["entry"], said["wins"]))

    def check(self, report: Report, wanted: str | None) -> None:
        """Winners that are told are those that the dice picked, in their order.

        Those of the customer `wanted`, as he is called in the proof, are his.
        """
        if not self._closed:
            self._find("it does not tell with which entries the raffle closed")
        for entry, reward in self._told:
            report.won[reward] += 1
            if self._entrants and self._entrants[entry - 1] == wanted:
                report.mine.append({"entry": entry, "won": reward})
        if self._picks != self._told:
            at = next(
                at
                for at, pick in enumerate([*self._picks, None])
                if [pick] != self._told[at : at + 1]
            )
            who = f"entry {self._picks[at][0]}" if at < len(self._picks) else "nobody"
            self._find(f"pick {at + 1} falls on {who}, and another is told")
