"""Scenario `codes`: a million codes set aside and written to a file, beside a plain insert."""

import csv
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
from msgspec import Struct

from largesse.bench.api import Api
from largesse.bench.ledgers import FileLedger
from largesse.bench.plan import Bench, BenchError
from largesse.bench.report import Bar, Figure, Result, beside, figure
from largesse.bench.server import largesse, new_key
from largesse.bench.stage import MB
from largesse.client import codes, jobs
from largesse.client.call import Call
from largesse.client.model import Claimed, CodeFormat, Job
from largesse.codes.coder import PermutedCodes
from largesse.codes.model import DEFAULT_PATTERN
from largesse.codes.pattern import read_pattern
from largesse.pools.exporting import BLOCK

CODES = 1_000_000
CLAIMS = 1_000
LOOK_S = 0.01
JOB_S_MAX = 600.0

RATIO = Bar(at_least=0.5)
IN_MEMORY = Bar(at_least=2_000_000)
CSV_S = Bar(at_most=2.0)
GROWTH_MB = Bar(at_most=32.0)
"""From a tenth of the codes to all of them: a part of them at a time is in memory."""

_SECRET = b"thirty-two bytes that are secret"
_SOURCES = ("permuted", "random")

_RESERVED = "SELECT coalesce(sum(reserved), 0) FROM reward"
_POOLED = "SELECT coalesce(sum(count), 0) FROM code_pool WHERE status = 'READY'"
_ROWS = "SELECT count(*) FROM code WHERE pool IS NOT NULL"


class Made(Struct, frozen=True):
    """What a server made of one pool: how long that took, and the codes in its file."""

    generate_s: float
    export_s: float
    numbers: Sequence[str]
    codes: Sequence[str]
    claimed: Sequence[str]


class Kept(Struct, frozen=True):
    """What the ledger's file holds: units set aside, units in pools, rows of random codes."""

    reserved: int
    pooled: int
    rows: int


class _Run(Struct, frozen=True):
    insert_s: float
    in_memory_s: float
    made: dict[str, Made]
    grown_mb: float
    complaints: list[str]


def bulk_codes(bench: Bench) -> Result:
    """Measure pools of both sources, from the wish to the file, beside a plain insert."""
    plan = bench.plan
    count = CODES if plan.codes is None else plan.codes
    about = f"{count:,} codes of each source"
    runs = bench.runs("codes", about, lambda name: _run(bench.folder / name, count))
    inserts_s = [run.insert_s for run in runs]
    figures = [
        beside("plain insert", "s", inserts_s),
        figure(
            "permuted in memory",
            "codes/s",
            [count / run.in_memory_s for run in runs],
            bar=IN_MEMORY,
        ),
    ]
    for source in _SOURCES:
        figures += _figures(source, [run.made[source] for run in runs], inserts_s)
    figures.append(figure("memory grown", "MB", [run.grown_mb for run in runs], bar=GROWTH_MB))
    return Result(
        "codes",
        f"{about}, set aside by a server and written to CSV",
        tuple(figures),
        tuple(complaint for run in runs for complaint in run.complaints),
    )


def complaints(made: Made, count: int) -> list[str]:
    """What is wrong with the codes in a file, and with those that claims gave."""
    found = []
    if list(made.numbers) != [str(number) for number in range(1, count + 1)]:
        found.append(f"the rows of a file are not numbered from 1 to {count}")
    if len(made.codes) != count:
        found.append(f"{len(made.codes)} codes in a file of {count}")
    different = set(made.codes)
    if len(different) != len(made.codes):
        found.append(f"{len(made.codes) - len(different)} codes are in a file twice")
    both = different.intersection(made.claimed)
    if both:
        found.append(f"{len(both)} codes of a pool were given by claims")
    return found


def kept_complaints(kept: Kept, count: int) -> list[str]:
    """What does not agree between the pools that were made and the ledger's file."""
    used_up = _warm_up_count(count)  # random codes of a pool that was taken back
    expected = Kept(reserved=2 * count, pooled=2 * count, rows=count + used_up)
    return [] if kept == expected else [f"the ledger holds {kept} where {expected} was made"]


def _figures(source: str, made: Sequence[Made], inserts_s: Sequence[float]) -> list[Figure]:
    """How fast one source was; the bars are those of the source that stores nothing."""
    ratios = [
        insert_s / (one.generate_s + one.export_s)
        for one, insert_s in zip(made, inserts_s, strict=True)
    ]
    bar, export_bar = (RATIO, CSV_S) if source == "permuted" else (None, None)
    return [
        figure(f"{source}: set aside", "s", [one.generate_s for one in made]),
        figure(f"{source}: exported", "s", [one.export_s for one in made], bar=export_bar),
        figure(f"{source}: ratio to the insert", "", ratios, bar=bar),
    ]


def _run(folder: Path, count: int) -> _Run:
    folder.mkdir(parents=True)
    in_memory_s, texts = _in_memory(count)
    ledger = FileLedger(folder)
    insert_s = _insert(folder / "plain.db", texts)
    del texts
    made, key = {}, new_key()
    with largesse(ledger, key) as server:
        api = Api(server.url, key)
        _warm_up(api, _warm_up_count(count))
        before = server.memory_peak_bytes()
        for source in _SOURCES:
            made[source] = _pool(api, source, count)
        grown_mb = (server.memory_peak_bytes() - before) / MB
    found = [complaint for one in made.values() for complaint in complaints(one, count)]
    found += kept_complaints(_kept(ledger.path), count)
    return _Run(insert_s, in_memory_s, made, grown_mb, found)


def _in_memory(count: int) -> tuple[float, list[str]]:
    """Codes worked out, block by block, and how long that took."""
    coder = PermutedCodes(read_pattern(DEFAULT_PATTERN), _SECRET)
    texts: list[str] = []
    began_s = time.perf_counter()
    for first in range(0, count, BLOCK):
        texts += coder.codes(first, min(BLOCK, count - first))
    return time.perf_counter() - began_s, texts


def _insert(path: Path, texts: Sequence[str]) -> float:
    """A row for each code, in one transaction of a new file, safe on the disk."""
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", 2)
    db.execute("CREATE TABLE plain (number INTEGER PRIMARY KEY, code TEXT NOT NULL) STRICT")
    began_s = time.perf_counter()
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO plain VALUES (?, ?)", enumerate(texts, 1))
    db.execute("COMMIT")
    taken_s = time.perf_counter() - began_s
    db.close()
    return taken_s


def _warm_up_count(count: int) -> int:
    """As many as fill the caches: what memory grows by after that would grow with the codes."""
    return max(1, count // 10)


def _warm_up(api: Api, count: int) -> None:
    """Have done once, with fewer codes, all that is measured."""
    for source in _SOURCES:
        campaign = _campaign(api, "WARM-", source)
        job = _done(api, codes.generate(campaign, count, "warm-up"))
        _done(api, codes.export(job.subject))
        api.ask(codes.delete(job.subject))


def _campaign(api: Api, prefix: str, source: str) -> str:
    pattern = f"{prefix}{source[0].upper()}-##########**"
    return api.open_campaign(None, code=CodeFormat(pattern=pattern, source=source))


def _pool(api: Api, source: str, count: int) -> Made:
    """One pool, from the wish to the file; and some claims of the same reward."""
    campaign = _campaign(api, "", source)
    began_s = time.perf_counter()
    job = _done(api, codes.generate(campaign, count, "bench"))
    made_s = time.perf_counter()
    export = _done(api, codes.export(job.subject))
    ended_s = time.perf_counter()
    given = api.claim_all(campaign, [f"u-{number}" for number in range(CLAIMS)])
    claimed = [one.incentive.code or "" for one in given if isinstance(one, Claimed)]
    if len(claimed) != CLAIMS:
        message = f"{len(claimed)} of {CLAIMS} claims were given something"
        raise BenchError(message)
    head, *rows = _rows(api, export)
    if head != ["number", "code"]:
        message = f"the file begins with {head}"
        raise BenchError(message)
    numbers, texts = [row[0] for row in rows], [row[1] for row in rows]
    return Made(made_s - began_s, ended_s - made_s, numbers, texts, claimed)


def _done(api: Api, call: Call[Job]) -> Job:
    """A job that is done, seen as soon as it is."""
    job = api.ask(call)
    give_up_s = time.perf_counter() + JOB_S_MAX
    while not job.ended and time.perf_counter() < give_up_s:
        time.sleep(LOOK_S)
        job = api.ask(jobs.show(job.id))
    if job.status != "DONE":
        message = f"the job {job.id} is {job.status}: {'; '.join(job.errors)}"
        raise BenchError(message)
    return job


def _rows(api: Api, job: Job) -> Iterator[list[str]]:
    """The rows of a job's file."""
    content = bytearray()
    total = None
    while len(content) != total:
        part = api.ask(jobs.result(job.id, len(content)))
        content += part.content
        total = part.total
    return csv.reader(content.decode().splitlines())


def _kept(path: Path) -> Kept:
    """Count what is in a ledger whose server has ended, behind its back."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return Kept(*(db.execute(one).get for one in (_RESERVED, _POOLED, _ROWS)))
    finally:
        db.close()
