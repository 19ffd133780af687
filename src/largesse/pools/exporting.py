"""The work of a job that writes a pool's codes to a file."""

from collections.abc import Sequence
from functools import partial
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from largesse.campaigns.model import CodeSource
from largesse.codes.coder import PermutedCodes, RandomCodes
from largesse.issuance.spaces import pattern_of
from largesse.jobs import decide
from largesse.jobs.model import Job
from largesse.jobs.service import Jobs
from largesse.kernel.clock import Clock
from largesse.kernel.lease import LeaseLostError
from largesse.kernel.threads import Run
from largesse.pools.decide import exported
from largesse.pools.model import ExportFormat, Pool
from largesse.pools.ports import CodeSheet, OpenSheet, PoolRecords, PoolStore, Secrets

CODES_AT_ONCE = 65_536
"""Codes between two marks in the file: what a killed server writes again, and all that it keeps."""


BLOCK = 8_192
"""Permuted codes that are worked out together."""


class _Kept(Struct, frozen=True):
    """The job as it was saved."""

    job: Job


class _Writing(Struct, frozen=True):
    """A pool on its way into a file."""

    pool: Pool
    file: BinaryIO
    sheet: CodeSheet
    run: Run


class Exporting:
    """See `Work`. The file is brought to stable storage before the job says how far it has come.

    So a job goes on after the bytes that it knows of; a file that cannot be gone on with is begun
    anew. Permuted codes are worked out, random ones read, a part at a time.
    """

    def __init__(
        self, store: PoolStore, jobs: Jobs, secrets: Secrets, sheets: OpenSheet, clock: Clock
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._secrets = secrets
        self._sheets = sheets
        self._clock = clock

    async def do(self, job: Job, run: Run) -> None:
        """Write the file and offer it as the job's result."""
        pool = await self._store.read(lambda records: _pool_of(records, job))
        form = ExportFormat(job.content["format"])
        name, at = f"{job.id}.{form}", int(job.state.get("bytes", 0))
        if not at:
            job = replace(job, done=0, state={})
        file = await run(lambda: self._jobs.results.write(name, at))
        try:
            sheet = await run(lambda: self._sheets(form, file, at))
            job = await self._write(_Writing(pool, file, sheet, run), job)
            await run(sheet.close)
            await run(lambda: self._jobs.results.sync(file))
        finally:
            await run(file.close)
        await self._finish(job, name)

    async def undo(self, job: Job) -> None:
        """Take away what there is of the file."""
        self._jobs.results.remove([f"{job.id}.{form}" for form in ExportFormat])
        await self._jobs.undone(job)

    async def _write(self, writing: _Writing, job: Job) -> Job:
        """Write what is missing, a part at a time; after each the job says how far it has come."""
        part = self._permuted if writing.pool.source is CodeSource.PERMUTED else self._random
        while job.done < job.total:
            codes, after = await part(writing, job)
            mark = await writing.run(partial(_add, writing, job.done + 1, codes))
            await writing.run(partial(self._jobs.results.sync, writing.file))
            state = {"after": after} if mark is None else {"after": after, "bytes": mark}
            job = replace(job, done=job.done + len(codes), state=state)
            job = await self._jobs.advance(job)
        return job

    async def _permuted(self, writing: _Writing, job: Job) -> tuple[list[str], int]:
        pool, count = writing.pool, min(CODES_AT_ONCE, job.total - job.done)
        assert pool.place is not None
        first = pool.place + job.done
        coder = PermutedCodes(pattern_of(pool.format), self._secrets(pool.tenant))
        return await writing.run(lambda: _codes(coder, first, count)), 0

    async def _random(self, writing: _Writing, job: Job) -> tuple[list[str], int]:
        pool, after = writing.pool, int(job.state.get("after", 0))
        kept = await self._store.read(lambda records: records.codes(pool, after, CODES_AT_ONCE))
        assert kept, "a pool that can be exported has all its codes"
        coder = RandomCodes(pattern_of(pool.format), self._secrets(pool.tenant))
        codes = await writing.run(lambda: coder.decorate([one.canonical for one in kept]))
        return codes, kept[-1].position

    async def _finish(self, job: Job, name: str) -> None:
        """Offer the file, and count it among the pool's exports, both or neither."""
        now_ms = self._clock.now_ms()

        def work(records: PoolRecords) -> _Kept:
            ended = decide.finished(job, name, now_ms)
            if not records.jobs.save(ended, ended.fence):
                raise LeaseLostError
            pool = _pool_of(records, job)
            records.save_pool(exported(pool, now_ms, again=True))
            return _Kept(ended)

        await self._store.write(self._jobs.command("export"), work, _Kept)


def _codes(coder: PermutedCodes, first: int, count: int) -> list[str]:
    """Permuted codes, a block at a time: larger ones leave the processor's cache."""
    codes: list[str] = []
    for at in range(first, first + count, BLOCK):
        codes += coder.codes(at, min(BLOCK, first + count - at))
    return codes


def _add(writing: _Writing, first: int, codes: Sequence[str]) -> int | None:
    writing.sheet.write(first, codes)
    return writing.sheet.mark()


def _pool_of(records: PoolRecords, job: Job) -> Pool:
    pool = records.pool(job.tenant, job.subject)
    assert pool is not None
    return pool
