"""`largesse bench`: measures, checks that every number was right, tells and keeps the results.

Each server is started as a user would, on a new ledger below the output folder, and ended. Then its
ledger must hold exactly what was answered: else the exit status is 1, however fast it was.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
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
from largesse.bench.draws import lucky_draw
from largesse.bench.footprint import memory, start
from largesse.bench.growth import claim_grow
from largesse.bench.latency import paced
from largesse.bench.ledgers import FileLedger, Ledger
from largesse.bench.many import claim_many
from largesse.bench.plan import Bench, BenchError, Plan
from largesse.bench.redemptions import redeem
from largesse.bench.report import Result, document, draw, keep, write_json
from largesse.bench.rpc import claim_rpc
from largesse.bench.soldout import soldout


def _claim_postgres(bench: Bench) -> Result:
    from largesse.bench.postgres_claims import claim_postgres  # noqa: PLC0415 — an extra

    return claim_postgres(bench)


SCENARIOS: Mapping[str, Callable[[Bench], Result]] = MappingProxyType(
    {
        "claim": claim,
        "claim-postgres": _claim_postgres,
        "claim-many": claim_many,
        "claim-batch": claim_batch,
        "draw": lucky_draw,
        "redeem": redeem,
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
    "claim-postgres",
    "claim-many",
    "claim-batch",
    "draw",
    "redeem",
    "claim-rpc",
    "soldout",
    "paced",
    "claim-grow",
    "memory",
    "start",
    "codes",
]

_STANDARD = Plan()
_OWN_POSTGRES = "postgres"
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
        _ledgers(name, plan, Path(folder)) as ledger,
    ):

        def tell(doing: str) -> None:
            status.update(doing)
            if not voice.is_terminal:
                voice.print(doing)

        return SCENARIOS[name](Bench(plan, Path(folder), tell, ledger))


def _ledgers(
    name: str, plan: Plan, folder: Path
) -> AbstractContextManager[Callable[[str], Ledger]]:
    """Where the ledgers of a scenario are: in files unless it or the plan says otherwise."""
    database = plan.database
    if database is None and name == "claim-postgres":
        database = _OWN_POSTGRES
    if database is None:
        return nullcontext(lambda one: FileLedger(folder / one))
    try:
        from largesse.bench.postgres_ledger import ledgers  # noqa: PLC0415 — an extra
    except ImportError as error:
        message = "PostgreSQL's driver is not installed: pip install 'largesse[postgres]'"
        raise BenchError(message) from error
    return ledgers(database, folder)


def _show(result: Result) -> None:
    console = Console(highlight=False)
    if console.width < _WIDTH_MIN:
        console = Console(highlight=False, width=_WIDTH_MIN)
    console.print(*draw(result), sep="\n")
