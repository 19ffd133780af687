"""What of a benchmark can be chosen, and what every scenario is handed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter
from cyclopts.validators import Number

from largesse.bench.ledgers import Ledger
from largesse.kernel.errors import LargesseError


class BenchError(LargesseError):
    """The bench could not measure: the message is one line that says why."""


T = TypeVar("T")

Count = Annotated[int, Parameter(validator=Number(gte=1))]
"""At least one."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often to measure."""

    runs: Count = 3
    """Each figure is the median of so many runs."""

    seconds: Count = 4
    """How long a run under full load takes."""

    connections: Count = 256
    """How many clients claim at once."""

    claims: Count | None = None
    """claim, memory: go on until so many are issued, however long it takes."""

    rows: Count | None = None
    """claim-grow, start: how large the ledger is made."""

    codes: Count | None = None
    """codes: how many of each source."""

    database: str | None = None
    """Keep the ledgers there instead of in files: postgresql://…, as a role that may make
    databases, or `postgres` for a server that is started for it."""

    output: Annotated[Path, Parameter(name="--output")] = Path("bench-results")
    """A folder on the disk to measure; the results are written there, too."""


Tell = Callable[[str], None]
"""Shows what the bench is doing just now."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a scenario is handed: the plan, a folder of its own, a voice, and ledgers by name.

    A ledger that is asked for by a new name is empty.
    """

    plan: Plan
    folder: Path
    tell: Tell
    ledger: Callable[[str], Ledger]

    def runs(self, scenario: str, about: str, run: Callable[[str], T]) -> list[T]:
        """Run something as often as the plan says, each time by a new name, and tell of it."""
        made = []
        for number in range(1, self.plan.runs + 1):
            self.tell(f"{scenario}: run {number} of {self.plan.runs}, {about}")
            made.append(run(str(number)))
        return made
