"""Re-checks the proof of a draw: goes through it as the ledger went through the draws."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from largesse.draws.verification.lines import BrokenProofError, read, reading
from largesse.draws.verification.raffle import Entries
from largesse.draws.verification.receipt import Receipts
from largesse.draws.verification.reckoning import is_signed, landed, roll, sha256
from largesse.draws.verification.report import FINDINGS_MAX, Expected, Report
from largesse.draws.verification.stock import Stock
from largesse.draws.verification.terms import WHOLE, Version, versions_of

FORMAT = "largesse-proof/1"

_NOTHING = Expected()


def verify(lines: Iterable[bytes], expected: Expected = _NOTHING) -> Report:
    """Re-check a proof, line by line; each line with its end.

    Raises `BrokenProofError` where it cannot be read on; everything else is in the report.
    """
    checker: _Checker | None = None
    digest = hashlib.sha256()
    last: Mapping[str, Any] | None = None
    number = 0
    for number, line in enumerate(lines, start=1):
        said = read(number, line)
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


class _Checker:
    """Takes a proof's lines in their order; `report` is what it has found."""

    def __init__(self, head: Mapping[str, Any], expected: Expected) -> None:
        self.report = Report(receipts=len(expected.receipts))
        self._head = head
        self._expected = expected
        self._line = 1
        self._drawn = 0
        self._version = 0
        self._turns: Counter[tuple[str, str]] = Counter()
        self._stock = Stock(self._find)
        self._entries = Entries(self._find)
        self._receipts = Receipts(expected.receipts)
        self._wanted = None
        if expected.customer is not None:
            salt, customer = expected.customer
            self._wanted = sha256(f"largesse-customer/1|{salt}|{customer}")
        with reading(1):
            self._open()

    def take(self, line: int, said: Mapping[str, Any]) -> None:
        """One line between the first and the last."""
        self._line = line
        with reading(line):
            if "returned" in said:
                self._stock.take_back((said["returned"]["reward"], said["returned"]["serial"]))
            elif "root" in said:
                self._entries.close(said, self._versions[max(self._versions)])
            elif "wins" in said:
                self._entries.tell(said)
            else:
                self._draw(said)

    def finish(self, last: Mapping[str, Any], digest: str) -> None:
        """The last line, and what was noted elsewhere."""
        self._line += 1
        self.report.draws = self._drawn
        with reading(self._line):
            if any(version.is_raffle for version in self._versions.values()):
                self._entries.check(self.report, self._wanted)
            self._check_signed(last, digest)
        self._check_expected()
        self._receipts.check(self._head, self._versions, self._find)

    def _open(self) -> None:
        head, report = self._head, self.report
        if head.get("format") != FORMAT:
            raise BrokenProofError(f"this is no proof of the form {FORMAT}")
        report.campaign, report.name = head["campaign"], head["name"]
        report.public_key = head["public_key"]
        self._versions = versions_of(head, self._find)
        report.commitments += [said["commitment"] for said in head["versions"]]

    def _check_signed(self, last: Mapping[str, Any], digest: str) -> None:
        """Whole, unchanged, and of the key that the first line names."""
        if last["draws"] != self._drawn:
            self._find(f"{last['draws']} draws are signed for, {self._drawn} are there")
        if last["sha256"] != digest:
            self._find("the file was changed after it was written: its digest is another one")
        signed = f"{FORMAT}|{last['draws']}|{last['sha256']}".encode()
        if not is_signed(self.report.public_key, str(last["signature"]), signed):
            self._find("the signature is not of the key that the proof names")

    def _check_expected(self) -> None:
        """The key and the commitments are those that somebody noted before."""
        wanted, key = self._expected.public_key, self.report.public_key
        if wanted is not None and wanted != key:
            self._find(f"the proof is signed by another key than {wanted}: {key}")
        for commitment in self._expected.commitments:
            if commitment not in self.report.commitments:
                self._find(f"the commitment {commitment} is not among those of the proof")

    def _draw(self, said: Mapping[str, Any]) -> None:
        """One draw: in its turn, by its version's terms, with what its number wins."""
        version = self._version_of(said)
        if version is None:
            return
        self._check_moment(said, version.terms)
        self._check_turn(said, version.terms)
        if version.is_raffle:
            self._entries.add(said)
        number, customer = said["n"], str(said["customer"])
        wins = self._wins(said, version)
        won = None if said["won"] is None else str(said["won"]["reward"])
        if won != wins:
            self._find(f"draw {number} wins {wins or 'nothing'}, and {won or 'nothing'} is told")
        if won is not None:
            self._stock.give((won, said["won"]["serial"]), customer, str(said["date"]))
        self.report.won[won or ""] += 1
        self._receipts.see(said)
        if customer == self._wanted:
            self.report.mine.append(said)

    def _version_of(self, said: Mapping[str, Any]) -> Version | None:
        """The version of the next draw. Numbers have no gap, and versions go one way."""
        number, version = said["n"], said["version"]
        if number != self._drawn + 1:
            self._find(f"draw {number} follows draw {self._drawn}: a gap, or one too many")
        if version < self._version:
            self._find(f"draw {number} goes back to version {version}")
        self._drawn, self._version = number, version
        if version not in self._versions:
            self._find(f"draw {number} is of version {version}, which is not told")
        return self._versions.get(version)

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

    def _check_turn(self, said: Mapping[str, Any], terms: Mapping[str, Any]) -> None:
        """Whether the customer might draw: no more than so often, and below the campaign's cap."""
        number, customer = said["n"], str(said["customer"])
        period = str(said["date"]) if terms["draws_per"]["period"] == "DAY" else ""
        self._turns[customer, period] += 1
        if self._turns[customer, period] > terms["draws_per"]["n"]:
            self._find(f"draw {number} is one more than its customer had")
        if self._stock.is_full(customer, terms):
            self._find(f"draw {number}: its customer had all that he may have")

    def _wins(self, said: Mapping[str, Any], version: Version) -> str | None:
        """What a draw wins, by secret, seed, weights and stock."""
        terms, rewards, weights = version.terms, version.rewards, version.weights
        codeless = said.get("without_code", ())
        self.report.without_code += bool(codeless)
        if version.is_waiting:
            if any(weights):
                self._find(f"draw {said['n']} was made before the round that it is bound to")
            return None
        about = f"{terms['campaign']}|{terms['version']}|{said['n']}|{said['seed']}"
        number = roll(version.secret, about)
        chosen = landed(weights, number(WHOLE))
        if chosen is None:
            return None
        there = [
            reward["key"] not in codeless and self._stock.has(reward, said, terms)
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

    def _find(self, what: str) -> None:
        if len(self.report.findings) < FINDINGS_MAX:
            self.report.findings.append(f"line {self._line}: {what}")
