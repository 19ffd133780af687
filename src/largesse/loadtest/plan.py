"""What of a load test can be chosen."""

from dataclasses import dataclass
from typing import Literal

from largesse.kernel.errors import LargesseError

Protocol = Literal["http", "connect"]
PatternName = Literal[
    "steady", "ramp", "burst", "many-campaigns", "near-limit", "around-start", "disconnects"
]

STARTS_IN_S = 3
"""How long after its creation a campaign opens: time enough to see that it is closed before."""

COMMON_QUOTA = 1_000_000
"""Units of a campaign where nobody can say how many claims there will be."""


class LoadTestError(LargesseError):
    """The load test could not be run: nothing is proven either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A load: its pattern, its pace in claims per second (None: as fast as it goes), its length."""

    pattern: PatternName = "steady"
    per_second: int | None = 1_000
    seconds: int = 10
    connections: int = 64
    quota: int | None = None
    """Units of all campaigns together; None lets the pattern choose."""

    protocol: Protocol = "http"
    starts_in_s: int = STARTS_IN_S
