"""The work of a job that makes a pool's random codes; permuted ones need none."""

from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from largesse.codes.coder import Dice, RandomCodes
from largesse.codes.pattern import read_canonical_text
from largesse.jobs import decide
from largesse.jobs.errors import JobFailedError
from largesse.jobs.model import Job
from largesse.jobs.service import Jobs
from largesse.kernel.clock import Clock
from largesse.kernel.lease import LeaseLostError
from largesse.kernel.threads import Run
from largesse.pools.model import Pool, PoolStatus
from largesse.pools.ports import Drawn, PoolRecords, PoolStore, Secrets

CODES_AT_ONCE = 5_000
"""Codes kept in one transaction, for which claims wait some ten milliseconds."""

BARREN_MAX = 3
"""Transactions in a row that found not a single new code: the space is full."""


class _Kept(Struct, frozen=True):
    job: Job


class Generating:
    """See `Work`. Each transaction keeps codes and how far that brings the job, both or neither.

    The n-th part of a pool's codes is drawn from the n-th part of the space. So it falls on few
    pages of the table, of which a transaction writes every one that it touches: codes drawn from
    anywhere take ten times as long. A guess is as likely to be right as among codes from anywhere.
    """

    def __init__(
        self, store: PoolStore, jobs: Jobs, secrets: Secrets, dice: Dice, clock: Clock
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._secrets = secrets
        self._dice = dice
        self._clock = clock

    async def do(self, job: Job, run: Run) -> None:
        """Draw and keep codes until the pool has as many as it should."""
        pool = await self._pool(job)
        codes = RandomCodes(read_canonical_text(pool.pattern), self._secrets(pool.tenant))
        barren = 0
        while job.done < job.total:
            wanted = min(CODES_AT_ONCE, job.total - job.done)
            lefts = codes.share(job.done, job.done + wanted, job.total)
            drawn = await run(partial(codes.draw_among, lefts, wanted, self._dice))
            before, job = job.done, await self._keep(pool, job, drawn)
            barren = 0 if job.done > before else barren + 1
            if barren == BARREN_MAX:
                message = (
                    f"nearly all codes of {pool.pattern!r} exist: use a longer pattern in a new "
                    "campaign"
                )
                raise JobFailedError(message)

    async def undo(self, job: Job) -> None:
        """Take the pool back: its units return, once, with the end of the job."""

        def work(records: PoolRecords) -> _Kept:
            pool = _pool_of(records, job)
            if pool.status is not PoolStatus.DELETED:
                deleted = replace(pool, status=PoolStatus.DELETED)
                records.save_pool(deleted)
                records.give_back(deleted)
            return _save(records, decide.undone(job, self._clock.now_ms()))

        await self._store.write(self._jobs.command("undo"), work, _Kept)

    async def _pool(self, job: Job) -> Pool:
        return await self._store.read(lambda records: _pool_of(records, job))

    async def _keep(self, pool: Pool, job: Job, drawn: list[str]) -> Job:
        """Keep some codes; with the last of them the pool is ready and the job done."""
        leased, now_ms = self._jobs.leased(job), self._clock.now_ms()
        first = int(job.state.get("position", 0)) + 1

        def work(records: PoolRecords) -> _Kept:
            rows = [Drawn(first + index, code) for index, code in enumerate(drawn)]
            done = job.done + records.keep_codes(pool, rows)
            if done == job.total:
                records.save_pool(replace(_pool_of(records, job), status=PoolStatus.READY))
                return _save(records, decide.finished(job, None, now_ms))
            state = {"position": first + len(rows) - 1}
            return _save(records, replace(leased, done=done, state=state))

        done = await self._store.write(self._jobs.command("generate"), work, _Kept)
        return done.answer.job


def _save(records: PoolRecords, job: Job) -> _Kept:
    if not records.jobs.save(job, job.fence):
        raise LeaseLostError
    return _Kept(job)


def _pool_of(records: PoolRecords, job: Job) -> Pool:
    pool = records.pool(job.tenant, job.subject)
    assert pool is not None
    return pool
