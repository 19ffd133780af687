"""Code pools in this process."""

from collections.abc import Sequence

from msgspec.structs import replace

from largesse.campaigns.model import Campaign, CodeSource
from largesse.campaigns.ports import PatternState
from largesse.issuance.model import LedgerEntry, Place
from largesse.kernel.errors import UnavailableError
from largesse.kernel.fact import AuditEntry, FactKind
from largesse.pools.model import Pool
from largesse.pools.ports import Drawn
from largesse.storage.memory.campaigns import MemoryCampaignRecords
from largesse.storage.memory.jobs import MemoryJobRecords
from largesse.storage.memory.state import Fact, MemoryState


class MemoryPoolRecords:
    """See `PoolRecords`."""

    def __init__(self, state: MemoryState) -> None:
        self.jobs = MemoryJobRecords(state)
        self._state = state
        self._campaigns = MemoryCampaignRecords(state)

    def campaign(self, tenant: int, campaign_id: str) -> Campaign | None:
        """See `PoolRecords`."""
        return self._campaigns.campaign(tenant, campaign_id)

    def campaign_at(self, campaign: int, version: int) -> Campaign:
        """See `PoolRecords`."""
        found = self._state.campaign(campaign, version)
        assert found is not None
        return found

    def pattern(self, tenant: int, pattern: str, source: CodeSource) -> PatternState:
        """See `PoolRecords`."""
        return self._campaigns.add_pattern(tenant, pattern, source)

    def patterns(self, tenant: int) -> list[PatternState]:
        """See `PoolRecords`."""
        return self._campaigns.patterns(tenant)

    def add_pool(self, pool: Pool) -> Pool:
        """See `PoolRecords`."""
        pattern = self.pattern(pool.tenant, pool.pattern, pool.source)
        place = pattern.taken if pool.source is CodeSource.PERMUTED else None
        kept = replace(pool, number=self._state.new_number("pool"), place=place)
        self._state.pools[kept.number] = kept
        grown = replace(pattern, taken=pattern.taken + pool.count)
        self._state.patterns[pool.tenant, pool.pattern, pool.source] = grown
        self._reserve(pool, pool.count)
        campaign = self._state.campaign(pool.campaign)
        assert campaign is not None
        reward = next(one for one in campaign.rewards if one.number == pool.reward)
        used = reward.counters.issued + reward.counters.reserved
        quota = reward.definition.quota_total
        if quota is not None and used > quota:
            message = f"the stock of reward {pool.reward} does not bear what was decided"
            raise UnavailableError(message)
        if used == quota:
            about = (pool.created_at_ms, campaign.number, campaign.version)
            fact = Fact(FactKind.STOCK_EXHAUSTED, *about, reward=pool.reward)
            self._state.facts.append(fact)
        return kept

    def pool(self, tenant: int, pool_id: str) -> Pool | None:
        """See `PoolRecords`."""
        found = (p for p in self._state.pools.values() if (p.tenant, p.id) == (tenant, pool_id))
        return next(found, None)

    def pools(self, tenant: int, before: int | None, limit: int) -> list[Pool]:
        """See `PoolRecords`."""
        newest = sorted(self._state.pools.values(), key=lambda pool: -pool.number)
        own = [pool for pool in newest if pool.tenant == tenant]
        return [pool for pool in own if before is None or pool.number < before][:limit]

    def save_pool(self, pool: Pool) -> None:
        """See `PoolRecords`."""
        self._state.pools[pool.number] = pool

    def give_back(self, pool: Pool) -> None:
        """See `PoolRecords`."""
        self._reserve(pool, -pool.count)

    def keep_codes(self, pool: Pool, drawn: Sequence[Drawn]) -> int:
        """See `PoolRecords`."""
        before, state = len(self._state.pool_codes), self._state
        for one in drawn:
            key = (pool.tenant, one.canonical)
            if key not in state.codes:
                state.pool_codes.setdefault(key, (pool.number, one.position))
        return len(state.pool_codes) - before

    def codes(self, pool: Pool, after: int, limit: int) -> list[Drawn]:
        """See `PoolRecords`."""
        kept = self._state.pool_codes.items()
        own = [Drawn(position, code) for (_, code), (of, position) in kept if of == pool.number]
        return sorted(one for one in own if one.position > after)[:limit]

    def pool_of_place(self, tenant: int, pattern: str, place: int) -> Pool | None:
        """See `PoolRecords`."""
        pools = self._state.pools.values()
        own = [pool for pool in pools if (pool.tenant, pool.pattern) == (tenant, pattern)]
        return next(
            (
                pool
                for pool in own
                if pool.place is not None and 0 <= place - pool.place < pool.count
            ),
            None,
        )

    def pool_of_code(self, tenant: int, canonical: str) -> Pool | None:
        """See `PoolRecords`."""
        found = self._state.pool_codes.get((tenant, canonical))
        return None if found is None else self._state.pools[found[0]]

    def entry_of_place(self, tenant: int, pattern: str, place: int) -> LedgerEntry | None:
        """See `PoolRecords`."""
        state = self._state.patterns.get((tenant, pattern, CodeSource.PERMUTED))
        for kept in self._state.blocks:
            at = place - kept.block.place
            if state is not None and kept.pattern == state.id and 0 <= at < kept.block.count:
                return self._state.entries.get(Place(kept.reward, kept.block.serial + at))
        return None

    def entry_of_code(self, tenant: int, canonical: str) -> LedgerEntry | None:
        """See `PoolRecords`."""
        place = self._state.codes.get((tenant, canonical))
        return None if place is None else self._state.entries.get(place)

    def audit(self, entry: AuditEntry) -> None:
        """See `PoolRecords`."""
        self._state.audit.append(entry)

    def _reserve(self, pool: Pool, count: int) -> None:
        counters = self._state.counters[pool.reward]
        reserved = counters.reserved + count
        assert reserved >= 0, "units are given back once"
        self._state.counters[pool.reward] = replace(counters, reserved=reserved)
        self._state.touched.add(pool.campaign)
