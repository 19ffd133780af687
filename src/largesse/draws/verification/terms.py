"""The first line of a proof: what the campaign's versions had committed themselves to."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from largesse.draws.verification.reckoning import bound, sha256

WHOLE = 1_000_000
"""Weights are parts of this; what they leave is no win."""

Find = Callable[[str], None]
"""Told of each thing that is not as it must be."""


@dataclass(frozen=True)
class Version:
    """The terms of a version, and the secret that it rolled by."""

    commitment: str
    secret: bytes
    terms: Mapping[str, Any]

    @property
    def is_raffle(self) -> bool:
        """Whether its draws are entries."""
        return bool(self.terms["type"] == "RAFFLE")

    @property
    def is_waiting(self) -> bool:
        """Whether the round that it is bound to has not come: nothing can be rolled."""
        beacon = self.terms["beacon"]
        return beacon is not None and beacon["value"] is None

    @property
    def rewards(self) -> Sequence[Mapping[str, Any]]:
        """In their order: their shares stand side by side."""
        rewards: Sequence[Mapping[str, Any]] = self.terms["rewards"]
        return rewards

    @property
    def weights(self) -> Sequence[int]:
        """The rewards' shares, in parts of a WHOLE."""
        return [reward["weight_ppm"] or 0 for reward in self.rewards]


def versions_of(head: Mapping[str, Any], find: Find) -> Mapping[int, Version]:
    """The versions, each of which must be what its commitment says."""
    versions = {}
    for said in head["versions"]:
        version, secret, text = said["version"], str(said["secret"]), str(said["terms"])
        if sha256(f"largesse-commitment/1|{secret}|{text}") != said["commitment"]:
            find(f"version {version} is not what its commitment says")
        terms = json.loads(text)
        if (terms["campaign"], terms["version"]) != (head["campaign"], version):
            find(f"the terms of version {version} are of another campaign or version")
        if version in versions:
            find(f"version {version} is told twice")
        key = bound(bytes.fromhex(secret), terms["beacon"])
        versions[version] = Version(said["commitment"], key, terms)
        if sum(versions[version].weights) > WHOLE:
            find(f"the weights of version {version} are more than one whole")
    _check_bound(head["versions"], find)
    return versions


def _check_bound(versions: Sequence[Mapping[str, Any]], find: Find) -> None:
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
        find("secret or terms were changed that had been bound")
