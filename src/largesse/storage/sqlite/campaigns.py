"""Campaigns, their versions, rewards and code patterns in an SQLite file."""

from typing import Any

import apsw
import msgspec

from largesse.campaigns.decide import check_quota
from largesse.campaigns.model import (
    Campaign,
    CampaignFilter,
    CodeBlock,
    Counters,
    Reward,
)
from largesse.campaigns.ports import PatternState
from largesse.kernel.fact import AuditEntry, FactKind
from largesse.kernel.paging import AFTER_ALL
from largesse.storage.columns.campaigns import CampaignRow, campaign_of, columns_of
from largesse.storage.sqlite import audit, query
from largesse.storage.sqlite.transaction import Transaction

_CAMPAIGN = """
SELECT c.number, c.id, c.tenant, c.status, v.version, c.created_at_ms, v.definition
FROM campaign c JOIN campaign_version v ON v.campaign = c.number"""
_PRESENT = f"{_CAMPAIGN} AND v.version = c.version"
_BY_NUMBER = f"{_PRESENT} WHERE c.number = ?"
_BY_ID = f"{_PRESENT} WHERE c.tenant = ? AND c.id = ?"
_OF_TENANT_BY_NUMBER = f"{_PRESENT} WHERE c.tenant = ? AND c.number = ?"
_ALL_BUT_DRAFTS = f"{_PRESENT} WHERE c.status <> 'DRAFT' ORDER BY c.number"
_VERSION_BY_NUMBER = f"{_CAMPAIGN} WHERE c.number = ? AND v.version = ?"
_VERSION_BY_ID = f"{_CAMPAIGN} WHERE c.tenant = ? AND c.id = ? AND v.version = ?"
_LIST = f"""{_PRESENT}
WHERE c.tenant = :tenant AND c.number < :before
  AND (:type IS NULL OR c.type = :type)
  AND (:name IS NULL OR instr(c.name, :name) > 0)
  AND (:status IS NULL OR :status =
    CASE WHEN c.status = 'ACTIVE' AND c.ends_at_ms <= :now_ms THEN 'ENDED' ELSE c.status END)
ORDER BY c.number DESC LIMIT :limit"""

_ADD = """
INSERT INTO campaign (id, tenant, status, version, created_at_ms, type, name, ends_at_ms)
VALUES (:id, :tenant, :status, :version, :created_at_ms, :type, :name, :ends_at_ms)"""
_SAVE = """
UPDATE campaign
SET status = :status, version = :version, type = :type, name = :name, ends_at_ms = :ends_at_ms
WHERE number = :number"""
_REMOVE = "DELETE FROM campaign WHERE number = ?"
_ADD_VERSION = """
INSERT INTO campaign_version (campaign, version, definition) VALUES (?, ?, ?)
ON CONFLICT DO NOTHING"""

_REWARDS = """
SELECT key, number, issued, reserved, serials, day, issued_day FROM reward WHERE campaign = ?"""
_COUNTERS = "SELECT issued, reserved, serials, day, issued_day FROM reward WHERE number = ?"
_ADD_REWARD = "INSERT INTO reward (campaign, key, quota_total, quota_daily) VALUES (?, ?, ?, ?)"
_SAVE_REWARD = """
UPDATE reward SET quota_total = :quota_total, quota_daily = :quota_daily
WHERE number = :number AND (:quota_total IS NULL OR issued + reserved <= :quota_total)"""
_REMOVE_REWARD = "DELETE FROM reward WHERE number = ? AND serials = 0"
_REMOVE_BLOCKS = "DELETE FROM code_block WHERE reward = ?"

_PATTERNS = "SELECT id, pattern, source, taken FROM code_pattern WHERE tenant = ? ORDER BY id"
_PATTERN = """
SELECT id, pattern, source, taken FROM code_pattern
WHERE tenant = ? AND pattern = ? AND source = ?"""
_ADD_PATTERN = """
INSERT INTO code_pattern (tenant, pattern, source) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"""
_BLOCKS = "SELECT serial, place, count FROM code_block WHERE reward = ? ORDER BY serial"
_TAKE = """
UPDATE code_pattern SET taken = taken + :count WHERE id = :pattern RETURNING taken - :count"""
_NEXT_SERIAL = "SELECT coalesce(max(serial + count), 1) FROM code_block WHERE reward = ?"
_ADD_BLOCK = """
INSERT INTO code_block (pattern, place, count, reward, serial) VALUES (?, ?, ?, ?, ?)"""


def load_campaign(db: apsw.Connection, number: int) -> Campaign | None:
    """A campaign by its number, with the counters of this moment."""
    return _first(db, _BY_NUMBER, number)


def load_campaigns(db: apsw.Connection) -> list[Campaign]:
    """All campaigns but drafts, by ascending number."""
    return _all(db, _ALL_BUT_DRAFTS)


def load_version(db: apsw.Connection, number: int, version: int) -> Campaign | None:
    """A campaign by its number as one of its versions was, with the counters of this moment."""
    return _first(db, _VERSION_BY_NUMBER, number, version)


class SQLiteCampaignRecords:
    """See `CampaignRecords`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._db = transaction.db

    def campaign(self, tenant: int, campaign_id: str) -> Campaign | None:
        """See `CampaignRecords`."""
        return _first(self._db, _BY_ID, tenant, campaign_id)

    def campaign_numbered(self, tenant: int, number: int) -> Campaign | None:
        """See `CampaignRecords`."""
        return _first(self._db, _OF_TENANT_BY_NUMBER, tenant, number)

    def campaigns(
        self, tenant: int, which: CampaignFilter, before: int | None, limit: int
    ) -> list[Campaign]:
        """See `CampaignRecords`."""
        wanted = {
            "tenant": tenant,
            "before": AFTER_ALL if before is None else before,
            "limit": limit,
            "now_ms": which.now_ms,
            "status": which.status,
            "type": which.type,
            "name": None if which.name_contains is None else which.name_contains.casefold(),
        }
        return _all(self._db, _LIST, wanted)

    def version(self, tenant: int, campaign_id: str, version: int) -> Campaign | None:
        """See `CampaignRecords`."""
        return _first(self._db, _VERSION_BY_ID, tenant, campaign_id, version)

    def add_campaign(self, campaign: Campaign) -> Campaign:
        """See `CampaignRecords`."""
        self._db.execute(_ADD, columns_of(campaign))
        return self._keep_parts(self._db.last_insert_rowid(), campaign)

    def save_campaign(self, campaign: Campaign) -> Campaign:
        """See `CampaignRecords`."""
        self._db.execute(_SAVE, columns_of(campaign))
        kept = {reward.number for reward in campaign.rewards}
        rows: list[Any] = self._db.execute(_REWARDS, (campaign.number,)).fetchall()
        for gone in {number for _, number, *_ in rows} - kept:
            self._remove_reward(gone)
        return self._keep_parts(campaign.number, campaign)

    def remove_campaign(self, campaign: Campaign) -> None:
        """See `CampaignRecords`."""
        for reward in campaign.rewards:
            self._remove_reward(reward.number)
        self._db.execute(_REMOVE, (campaign.number,))
        self._transaction.touch_campaign(campaign.number)

    def patterns(self, tenant: int) -> list[PatternState]:
        """See `CampaignRecords`."""
        return [PatternState(*row) for row in self._db.execute(_PATTERNS, (tenant,))]

    def add_pattern(self, tenant: int, pattern: str, source: str) -> PatternState:
        """See `CampaignRecords`."""
        self._db.execute(_ADD_PATTERN, (tenant, pattern, source))
        row = self._db.execute(_PATTERN, (tenant, pattern, source)).fetchone()
        assert row is not None
        return PatternState(*row)

    def blocks(self, reward: int) -> list[CodeBlock]:
        """See `CampaignRecords`."""
        return [CodeBlock(*row) for row in self._db.execute(_BLOCKS, (reward,))]

    def take_block(self, pattern: int, reward: int, count: int) -> CodeBlock:
        """See `CampaignRecords`."""
        place = query.number(self._db, _TAKE, {"pattern": pattern, "count": count})
        block = CodeBlock(query.number(self._db, _NEXT_SERIAL, (reward,)), place, count)
        self._db.execute(_ADD_BLOCK, (pattern, block.place, block.count, reward, block.serial))
        return block

    def audit(self, entry: AuditEntry) -> None:
        """See `CampaignRecords`."""
        audit.add_entry(self._db, entry)

    def tell(self, kind: FactKind, campaign: Campaign, at_ms: int) -> None:
        """See `CampaignRecords`."""
        self._transaction.tell(kind, at_ms, campaign)

    def _keep_parts(self, number: int, campaign: Campaign) -> Campaign:
        definition = msgspec.json.encode(campaign.definition).decode()
        self._db.execute(_ADD_VERSION, (number, campaign.version, definition))
        for index, reward in enumerate(campaign.rewards):
            if reward.number:
                self._save_quotas(index, reward)
            else:
                quotas = (reward.definition.quota_total, reward.definition.quota_daily)
                self._db.execute(_ADD_REWARD, (number, reward.definition.key, *quotas))
        self._transaction.touch_campaign(number)
        kept = load_campaign(self._db, number)
        assert kept is not None
        return kept

    def _save_quotas(self, index: int, reward: Reward) -> None:
        """The write itself holds the quota against the stock, whatever was read before."""
        quota_total = reward.definition.quota_total
        quotas = {"quota_total": quota_total, "quota_daily": reward.definition.quota_daily}
        self._db.execute(_SAVE_REWARD, {"number": reward.number, **quotas})
        saved = self._db.changes() == 1
        if not saved:
            row: Any = self._db.execute(_COUNTERS, (reward.number,)).fetchone()
            check_quota(f"/rewards/{index}/quota_total", Counters(*row), quota_total)
        assert saved, "the write must hold wherever the rule does"

    def _remove_reward(self, number: int) -> None:
        self._db.execute(_REMOVE_REWARD, (number,))
        assert self._db.changes() == 1, "a reward that was issued stays for ever"
        self._db.execute(_REMOVE_BLOCKS, (number,))


def _first(db: apsw.Connection, query: str, *arguments: int | str) -> Campaign | None:
    row: Any = db.execute(query, arguments).fetchone()
    return None if row is None else _campaign(db, CampaignRow(*row))


def _all(
    db: apsw.Connection, query: str, arguments: dict[str, int | str | None] | None = None
) -> list[Campaign]:
    rows: list[Any] = db.execute(query, arguments).fetchall()
    return [_campaign(db, CampaignRow(*row)) for row in rows]


def _campaign(db: apsw.Connection, row: CampaignRow) -> Campaign:
    known = {key: numbers for key, *numbers in db.execute(_REWARDS, (row.number,))}
    return campaign_of(row, known)
