"""`largesse bench`: measures, checks that every number was right, tells and keeps the results.

Each server is started as a user would, on a new ledger below the output folder, and ended. Then its
ledger must hold exactly what was answered: else the exit status is 1, however fast it was.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Annotated, Literal

from cyclopts import Parameter
from msgspec import Struct
from rich.console import Console

from largesse.bench import machine
from largesse.bench.batches import claim_batch
from largesse.bench.chart import picture
from largesse.bench.claims import claim
from largesse.bench.codes import bulk_codes
from largesse.bench.footprint import memory, start
from largesse.bench.growth import claim_grow
from largesse.bench.latency import paced
from largesse.bench.many import claim_many
from largesse.bench.plan import Bench, Plan
from largesse.bench.report import Result, document, draw, keep, write_json
from largesse.bench.rpc import claim_rpc
from largesse.bench.soldout import soldout

SCENARIOS: Mapping[str, Callable[[Bench], Result]] = MappingProxyType(
    {
        "claim": claim,
        "claim-many": claim_many,
        "claim-batch": claim_batch,
        "claim-rpc": claim_rpc,
        "soldout": soldout,
        "paced": paced,
        "claim-grow": claim_grow,
        "memory": memory,
        "start": start,
        "codes": bulk_codes,
    }
)
"""All that can be measured, in the order of a run of everything."""

Scenario = Literal[
    "claim",
    "claim-many",
    "claim-batch",
    "claim-rpc",
    "soldout",
    "paced",
    "claim-grow",
    "memory",
    "start",
    "codes",
]

_STANDARD = Plan()
_WIDTH_MIN = 100
_WRONG = 1


class Benchmarks(Struct, frozen=True):
    """The documents of what was measured; shown already, but for programs."""

    documents: Sequence[Mapping[str, object]]

    def write(self, *, json: bool) -> int:
        """Print the documents as JSON if asked; the exit status, 1 where a number was wrong."""
        if json:
            write_json(self.documents)
        return 0 if all(one["exact"] for one in self.documents) else _WRONG


def bench(
    *scenario: Annotated[
        Scenario,
        Parameter(help="What to measure; by default everything, in less than ten minutes."),
    ],
    plan: Plan = _STANDARD,
    json: Annotated[bool, Parameter(parse=False)] = False,
) -> Benchmarks:
    """Measure servers of its own, each beside what bounds it, and check what they issued."""
    names: Sequence[str] = scenario or list(SCENARIOS)
    plan.output.mkdir(parents=True, exist_ok=True)
    voice = Console(stderr=True, highlight=False)
    documents = []
    for name in names:
        where = machine.look()
        voice.print(str(where), style="dim", soft_wrap=True)
        result = _measure(name, plan, voice)
        documents.append(document(result, where))
        keep(plan.output, documents[-1])
        (plan.output / f"{name}.svg").write_text(picture(result, where), encoding="utf-8")
        if not json:
            _show(result)
    return Benchmarks(documents)


def _measure(name: str, plan: Plan, voice: Console) -> Result:
    """Run a scenario in a folder of its own, on the disk that the results are on."""
    with (
        TemporaryDirectory(prefix=f"{name}-", dir=plan.output) as folder,
        voice.status(name) as status,
    ):

        def tell(doing: str) -> None:
            status.update(doing)
            if not voice.is_terminal:
                voice.print(doing)

        return SCENARIOS[name](Bench(plan, Path(folder), tell))


def _show(result: Result) -> None:
    console = Console(highlight=False)
    if console.width < _WIDTH_MIN:
        console = Console(highlight=False, width=_WIDTH_MIN)
    console.print(*draw(result), sep="\n")
