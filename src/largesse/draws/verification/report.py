"""What a proof is held against, and what is found in it."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

FINDINGS_MAX = 20
"""Whatever is wrong further down may follow from these."""


@dataclass(frozen=True)
class Receipt:
    """What a customer was given in his hands: `draw` is the line that the proof must have.

    It is good without `findings`; the rest is what it says.
    """

    campaign: str
    name: str
    public_key: str
    commitment: str
    customer_id: str
    draw: Mapping[str, Any]
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What a proof must agree with, noted elsewhere before; None and empty ask for nothing.

    `public_key` is Base64. `customer` is (salt, customer id): whose draws are to be found.
    """

    public_key: str | None = None
    commitments: Collection[str] = ()
    customer: tuple[str, str] | None = None
    receipts: Collection[Receipt] = ()


@dataclass
class Report:
    """What was found. Without `findings` the proof holds, as far as a proof can; see the pages.

    `receipts` is how many it was held against.
    """

    campaign: str = ""
    name: str = ""
    public_key: str = ""
    draws: int = 0
    won: Counter[str] = field(default_factory=Counter)
    commitments: list[str] = field(default_factory=list)
    without_code: int = 0
    receipts: int = 0
    mine: list[Mapping[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings
