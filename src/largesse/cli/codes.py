"""`largesse codes …`: codes by the thousand, for somebody else to hand out."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from largesse.cli.errors import CommandError
from largesse.cli.options import CampaignId, Piece, Remote
from largesse.cli.progress import bar, waited_for
from largesse.cli.shown import Shown, facts, fields, onward, table
from largesse.client import codes, jobs
from largesse.client.call import Call
from largesse.client.model import CodePool, Job

Format = Literal["csv", "parquet"]
PoolId = Annotated[str, Parameter(help="The id of the code pool, as `codes generate` told it.")]

PART_SUFFIX = ".part"
"""What a file is called until it is complete; the name of its job stands before."""

_FOR_OWNER_ONLY = 0o600

_LOCAL = Remote()
_FIRST = Piece()


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be made."""

    count: int
    """How many codes to set aside."""

    name: str
    """Whom they are for, like the printer's name."""

    reward: str | None = None
    """Of which reward, by its key; not needed where there is one."""

    idempotency_key: str | None = None
    """The same key brings the same pool; by default a new one."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How codes are exported."""

    format: Format = "csv"
    """How the file is written."""

    again: Annotated[bool, Parameter(negative=())] = False
    """Export codes that were exported before: mind that nobody else has the other file."""

    job: str | None = None
    """Fetch the result of this job, where a command before this one was cut off."""


_PLAIN = Delivery()


def generate(campaign: CampaignId, /, *, order: Order, remote: Remote = _LOCAL) -> Shown:
    """Set units of a reward aside, with a code each, for somebody else to hand out."""
    wish = codes.generate(
        campaign, order.count, order.name, reward=order.reward, key=order.idempotency_key
    )
    job = waited_for(remote, remote.ask(wish), "generating")
    pool = remote.ask(codes.show(job.subject))
    told = Text(f"Have them written to a file: largesse codes export {pool.id}", style="dim")
    return Shown(pool, [facts(fields(pool)), told])


def export(
    pool: PoolId,
    file: Annotated[Path | None, Parameter(help="Where to; by default named as the pool.")] = None,
    /,
    *,
    delivery: Delivery = _PLAIN,
    remote: Remote = _LOCAL,
) -> Shown:
    """Write the codes of a pool to a file, numbered from 1 on; a file that is there stays."""
    path = Path(f"{pool}.{delivery.format}") if file is None else file
    if path.exists():
        message = f"{path} is there already: name another file, or move it away"
        raise CommandError(message)
    job = remote.ask(_asked(pool, delivery))
    if job.subject != pool:
        message = f"the job {job.id} is about {job.subject}, not about {pool}"
        raise CommandError(message)
    try:
        job = waited_for(remote, job, "exporting")
        _fetch(remote, job, path)
    except (CommandError, KeyboardInterrupt) as error:
        told = str(error) or "interrupted"
        message = f"{told}; go on with: largesse codes export {pool} {path} --job {job.id}"
        raise CommandError(message) from None
    document = {"pool_id": pool, "job_id": job.id, "file": str(path), "codes": job.total}
    return Shown(document, [Text(f"{job.total:,} codes are in {path}.")])


def list_all(*, piece: Piece = _FIRST, remote: Remote = _LOCAL) -> Shown:
    """List code pools, newest first."""
    found = remote.ask(codes.list_all(limit=piece.limit, cursor=piece.cursor))
    columns = ("id", "name", "reward", "status", "count", "created_at", "exports", "exported_at")
    rows = ([getattr(pool, column) for column in columns] for pool in found.items)
    return Shown(found, [table(columns, rows), *onward(found)])


def delete(pool: PoolId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Take a code pool back: its units return to the stock, its codes are good for nothing."""
    found: CodePool = remote.ask(codes.delete(pool))
    return Shown(found, [facts(fields(found))])


def _asked(pool: str, delivery: Delivery) -> Call[Job]:
    if delivery.job is not None:
        return jobs.show(delivery.job)
    return codes.export(pool, form=delivery.format, again=delivery.again)


def _fetch(remote: Remote, job: Job, path: Path) -> None:
    """Bring a job's result into a file, from where an earlier try has left off."""
    part = path.with_name(f"{path.name}.{job.id}{PART_SUFFIX}")
    try:
        part.touch(_FOR_OWNER_ONLY)
        with part.open("r+b") as file, bar("fetching") as advance:
            # The last byte is fetched once more, so that a complete part needs no rule of its own.
            have, total = file.seek(max(file.seek(0, os.SEEK_END) - 1, 0)), None
            while have != total:
                answer = remote.ask(jobs.result(job.id, have))
                have, total = have + file.write(answer.content), answer.total
                advance(have, total)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise CommandError(message) from error
