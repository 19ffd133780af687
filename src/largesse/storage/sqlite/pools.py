"""Code pools in an SQLite file."""

from collections.abc import Sequence

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
from largesse.storage.sqlite import audit
from largesse.storage.sqlite.campaigns import SQLiteCampaignRecords, load_version
from largesse.storage.sqlite.jobs import SQLiteJobRecords
from largesse.storage.sqlite.query import Bindings, number, rows
from largesse.storage.sqlite.rows import read_entry
from largesse.storage.sqlite.transaction import Transaction

_POOL = """
SELECT p.number, p.id, p.tenant, p.campaign, c.id, p.reward, r.key, p.name, p.status, p.count,
  p.format, t.pattern, p.place, p.created_at_ms, p.exports, p.exported_at_ms
FROM code_pool p JOIN campaign c ON c.number = p.campaign JOIN reward r ON r.number = p.reward
JOIN code_pattern t ON t.id = p.pattern"""
_BY_ID = f"{_POOL} WHERE p.tenant = ? AND p.id = ?"
_LIST = f"{_POOL} WHERE p.tenant = ? AND p.number < ? ORDER BY p.number DESC LIMIT ?"
_OF_PLACE = f"""
{_POOL} WHERE p.tenant = ?1 AND t.tenant = ?1 AND t.pattern = ?2 AND t.source = 'permuted'
  AND p.place <= ?3 AND ?3 < p.place + p.count ORDER BY p.place DESC LIMIT 1"""
_OF_CODE = f"""
{_POOL} JOIN code k ON k.pool = p.number WHERE k.tenant = ? AND k.canonical = ?"""

_TAKE = """
UPDATE code_pattern SET taken = taken + :count WHERE id = :pattern RETURNING taken - :count"""
# The quota stands in the write itself, whatever was decided before it; a CHECK stands beneath.
_RESERVE = """
UPDATE reward SET reserved = reserved + :count
WHERE number = :reward
  AND (quota_total IS NULL OR issued + reserved + :count <= quota_total)"""
_GIVE_BACK = """
UPDATE reward SET reserved = reserved - :count WHERE number = :reward AND reserved >= :count"""
_IS_EXHAUSTED = "SELECT quota_total = issued + reserved FROM reward WHERE number = ?"
_ADD = """
INSERT INTO code_pool (id, tenant, campaign, reward, name, status, count, format, pattern, place,
  created_at_ms, exports, exported_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SAVE = "UPDATE code_pool SET status = ?, exports = ?, exported_at_ms = ? WHERE number = ?"

_KEEP = """
INSERT INTO code (tenant, canonical, reward, serial, pool) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (tenant, canonical) DO NOTHING"""
_CODES = """
SELECT serial, canonical FROM code INDEXED BY code_of_pool
WHERE pool = ? AND serial > ? ORDER BY serial LIMIT ?"""
_PLACE_OF_COUNTER = """
SELECT b.reward, b.serial + ?3 - b.place
FROM code_pattern p JOIN code_block b ON b.pattern = p.id
WHERE p.tenant = ?1 AND p.pattern = ?2 AND p.source = 'permuted'
  AND b.place <= ?3 AND ?3 < b.place + b.count
ORDER BY b.place DESC LIMIT 1"""
_PLACE_OF_CODE = """
SELECT reward, serial FROM code WHERE tenant = ? AND canonical = ? AND pool IS NULL"""


class SQLitePoolRecords:
    """See `PoolRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self.jobs = SQLiteJobRecords(transaction)
        self._transaction = transaction
        self._db = transaction.db
        self._campaigns = SQLiteCampaignRecords(transaction)

    def campaign(self, tenant: int, campaign_id: str) -> Campaign | None:
        """See `PoolRecords`."""
        return self._campaigns.campaign(tenant, campaign_id)

    def campaign_at(self, campaign: int, version: int) -> Campaign:
        """See `PoolRecords`."""
        found = load_version(self._db, campaign, version)
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
        pattern = self.pattern(pool.tenant, pool.pattern, pool.source).id
        first = number(self._db, _TAKE, {"pattern": pattern, "count": pool.count})
        place = first if pool.source is CodeSource.PERMUTED else None
        self._db.execute(_RESERVE, {"reward": pool.reward, "count": pool.count})
        if self._db.changes() != 1:
            message = f"the stock of reward {pool.reward} does not bear what was decided"
            raise UnavailableError(message)
        what = (pool.id, pool.tenant, pool.campaign, pool.reward, pool.name, pool.status)
        code = msgspec.json.encode(pool.format).decode()
        when = (pool.created_at_ms, pool.exports, pool.exported_at_ms)
        self._db.execute(_ADD, (*what, pool.count, code, pattern, place, *when))
        kept = replace(pool, number=self._db.last_insert_rowid(), place=place)
        self._transaction.touch_campaign(pool.campaign)
        if number(self._db, _IS_EXHAUSTED, (pool.reward,)):
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
        after_all = AFTER_ALL if before is None else before
        return [pool_of(row) for row in rows(self._db, _LIST, (tenant, after_all, limit))]

    def save_pool(self, pool: Pool) -> None:
        """See `PoolRecords`."""
        self._db.execute(_SAVE, (pool.status, pool.exports, pool.exported_at_ms, pool.number))

    def give_back(self, pool: Pool) -> None:
        """See `PoolRecords`."""
        self._db.execute(_GIVE_BACK, {"reward": pool.reward, "count": pool.count})
        assert self._db.changes() == 1, "a pool's units are reserved until they are given back"
        self._transaction.touch_campaign(pool.campaign)

    def keep_codes(self, pool: Pool, drawn: Sequence[Drawn]) -> int:
        """See `PoolRecords`. The primary key says which codes the tenant has.

        Codes that are kept in the order of that key meet each of its pages once.
        """
        before = self._db.total_changes()
        codes = [
            (pool.tenant, one.canonical, pool.reward, one.position, pool.number)
            for one in sorted(drawn, key=lambda one: one.canonical)
        ]
        self._db.executemany(_KEEP, codes)
        return self._db.total_changes() - before

    def codes(self, pool: Pool, after: int, limit: int) -> list[Drawn]:
        """See `PoolRecords`."""
        return [Drawn(*row) for row in rows(self._db, _CODES, (pool.number, after, limit))]

    def pool_of_place(self, tenant: int, pattern: str, place: int) -> Pool | None:
        """See `PoolRecords`."""
        return self._first(_OF_PLACE, (tenant, pattern, place))

    def pool_of_code(self, tenant: int, canonical: str) -> Pool | None:
        """See `PoolRecords`."""
        return self._first(_OF_CODE, (tenant, canonical))

    def entry_of_place(self, tenant: int, pattern: str, place: int) -> LedgerEntry | None:
        """See `PoolRecords`."""
        return self._entry(_PLACE_OF_COUNTER, (tenant, pattern, place))

    def entry_of_code(self, tenant: int, canonical: str) -> LedgerEntry | None:
        """See `PoolRecords`."""
        return self._entry(_PLACE_OF_CODE, (tenant, canonical))

    def audit(self, entry: AuditEntry) -> None:
        """See `PoolRecords`."""
        audit.add_entry(self._db, entry)

    def _first(self, statement: str, bindings: Bindings) -> Pool | None:
        return next((pool_of(row) for row in rows(self._db, statement, bindings)), None)

    def _entry(self, statement: str, bindings: Bindings) -> LedgerEntry | None:
        found = rows(self._db, statement, bindings)
        return read_entry(self._db, Place(*found[0])) if found else None
