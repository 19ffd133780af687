"""What one can do with code pools: have them made, look at them, take them back, export them."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, CodeSource, Reward
from largesse.issuance.spaces import pattern_of
from largesse.jobs.decide import finished
from largesse.jobs.errors import TooManyJobsError
from largesse.jobs.model import Job
from largesse.kernel.command import Command, Done
from largesse.kernel.errors import InvalidInputError, NotFoundError
from largesse.kernel.fact import AuditEntry
from largesse.kernel.ids import Ids
from largesse.pools import decide
from largesse.pools.model import ExportFormat, Pool, PoolStatus, PoolWish
from largesse.pools.ports import PoolRecords, PoolStore

GENERATE = "codes.generate"
EXPORT = "codes.export"
"""Kinds of jobs."""


class Exporting(Struct, frozen=True):
    """What an export is to bring; `again` allows another file of the same codes."""

    format: ExportFormat
    again: bool = False


class Pools:
    """Code pools of all tenants.

    At most `jobs_max` jobs of one tenant may wait or run. `formats` are those that this
    installation can write; `wake` is called when there is something new for the workers to do.
    """

    def __init__(
        self, store: PoolStore, ids: Ids, jobs_max: int, formats: frozenset[ExportFormat]
    ) -> None:
        self._store = store
        self._ids = ids
        self._jobs_max = jobs_max
        self._formats = formats
        self.wake: Callable[[], object] = lambda: None

    async def generate(self, command: Command, wish: PoolWish) -> Done[Job]:
        """Set units of a reward aside and have a code made for each; the job that makes them.

        From the answer on, claims cannot have these units. Permuted codes need no making: then the
        job is done at once.
        """
        decide.check(wish)

        def work(records: PoolRecords) -> Job:
            self._check_jobs(records, command.tenant)
            campaign = records.campaign(command.tenant, wish.campaign_id)
            if campaign is None:
                message = f"there is no campaign {wish.campaign_id!r} here"
                raise NotFoundError(message)
            reward = decide.reward_of(campaign, wish, command.now_ms)
            decide.check_stock(reward, wish.count)
            pool = records.add_pool(self._pool(records, command, campaign, reward, wish))
            records.audit(AuditEntry.of(command, pool.id, None, _shown(pool)))
            content = {"count": pool.count}
            return self._add(records, command, GENERATE, pool, content)

        return await self._woken(await self._store.write(command, work, Job))

    async def export(self, command: Command, pool_id: str, wish: Exporting) -> Done[Job]:
        """Have a pool's codes written to a file; the job that writes it."""
        if wish.format not in self._formats:
            message = (
                f"this installation cannot write {wish.format}: install largesse[parquet] beside "
                "the server, or ask for csv"
            )
            raise InvalidInputError(message, "/format", "FORMAT_UNAVAILABLE")

        def work(records: PoolRecords) -> Job:
            self._check_jobs(records, command.tenant)
            pool = _find(records, command.tenant, pool_id)
            decide.exported(pool, command.now_ms, again=wish.again)
            records.audit(AuditEntry.of(command, pool.id, None, {"format": wish.format}))
            return self._add(records, command, EXPORT, pool, {"format": wish.format})

        return await self._woken(await self._store.write(command, work, Job))

    async def pool(self, tenant: int, pool_id: str) -> Pool:
        """One pool; `NotFoundError` for anything else."""
        return await self._store.read(lambda records: _find(records, tenant, pool_id))

    async def pools(self, tenant: int, before: int | None, limit: int) -> list[Pool]:
        """A tenant's pools, newest first, those with a number below `before`."""
        return await self._store.read(lambda records: records.pools(tenant, before, limit))

    async def delete(self, command: Command, pool_id: str) -> Done[Pool]:
        """Take a READY pool back: its units return to the stock, its codes are nobody's for ever.

        One that is still made is left to its job, which can be cancelled.
        """

        def work(records: PoolRecords) -> Pool:
            pool = _find(records, command.tenant, pool_id)
            if pool.status is PoolStatus.DELETED:
                return pool
            decide.check_ready(pool)
            deleted = replace(pool, status=PoolStatus.DELETED)
            records.save_pool(deleted)
            records.give_back(deleted)
            records.audit(AuditEntry.of(command, pool_id, _shown(pool), _shown(deleted)))
            return deleted

        return await self._store.write(command, work, Pool)

    def _pool(
        self,
        records: PoolRecords,
        command: Command,
        campaign: Campaign,
        reward: Reward,
        wish: PoolWish,
    ) -> Pool:
        """The new pool, if its pattern has room for it."""
        code = reward.definition.code
        assert code is not None
        pattern = pattern_of(code)
        state = records.pattern(command.tenant, pattern.canonical_text, code.source)
        decide.check_room(code.source, pattern.space, state.taken, wish.count)
        permuted = code.source is CodeSource.PERMUTED
        return Pool(
            id=self._ids.new("pool"),
            tenant=command.tenant,
            campaign=campaign.number,
            campaign_id=campaign.id,
            reward=reward.number,
            reward_key=reward.definition.key,
            name=wish.name,
            status=PoolStatus.READY if permuted else PoolStatus.MAKING,
            count=wish.count,
            format=code,
            pattern=pattern.canonical_text,
            created_at_ms=command.now_ms,
        )

    def _add(
        self,
        records: PoolRecords,
        command: Command,
        kind: str,
        pool: Pool,
        content: dict[str, Any],
    ) -> Job:
        job = Job(
            id=self._ids.new("job"),
            tenant=command.tenant,
            actor=command.actor,
            kind=kind,
            subject=pool.id,
            content=content,
            total=pool.count,
            created_at_ms=command.machine_ms,
        )
        if kind == GENERATE and pool.status is PoolStatus.READY:
            job = finished(job, None, command.machine_ms)
        return records.jobs.add_job(job)

    def _check_jobs(self, records: PoolRecords, tenant: int) -> None:
        if records.jobs.live(tenant) >= self._jobs_max:
            raise TooManyJobsError

    async def _woken(self, done: Done[Job]) -> Done[Job]:
        self.wake()
        return done


def _find(records: PoolRecords, tenant: int, pool_id: str) -> Pool:
    pool = records.pool(tenant, pool_id)
    if pool is None:
        message = f"there is no code pool {pool_id!r} here"
        raise NotFoundError(message)
    return pool


def _shown(pool: Pool) -> dict[str, Any]:
    return {
        "campaign": pool.campaign_id,
        "reward": pool.reward_key,
        "name": pool.name,
        "count": pool.count,
        "status": pool.status,
    }
