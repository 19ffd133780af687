"""Code pools in PostgreSQL."""

from collections.abc import Sequence
from typing import LiteralString

import msgspec
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, CodeSource
from largesse.campaigns.ports import PatternState
from largesse.issuance.model import LedgerEntry, Place
from largesse.kernel.errors import UnavailableError
from largesse.kernel.fact import AuditEntry, FactKind
from largesse.kernel.paging import AFTER_ALL
from largesse.pools.model import Pool
from largesse.pools.ports import Drawn
from largesse.storage.columns.pools import pool_of
from largesse.storage.postgres import audit
from largesse.storage.postgres.campaigns import PostgresCampaignRecords, load_version
from largesse.storage.postgres.jobs import PostgresJobRecords
from largesse.storage.postgres.rows import read_entry
from largesse.storage.postgres.transaction import Bindings, Transaction

_POOL: LiteralString = """
SELECT p.number, p.id, p.tenant, p.campaign, c.id, p.reward, r.key, p.name, p.status, p.count,
  p.format, t.pattern, p.place, p.created_at_ms, p.exports, p.exported_at_ms
FROM code_pool p JOIN campaign c ON c.number = p.campaign JOIN reward r ON r.number = p.reward
JOIN code_pattern t ON t.id = p.pattern"""
_BY_ID: LiteralString = f"{_POOL} WHERE p.tenant = %s AND p.id = %s"
_LIST: LiteralString = f"""
{_POOL} WHERE p.tenant = %s AND p.number < %s ORDER BY p.number DESC LIMIT %s"""
_OF_PLACE: LiteralString = f"""
{_POOL} WHERE p.tenant = %(tenant)s AND t.tenant = %(tenant)s AND t.pattern = %(pattern)s
  AND t.source = 'permuted' AND p.place <= %(place)s AND %(place)s < p.place + p.count
ORDER BY p.place DESC LIMIT 1"""
_OF_CODE: LiteralString = f"""
{_POOL} JOIN code k ON k.pool = p.number WHERE k.tenant = %s AND k.canonical = %s"""

_TAKE = """
UPDATE code_pattern SET taken = taken + %(count)s WHERE id = %(pattern)s
RETURNING taken - %(count)s"""
# The quota stands in the write itself, whatever was decided before it; a CHECK stands beneath.
_RESERVE = """
UPDATE reward SET reserved = reserved + %(count)s
WHERE number = %(reward)s
  AND (quota_total IS NULL OR issued + reserved + %(count)s <= quota_total)
RETURNING coalesce(quota_total = issued + reserved, false)"""
_GIVE_BACK = """
UPDATE reward SET reserved = reserved - %(count)s
WHERE number = %(reward)s AND reserved >= %(count)s"""
_ADD = """
INSERT INTO code_pool (id, tenant, campaign, reward, name, status, count, format, pattern, place,
  created_at_ms, exports, exported_at_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING number"""
_SAVE = "UPDATE code_pool SET status = %s, exports = %s, exported_at_ms = %s WHERE number = %s"

_KEEP = """
INSERT INTO code (tenant, canonical, reward, serial, pool)
SELECT %s, k.canonical, %s, k.position, %s
FROM unnest(%s::text[], %s::bigint[]) AS k (canonical, position)
ON CONFLICT (tenant, canonical) DO NOTHING"""
_CODES = """
SELECT serial, canonical FROM code WHERE pool = %s AND serial > %s ORDER BY serial LIMIT %s"""
_PLACE_OF_COUNTER = """
SELECT b.reward, b.serial + %(place)s - b.place
FROM code_pattern p JOIN code_block b ON b.pattern = p.id
WHERE p.tenant = %(tenant)s AND p.pattern = %(pattern)s AND p.source = 'permuted'
  AND b.place <= %(place)s AND %(place)s < b.place + b.count
ORDER BY b.place DESC LIMIT 1"""
_PLACE_OF_CODE = """
SELECT reward, serial FROM code WHERE tenant = %s AND canonical = %s AND pool IS NULL"""


class PostgresPoolRecords:
    """See `PoolRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self.jobs = PostgresJobRecords(transaction)
        self._transaction = transaction
        self._campaigns = PostgresCampaignRecords(transaction)

    def campaign(self, tenant: int, campaign_id: str) -> Campaign | None:
        """See `PoolRecords`. Its rewards are held first."""
        return self._campaigns.campaign(tenant, campaign_id)

    def campaign_at(self, campaign: int, version: int) -> Campaign:
        """See `PoolRecords`."""
        found = load_version(self._transaction, campaign, version)
        assert found is not None
        return found

    def pattern(self, tenant: int, pattern: str, source: CodeSource) -> PatternState:
        """See `PoolRecords`."""
        return self._campaigns.add_pattern(tenant, pattern, source)

    def patterns(self, tenant: int) -> list[PatternState]:
        """See `PoolRecords`."""
        return self._campaigns.patterns(tenant)

    def add_pool(self, pool: Pool) -> Pool:
        """See `PoolRecords`. The stock is held before the pattern, as claims do."""
        units = {"reward": pool.reward, "count": pool.count}
        reserved = self._transaction.row(_RESERVE, units)
        if reserved is None:
            message = f"the stock of reward {pool.reward} does not bear what was decided"
            raise UnavailableError(message)
        pattern = self.pattern(pool.tenant, pool.pattern, pool.source).id
        first = self._transaction.number(_TAKE, {"pattern": pattern, "count": pool.count})
        place = first if pool.source is CodeSource.PERMUTED else None
        what = (pool.id, pool.tenant, pool.campaign, pool.reward, pool.name, pool.status)
        code = msgspec.json.encode(pool.format).decode()
        when = (pool.created_at_ms, pool.exports, pool.exported_at_ms)
        row = (*what, pool.count, code, pattern, place, *when)
        kept = replace(pool, number=self._transaction.number(_ADD, row), place=place)
        [exhausted] = reserved
        if exhausted:
            campaign = self.campaign(pool.tenant, pool.campaign_id)
            assert campaign is not None
            at_ms = pool.created_at_ms
            self._transaction.tell(FactKind.STOCK_EXHAUSTED, at_ms, campaign, pool.reward)
        return kept

    def pool(self, tenant: int, pool_id: str) -> Pool | None:
        """See `PoolRecords`."""
        return self._first(_BY_ID, (tenant, pool_id))

    def pools(self, tenant: int, before: int | None, limit: int) -> list[Pool]:
        """See `PoolRecords`."""
        wanted = (tenant, AFTER_ALL if before is None else before, limit)
        return [pool_of(row) for row in self._transaction.rows(_LIST, wanted)]

    def save_pool(self, pool: Pool) -> None:
        """See `PoolRecords`."""
        changed = (pool.status, pool.exports, pool.exported_at_ms, pool.number)
        self._transaction.execute(_SAVE, changed)

    def give_back(self, pool: Pool) -> None:
        """See `PoolRecords`."""
        units = {"reward": pool.reward, "count": pool.count}
        done = self._transaction.execute(_GIVE_BACK, units)
        assert done.rowcount == 1, "a pool's units are reserved until they are given back"

    def keep_codes(self, pool: Pool, drawn: Sequence[Drawn]) -> int:
        """See `PoolRecords`. The primary key says which codes the tenant has.

        Codes that are kept in the order of that key meet each of its pages once, and another
        process that keeps some of the same meets them in the same order.
        """
        ordered = sorted(drawn, key=lambda one: one.canonical)
        codes = ([one.canonical for one in ordered], [one.position for one in ordered])
        row = (pool.tenant, pool.reward, pool.number, *codes)
        return self._transaction.execute(_KEEP, row).rowcount

    def codes(self, pool: Pool, after: int, limit: int) -> list[Drawn]:
        """See `PoolRecords`."""
        found = self._transaction.rows(_CODES, (pool.number, after, limit))
        return [Drawn(*row) for row in found]

    def pool_of_place(self, tenant: int, pattern: str, place: int) -> Pool | None:
        """See `PoolRecords`."""
        return self._first(_OF_PLACE, {"tenant": tenant, "pattern": pattern, "place": place})

    def pool_of_code(self, tenant: int, canonical: str) -> Pool | None:
        """See `PoolRecords`."""
        return self._first(_OF_CODE, (tenant, canonical))

    def entry_of_place(self, tenant: int, pattern: str, place: int) -> LedgerEntry | None:
        """See `PoolRecords`."""
        wanted = {"tenant": tenant, "pattern": pattern, "place": place}
        return self._entry(_PLACE_OF_COUNTER, wanted)

    def entry_of_code(self, tenant: int, canonical: str) -> LedgerEntry | None:
        """See `PoolRecords`."""
        return self._entry(_PLACE_OF_CODE, (tenant, canonical))

    def audit(self, entry: AuditEntry) -> None:
        """See `PoolRecords`."""
        audit.add_entry(self._transaction, entry)

    def _first(self, statement: LiteralString, bindings: Bindings) -> Pool | None:
        found = self._transaction.row(statement, bindings)
        return None if found is None else pool_of(found)

    def _entry(self, statement: LiteralString, bindings: Bindings) -> LedgerEntry | None:
        found = self._transaction.row(statement, bindings)
        return None if found is None else read_entry(self._transaction, Place(*found))
