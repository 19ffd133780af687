"""Campaigns, their versions, rewards and code patterns in PostgreSQL."""

from typing import LiteralString

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
from largesse.storage.postgres import audit
from largesse.storage.postgres.transaction import Bindings, Changed, Transaction

_CAMPAIGN = """
SELECT c.number, c.id, c.tenant, c.status, v.version, c.created_at_ms, v.definition
FROM campaign c JOIN campaign_version v ON v.campaign = c.number"""
_PRESENT: LiteralString = f"{_CAMPAIGN} AND v.version = c.version"
_BY_NUMBERS: LiteralString = f"{_PRESENT} WHERE c.number = ANY(%s) ORDER BY c.number"
_BY_ID: LiteralString = f"{_PRESENT} WHERE c.tenant = %s AND c.id = %s"
_OF_TENANT_BY_NUMBER: LiteralString = f"{_PRESENT} WHERE c.tenant = %s AND c.number = %s"
_ALL_BUT_DRAFTS: LiteralString = f"{_PRESENT} WHERE c.status <> 'DRAFT' ORDER BY c.number"
_VERSION_BY_NUMBER: LiteralString = f"{_CAMPAIGN} WHERE c.number = %s AND v.version = %s"
_VERSION_BY_ID: LiteralString = f"{_CAMPAIGN} WHERE c.tenant = %s AND c.id = %s AND v.version = %s"
_LIST: LiteralString = f"""{_PRESENT}
WHERE c.tenant = %(tenant)s AND c.number < %(before)s
  AND (%(type)s::text IS NULL OR c.type = %(type)s)
  AND (%(name)s::text IS NULL OR strpos(c.name, %(name)s) > 0)
  AND (%(status)s::text IS NULL OR %(status)s =
    CASE WHEN c.status = 'ACTIVE' AND c.ends_at_ms <= %(now_ms)s THEN 'ENDED' ELSE c.status END)
ORDER BY c.number DESC LIMIT %(limit)s"""

_ADD = """
INSERT INTO campaign (id, tenant, status, version, created_at_ms, type, name, ends_at_ms)
VALUES (%(id)s, %(tenant)s, %(status)s, %(version)s, %(created_at_ms)s, %(type)s, %(name)s,
  %(ends_at_ms)s)
RETURNING number"""
_SAVE = """
UPDATE campaign SET revision = revision + 1, status = %(status)s, version = %(version)s,
  type = %(type)s, name = %(name)s, ends_at_ms = %(ends_at_ms)s
WHERE number = %(number)s"""
_REMOVE = "DELETE FROM campaign WHERE number = %s"
_ADD_VERSION = """
INSERT INTO campaign_version (campaign, version, tenant, definition) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING"""
_REVISIONS = "SELECT number, revision FROM campaign WHERE number = ANY(%s)"

_ALL_REVISIONS = "SELECT number, revision FROM campaign WHERE status <> 'DRAFT'"

_REWARDS = """
SELECT campaign, key, number, issued, reserved, serials, day, issued_day
FROM reward WHERE campaign = ANY(%s)"""
_NUMBERS = "SELECT number FROM reward WHERE campaign = %s"
_COUNTERS = "SELECT issued, reserved, serials, day, issued_day FROM reward WHERE number = %s"
_ADD_REWARD = """
INSERT INTO reward (campaign, tenant, key, quota_total, quota_daily) VALUES (%s, %s, %s, %s, %s)"""
_SAVE_REWARD = """
UPDATE reward SET quota_total = %(quota_total)s, quota_daily = %(quota_daily)s
WHERE number = %(number)s
  AND (%(quota_total)s::bigint IS NULL OR issued + reserved <= %(quota_total)s)"""
_REMOVE_REWARD = "DELETE FROM reward WHERE number = %s AND serials = 0"
_REMOVE_BLOCKS = "DELETE FROM code_block WHERE reward = %s"

_PATTERNS = "SELECT id, pattern, source, taken FROM code_pattern WHERE tenant = %s ORDER BY id"
_PATTERN = """
SELECT id, pattern, source, taken FROM code_pattern
WHERE tenant = %s AND pattern = %s AND source = %s"""
_ADD_PATTERN = """
INSERT INTO code_pattern (tenant, pattern, source) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"""
_BLOCKS = "SELECT serial, place, count FROM code_block WHERE reward = %s ORDER BY serial"
_TAKE = """
UPDATE code_pattern SET taken = taken + %(count)s WHERE id = %(pattern)s
RETURNING taken - %(count)s, tenant"""
_NEXT_SERIAL = "SELECT coalesce(max(serial + count), 1) FROM code_block WHERE reward = %s"
_ADD_BLOCK = """
INSERT INTO code_block (pattern, tenant, place, count, reward, serial)
VALUES (%s, %s, %s, %s, %s, %s)"""


def load_campaign(transaction: Transaction, number: int) -> Campaign | None:
    """A campaign by its number, with the counters of this moment."""
    return next(iter(_all(transaction, _BY_NUMBERS, ([number],))), None)


def load_campaigns(transaction: Transaction) -> list[Campaign]:
    """All campaigns but drafts, by ascending number."""
    return _all(transaction, _ALL_BUT_DRAFTS)


def load_version(transaction: Transaction, number: int, version: int) -> Campaign | None:
    """A campaign by its number as one of its versions was, with the counters of this moment."""
    return next(iter(_all(transaction, _VERSION_BY_NUMBER, (number, version))), None)


def load_changed(transaction: Transaction) -> list[Changed]:
    """The campaigns that a transaction has touched, as it leaves them."""
    if not transaction.touched:
        return []
    numbers = list(transaction.touched)
    revisions = dict(transaction.rows(_REVISIONS, (numbers,)))
    found = _all(transaction, _BY_NUMBERS, (numbers,))
    return [Changed(revisions[campaign.number], campaign) for campaign in found]


def load_revised(transaction: Transaction) -> list[Changed]:
    """All campaigns but drafts, each with the number of its last change."""
    revisions = dict(transaction.rows(_ALL_REVISIONS))
    return [
        Changed(revisions[campaign.number], campaign) for campaign in load_campaigns(transaction)
    ]


class PostgresCampaignRecords:
    """See `CampaignRecords`. Each tenant's rows are read behind his own wall."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def campaign(self, tenant: int, campaign_id: str) -> Campaign | None:
        """See `CampaignRecords`. What may be changed by this is held first."""
        self._transaction.stand_before(tenant)
        self._transaction.hold_campaign(tenant, campaign_id)
        return self._first(_BY_ID, tenant, campaign_id)

    def campaign_numbered(self, tenant: int, number: int) -> Campaign | None:
        """See `CampaignRecords`. What may be changed by this is held first."""
        self._transaction.stand_before(tenant)
        found = self._first(_OF_TENANT_BY_NUMBER, tenant, number)
        return None if found is None else self.campaign(tenant, found.id)

    def campaigns(
        self, tenant: int, which: CampaignFilter, before: int | None, limit: int
    ) -> list[Campaign]:
        """See `CampaignRecords`."""
        self._transaction.stand_before(tenant)
        wanted = {
            "tenant": tenant,
            "before": AFTER_ALL if before is None else before,
            "limit": limit,
            "now_ms": which.now_ms,
            "status": which.status,
            "type": which.type,
            "name": None if which.name_contains is None else which.name_contains.casefold(),
        }
        return _all(self._transaction, _LIST, wanted)

    def version(self, tenant: int, campaign_id: str, version: int) -> Campaign | None:
        """See `CampaignRecords`."""
        self._transaction.stand_before(tenant)
        return self._first(_VERSION_BY_ID, tenant, campaign_id, version)

    def add_campaign(self, campaign: Campaign) -> Campaign:
        """See `CampaignRecords`."""
        return self._keep_parts(self._transaction.number(_ADD, columns_of(campaign)), campaign)

    def save_campaign(self, campaign: Campaign) -> Campaign:
        """See `CampaignRecords`."""
        self._transaction.hold_campaign(campaign.tenant, campaign.id)
        self._transaction.execute(_SAVE, columns_of(campaign))
        kept = {reward.number for reward in campaign.rewards}
        for (number,) in self._transaction.rows(_NUMBERS, (campaign.number,)):
            if number not in kept:
                self._remove_reward(number)
        return self._keep_parts(campaign.number, campaign)

    def remove_campaign(self, campaign: Campaign) -> None:
        """See `CampaignRecords`."""
        for reward in campaign.rewards:
            self._remove_reward(reward.number)
        self._transaction.execute(_REMOVE, (campaign.number,))

    def patterns(self, tenant: int) -> list[PatternState]:
        """See `CampaignRecords`."""
        return [PatternState(*row) for row in self._transaction.rows(_PATTERNS, (tenant,))]

    def add_pattern(self, tenant: int, pattern: str, source: str) -> PatternState:
        """See `CampaignRecords`."""
        self._transaction.execute(_ADD_PATTERN, (tenant, pattern, source))
        return PatternState(*self._transaction.row(_PATTERN, (tenant, pattern, source)))

    def blocks(self, reward: int) -> list[CodeBlock]:
        """See `CampaignRecords`."""
        return [CodeBlock(*row) for row in self._transaction.rows(_BLOCKS, (reward,))]

    def take_block(self, pattern: int, reward: int, count: int) -> CodeBlock:
        """See `CampaignRecords`."""
        wanted = {"pattern": pattern, "count": count}
        place, tenant = self._transaction.row(_TAKE, wanted)
        block = CodeBlock(self._transaction.number(_NEXT_SERIAL, (reward,)), place, count)
        row = (pattern, tenant, block.place, block.count, reward, block.serial)
        self._transaction.execute(_ADD_BLOCK, row)
        return block

    def audit(self, entry: AuditEntry) -> None:
        """See `CampaignRecords`."""
        audit.add_entry(self._transaction, entry)

    def tell(self, kind: FactKind, campaign: Campaign, at_ms: int) -> None:
        """See `CampaignRecords`."""
        self._transaction.tell(kind, at_ms, campaign)

    def _first(self, query: LiteralString, *arguments: int | str) -> Campaign | None:
        return next(iter(_all(self._transaction, query, arguments)), None)

    def _keep_parts(self, number: int, campaign: Campaign) -> Campaign:
        definition = msgspec.json.encode(campaign.definition).decode()
        version = (number, campaign.version, campaign.tenant, definition)
        self._transaction.execute(_ADD_VERSION, version)
        for index, reward in enumerate(campaign.rewards):
            if reward.number:
                self._save_quotas(index, reward)
            else:
                quotas = (reward.definition.quota_total, reward.definition.quota_daily)
                new = (number, campaign.tenant, reward.definition.key, *quotas)
                self._transaction.execute(_ADD_REWARD, new)
        self._transaction.touch_campaign(number)
        kept = load_campaign(self._transaction, number)
        assert kept is not None
        return kept

    def _save_quotas(self, index: int, reward: Reward) -> None:
        """The write itself holds the quota against the stock, whatever was read before."""
        quota_total = reward.definition.quota_total
        quotas = {"quota_total": quota_total, "quota_daily": reward.definition.quota_daily}
        done = self._transaction.execute(_SAVE_REWARD, {"number": reward.number, **quotas})
        saved = done.rowcount == 1
        if not saved:
            counters = Counters(*self._transaction.row(_COUNTERS, (reward.number,)))
            check_quota(f"/rewards/{index}/quota_total", counters, quota_total)
        assert saved, "the write must hold wherever the rule does"

    def _remove_reward(self, number: int) -> None:
        done = self._transaction.execute(_REMOVE_REWARD, (number,))
        assert done.rowcount == 1, "a reward that was issued stays for ever"
        self._transaction.execute(_REMOVE_BLOCKS, (number,))


def _all(
    transaction: Transaction, query: LiteralString, arguments: Bindings = ()
) -> list[Campaign]:
    """The campaigns of a query, their rewards read at once for all of them."""
    found = [CampaignRow(*row) for row in transaction.rows(query, arguments)]
    if not found:
        return []
    numbers = list({row.number for row in found})
    known: dict[int, dict[str, list[int]]] = {number: {} for number in numbers}
    for campaign, key, *numbered in transaction.rows(_REWARDS, (numbers,)):
        known[campaign][key] = numbered
    return [campaign_of(row, known[row.number]) for row in found]
