"""A receipt: one draw, signed as it was made. Whoever has it is not told another story later."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from largesse.draws.verification.lines import BrokenProofError, read, reading
from largesse.draws.verification.reckoning import is_signed, sha256
from largesse.draws.verification.report import Expected, Receipt
from largesse.draws.verification.terms import Find, Version

FORMAT = "largesse-receipt/1"

_LINES = 3
"""Who gives it to whom, the draw, and the signature."""

_NOTHING = Expected()


def is_receipt(line: bytes) -> bool:
    """Whether a file that begins with this line is meant as a receipt."""
    try:
        return read(1, line).get("format") == FORMAT
    except BrokenProofError:
        return False


def check_receipt(lines: Iterable[bytes], expected: Expected = _NOTHING) -> Receipt:
    """Re-check a receipt; `BrokenProofError` where it is none that can be read."""
    content = list(islice(lines, _LINES + 1))
    said = [read(number, line) for number, line in enumerate(content, start=1)]
    if len(said) != _LINES or said[0].get("format") != FORMAT:
        raise BrokenProofError(f"this is no receipt of the form {FORMAT}, which has three lines")
    digest = hashlib.sha256(b"".join(content[:2])).hexdigest()
    with reading(1):
        return _checked(*said, digest=digest, expected=expected)


def _checked(
    head: Mapping[str, Any],
    draw: Mapping[str, Any],
    last: Mapping[str, Any],
    *,
    digest: str,
    expected: Expected,
) -> Receipt:
    findings: list[str] = []
    if not {"n", "at", "date", "version", "customer", "seed", "won"} <= draw.keys():
        findings.append("its second line is no draw's")
    customer_id, key = str(head["customer_id"]), str(head["public_key"])
    if sha256(f"largesse-customer/1|{head['salt']}|{customer_id}") != draw.get("customer"):
        findings.append(f"the draw is not of the customer {customer_id}")
    if last["sha256"] != digest:
        findings.append("the receipt was changed after it was written: its digest is another one")
    if not is_signed(key, str(last["signature"]), f"{FORMAT}|{last['sha256']}".encode()):
        findings.append("the signature is not of the key that the receipt names")
    if expected.public_key not in (None, key):
        findings.append(f"it is signed by another key than {expected.public_key}: {key}")
    if expected.commitments and head["commitment"] not in expected.commitments:
        findings.append(f"its commitment {head['commitment']} is none of those that were noted")
    if expected.customer is not None and expected.customer[1] != customer_id:
        findings.append(f"it is the receipt of {customer_id}")
    return Receipt(
        campaign=str(head["campaign"]),
        name=str(head["name"]),
        public_key=key,
        commitment=str(head["commitment"]),
        customer_id=customer_id,
        draw=draw,
        findings=tuple(findings),
    )


class Receipts:
    """Receipts, held against the draws of a proof."""

    def __init__(self, receipts: Collection[Receipt]) -> None:
        self._receipts = receipts
        self._numbers = {one.draw.get("n") for one in receipts}
        self._seen: dict[int, Mapping[str, Any]] = {}

    def see(self, said: Mapping[str, Any]) -> None:
        """One more draw of the proof."""
        if said["n"] in self._numbers:
            self._seen[said["n"]] = said

    def check(self, head: Mapping[str, Any], versions: Mapping[int, Version], find: Find) -> None:
        """Each draw is in the proof as its receipt says, made under the terms that it names."""
        for one in self._receipts:
            number = one.draw.get("n")
            for finding in one.findings:
                find(f"the receipt of draw {number}: {finding}")
            if (one.campaign, one.public_key) != (head["campaign"], head["public_key"]):
                find(f"the receipt of draw {number} is of another campaign or server")
            elif number not in self._seen:
                find(f"draw {number} is missing, for which there is a receipt")
            elif self._seen[number] != one.draw:
                find(f"draw {number} is not as its receipt says")
            version = versions.get(one.draw.get("version", 0))
            if version is None or version.commitment != one.commitment:
                find(f"the terms of draw {number} are not those that its receipt names")
