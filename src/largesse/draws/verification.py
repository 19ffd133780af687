"""Re-checks the proof of a draw, offline, without trusting or sharing the code that drew.

It knows nothing of largesse but the rules as the pages tell them, on purpose: a mistake in the dice
or in the stock must not be made here, too. The rules are written down once more in JavaScript, in
`http/static/draws/verify.js`; the tests hold both against each other.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from largesse.draws.reckoning import Tree, bound, is_signed, landed, picked, roll, sha256

FORMAT = "largesse-proof/1"
WHOLE = 1_000_000
"""Weights are parts of this; what they leave is no win."""

FINDINGS_MAX = 20
"""Whatever is wrong further down may follow from these."""

LINE_BYTES_MAX = 16 * 1024 * 1024
"""The first line tells all versions, each with up to a hundred rewards."""


class BrokenProofError(Exception):
    """This cannot be read on: the message says at which line it stops making sense."""


@dataclass(frozen=True)
class Expected:
    """What a proof must agree with, noted elsewhere before; None and empty ask for nothing.

    `public_key` is Base64. `customer` is (salt, customer id): whose draws are to be found.
    """

    public_key: str | None = None
    commitments: Collection[str] = ()
    customer: tuple[str, str] | None = None


@dataclass
class Report:
    """What was found. Without `findings` the proof holds, as far as a proof can; see the pages."""

    campaign: str = ""
    name: str = ""
    public_key: str = ""
    draws: int = 0
    won: Counter[str] = field(default_factory=Counter)
    commitments: list[str] = field(default_factory=list)
    without_code: int = 0
    mine: list[Mapping[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify(lines: Iterable[bytes], expected: Expected = Expected()) -> Report:
    """Re-check a proof, line by line; each line with its end.

    Raises `BrokenProofError` where it cannot be read on; everything else is in the report.
    """
    checker: _Checker | None = None
    digest = hashlib.sha256()
    last: Mapping[str, Any] | None = None
    number = 0
    for number, line in enumerate(lines, start=1):
        said = _read(number, line)
        if last is not None:
            raise BrokenProofError(f"line {number}: something stands after the signed line")
        if checker is None:
            checker = _Checker(said, expected)
        elif "signature" in said:
            last = said
            continue
        else:
            checker.take(number, said)
        digest.update(line)
    if checker is None:
        raise BrokenProofError("there is nothing in it")
    if last is None:
        raise BrokenProofError(f"it ends after line {number}, and no line there is signed: cut off")
    checker.finish(last, digest.hexdigest())
    return checker.report


def _read(number: int, line: bytes) -> Mapping[str, Any]:
    if len(line) > LINE_BYTES_MAX or not line.endswith(b"\n"):
        raise BrokenProofError(f"line {number} has no end: the file was cut off, or is no proof")
    try:
        said = json.loads(line)
    except ValueError as error:
        raise BrokenProofError(f"line {number} is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise BrokenProofError(f"line {number} is no JSON object")
    return said


@dataclass
class _Stock:
    """What was given of one reward."""

    issued: int = 0
    serials: int = 0
    day: str = ""
    issued_day: int = 0


@dataclass
class _Holder:
    """What one customer was given, by reward, and what of it was taken back."""

    given: Counter[str] = field(default_factory=Counter)
    returned: Counter[str] = field(default_factory=Counter)

    def held(self, reward: str, *, revoke_keeps_cap: bool) -> int:
        """What counts towards a cap."""
        return self.given[reward] - (0 if revoke_keeps_cap else self.returned[reward])


@dataclass(frozen=True)
class _Version:
    """The terms of a version, and the secret that it rolled by."""

    secret: bytes
    terms: Mapping[str, Any]

    @property
    def rewards(self) -> Sequence[Mapping[str, Any]]:
        """In their order: their shares stand side by side."""
        rewards: Sequence[Mapping[str, Any]] = self.terms["rewards"]
        return rewards


class _Checker:
    """Goes through a proof as the ledger went through the draws."""

    def __init__(self, head: Mapping[str, Any], expected: Expected) -> None:
        self.report = Report()
        self._expected = expected
        self._number = 1
        self._drawn = 0
        self._version = 0
        self._stock: defaultdict[str, _Stock] = defaultdict(_Stock)
        self._holders: defaultdict[str, _Holder] = defaultdict(_Holder)
        self._periods: Counter[tuple[str, str]] = Counter()
        self._units: dict[tuple[str, int], tuple[str, str]] = {}
        self._returned: set[tuple[str, int]] = set()
        self._tree = Tree()
        self._entrants: list[str] = []
        self._closed = False
        self._picks: list[tuple[int, str]] = []
        self._told: list[tuple[int, str]] = []
        self._wanted = None
        if expected.customer is not None:
            salt, customer = expected.customer
            self._wanted = sha256(f"largesse-customer/1|{salt}|{customer}")
        with _reading(1):
            self._versions = self._open(head)

    def take(self, number: int, said: Mapping[str, Any]) -> None:
        """One line between the first and the last."""
        self._number = number
        with _reading(number):
            if "returned" in said:
                self._return(said["returned"])
            elif "root" in said:
                self._close(said)
            elif "wins" in said:
                self._told.append((said["entry"], said["wins"]))
            else:
                self._draw(said)

    def finish(self, last: Mapping[str, Any], digest: str) -> None:
        """The last line."""
        report, self._number = self.report, self._number + 1
        report.draws = self._drawn
        with _reading(self._number):
            self._check_picks()
            if last["draws"] != self._drawn:
                self._find(f"{last['draws']} draws are signed for, {self._drawn} are there")
            if last["sha256"] != digest:
                self._find("the file was changed after it was written: its digest is another one")
            signed = f"{FORMAT}|{last['draws']}|{last['sha256']}".encode()
            if not is_signed(report.public_key, str(last["signature"]), signed):
                self._find("the signature is not of the key that the proof names")
        wanted = self._expected.public_key
        if wanted is not None and wanted != report.public_key:
            self._find(f"the proof is signed by another key than {wanted}: {report.public_key}")
        for commitment in self._expected.commitments:
            if commitment not in report.commitments:
                self._find(f"the commitment {commitment} is not among those of the proof")

    def _open(self, head: Mapping[str, Any]) -> Mapping[int, _Version]:
        """The first line: each version's commitment is that of its secret and its terms."""
        report = self.report
        if head.get("format") != FORMAT:
            raise BrokenProofError(f"this is no proof of the form {FORMAT}")
        report.campaign, report.name = head["campaign"], head["name"]
        report.public_key = head["public_key"]
        versions = {}
        for said in head["versions"]:
            version, secret, text = said["version"], str(said["secret"]), str(said["terms"])
            report.commitments.append(said["commitment"])
            if sha256(f"largesse-commitment/1|{secret}|{text}") != said["commitment"]:
                self._find(f"version {version} is not what its commitment says")
            terms = json.loads(text)
            if (terms["campaign"], terms["version"]) != (report.campaign, version):
                self._find(f"the terms of version {version} are of another campaign or version")
            if sum(reward["weight_ppm"] or 0 for reward in terms["rewards"]) > WHOLE:
                self._find(f"the weights of version {version} are more than one whole")
            versions[version] = _Version(bound(bytes.fromhex(secret), terms["beacon"]), terms)
        self._check_bound(head["versions"])
        return versions

    def _check_bound(self, versions: Sequence[Mapping[str, Any]]) -> None:
        """A raffle has one secret, and what is bound to a beacon has one set of terms, too.

        Else they could have been chosen once the entries or the beacon's value were known.
        """
        kept = set()
        for said in versions:
            terms = json.loads(said["terms"])
            beacon = terms["beacon"]
            if terms["type"] == "DRAW" and beacon is None:
                kept.add(("each has its own", ""))
                continue
            same = dict(terms, version=0, beacon=beacon and dict(beacon, value=None))
            kept.add((said["secret"], json.dumps(same) if beacon else ""))
        if len(kept) > 1:
            self._find("secret or terms were changed that had been bound")

    def _close(self, said: Mapping[str, Any]) -> None:
        """A raffle's entries are in: the root over them, then who must win by it."""
        self._closed = True
        version = self._versions[max(self._versions)]
        terms, beacon = version.terms, version.terms["beacon"]
        root = self._tree.root()
        if terms["type"] != "RAFFLE" or (said["root"], said["entries"]) != (root, self._drawn):
            self._find(f"{said['entries']} entries with the root {said['root']} were not there")
        if beacon is None or beacon["value"] is not None:
            number = roll(version.secret, f"{terms['campaign']}|{terms['version']}|raffle|{root}")
            prizes = [one["key"] for one in terms["rewards"] for _ in range(one["quota_total"])]
            self._picks = picked(self._entrants, prizes, number)

    def _check_picks(self) -> None:
        """The winners that are told are those that the dice picked, in their order."""
        is_raffle = any(one.terms["type"] == "RAFFLE" for one in self._versions.values())
        if is_raffle and not self._closed:
            self._find("it does not tell with which entries the raffle closed")
        picks = self._picks
        for entry, reward in self._told:
            self.report.won[reward] += 1
            if self._entrants and self._entrants[entry - 1] == self._wanted:
                self.report.mine.append({"entry": entry, "won": reward})
        if picks != self._told:
            wrong = next(
                at for at, one in enumerate([*picks, None]) if [one] != self._told[at : at + 1]
            )
            wanted = f"entry {picks[wrong][0]}" if wrong < len(picks) else "nobody"
            self._find(f"pick {wrong + 1} falls on {wanted}, and another is told")

    def _return(self, unit: Mapping[str, Any]) -> None:
        """A unit that a revoke gave back, once."""
        place = unit["reward"], unit["serial"]
        if place not in self._units or place in self._returned:
            self._find(f"{_name(place)} comes back that nobody has")
            return
        customer, day = self._units[place]
        self._returned.add(place)
        self._holders[customer].returned[place[0]] += 1
        stock = self._stock[place[0]]
        stock.issued -= 1
        stock.issued_day -= stock.day == day

    def _draw(self, said: Mapping[str, Any]) -> None:
        number, customer, day = said["n"], str(said["customer"]), str(said["date"])
        if number != self._drawn + 1:
            self._find(f"draw {number} follows draw {self._drawn}: a gap, or one too many")
        self._drawn = number
        if said["version"] < self._version:
            self._find(f"draw {number} goes back to version {said['version']}")
        self._version = said["version"]
        version = self._versions.get(self._version)
        if version is None:
            self._find(f"draw {number} is of version {self._version}, which is not told")
            return
        self._check_moment(said, version.terms)
        self._check_turn(number, customer, day, version.terms)
        if version.terms["type"] == "RAFFLE":
            self._tree.add(f"{number}|{said['at']}|{customer}|{said['seed']}".encode())
            self._entrants.append(customer)
        wins = self._wins(said, version)
        won = None if said["won"] is None else str(said["won"]["reward"])
        if won != wins:
            self._find(f"draw {number} wins {wins or 'nothing'}, and {won or 'nothing'} is told")
        if said["won"] is not None:
            self._give((won or "", said["won"]["serial"]), customer, day)
        self.report.won[won or ""] += 1
        if customer == self._wanted:
            self.report.mine.append(said)

    def _check_moment(self, said: Mapping[str, Any], terms: Mapping[str, Any]) -> None:
        """Within the window; times of this form stand in their order as texts. The local day."""
        at, number = str(said["at"]), said["n"]
        if at < terms["starts_at"] or (terms["ends_at"] is not None and at >= terms["ends_at"]):
            self._find(f"draw {number} at {at} is outside the campaign's window")
        moment = datetime.fromisoformat(at).astimezone(ZoneInfo(terms["time_zone"]))
        if moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") != at[:19]:
            self._find(f"draw {number} has no moment")
        if moment.date().isoformat() != said["date"]:
            self._find(f"draw {number} at {at} was not made on {said['date']}")

    def _check_turn(self, number: int, customer: str, day: str, terms: Mapping[str, Any]) -> None:
        """Whether the customer might draw: no more than so often, and below the campaign's cap."""
        period = day if terms["draws_per"]["period"] == "DAY" else ""
        self._periods[customer, period] += 1
        if self._periods[customer, period] > terms["draws_per"]["n"]:
            self._find(f"draw {number} is one more than its customer had")
        cap, keeps = terms["per_customer_max"], terms["revoke_keeps_cap"]
        if cap is not None and customer in self._holders:
            holder = self._holders[customer]
            held = sum(holder.held(one, revoke_keeps_cap=keeps) for one in holder.given)
            if held >= cap:
                self._find(f"draw {number}: its customer had all that he may have")

    def _wins(self, said: Mapping[str, Any], version: _Version) -> str | None:
        """What a draw wins, by secret, seed, weights and stock."""
        terms, rewards = version.terms, version.rewards
        codeless = said.get("without_code", ())
        self.report.without_code += bool(codeless)
        about = f"{terms['campaign']}|{terms['version']}|{said['n']}|{said['seed']}"
        number = roll(version.secret, about)
        weights = [reward["weight_ppm"] or 0 for reward in rewards]
        if terms["beacon"] is not None and terms["beacon"]["value"] is None:
            if any(weights):
                self._find(f"draw {said['n']} was made before the round that it is bound to")
            return None
        chosen = landed(weights, number(WHOLE))
        if chosen is None:
            return None
        there = [
            reward["key"] not in codeless and self._is_there(reward, said, terms)
            for reward in rewards
        ]
        if not there[chosen]:
            chosen = None
            if terms["on_exhausted"] == "REDISTRIBUTE":
                left = [weight if there[at] else 0 for at, weight in enumerate(weights)]
                chosen = landed(left, number(sum(left))) if sum(left) else None
            elif terms["on_exhausted"] == "FALLBACK":
                fallback = [one["key"] for one in rewards].index(terms["fallback_reward"])
                chosen = fallback if there[fallback] else None
        return None if chosen is None else str(rewards[chosen]["key"])

    def _is_there(
        self, reward: Mapping[str, Any], said: Mapping[str, Any], terms: Mapping[str, Any]
    ) -> bool:
        """Whether a reward has something left: in all, today, and for this customer."""
        stock = self._stock[reward["key"]]
        today = stock.issued_day if stock.day == said["date"] else 0
        if reward["quota_total"] is not None and stock.issued >= reward["quota_total"]:
            return False
        if reward["quota_daily"] is not None and today >= reward["quota_daily"]:
            return False
        cap = reward["per_customer_max"]
        if cap is None or said["customer"] not in self._holders:
            return True
        holder = self._holders[said["customer"]]
        held = holder.held(reward["key"], revoke_keeps_cap=terms["revoke_keeps_cap"])
        return held < int(cap)

    def _give(self, place: tuple[str, int], customer: str, day: str) -> None:
        """One more unit, with the serial that follows."""
        stock = self._stock[place[0]]
        if place[1] != stock.serials + 1:
            self._find(f"{_name(place)} follows serial {stock.serials}: something was given unseen")
        stock.serials = place[1]
        stock.issued += 1
        stock.issued_day = stock.issued_day + 1 if stock.day == day else 1
        stock.day = day
        self._units[place] = customer, day
        self._holders[customer].given[place[0]] += 1

    def _find(self, what: str) -> None:
        if len(self.report.findings) < FINDINGS_MAX:
            self.report.findings.append(f"line {self._number}: {what}")


@contextmanager
def _reading(number: int) -> Iterator[None]:
    """Turns whatever a line lacks into one error that names the line."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        message = f"line {number} does not say what its kind of line says: {error!r}"
        raise BrokenProofError(message) from error


def _name(place: tuple[str, int]) -> str:
    return f"unit {place[1]} of {place[0]}"
