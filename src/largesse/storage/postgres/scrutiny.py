"""What only the whole ledger can show: code blocks, random codes, and who holds too much."""

from largesse.issuance.model import Violation
from largesse.storage.postgres.transaction import Transaction

FOUND_MAX = 100
"""Rows of one kind that are told: as many as show plainly that something is wrong."""

_OVERLAPS = """
WITH block AS (
  SELECT pattern, reward, place, count FROM code_block
  UNION ALL SELECT pattern, reward, place, count FROM code_pool WHERE place IS NOT NULL)
SELECT reward, place FROM (
  SELECT reward, place, lag(place + count) OVER (PARTITION BY pattern ORDER BY place) AS free
  FROM block) b WHERE place < free
UNION ALL
SELECT b.reward, b.place FROM block b JOIN code_pattern p ON p.id = b.pattern
WHERE b.place + b.count > p.taken LIMIT %s"""
_UNCODED = """
SELECT r.number, r.serials, count(*) FROM code c JOIN reward r ON r.number = c.reward
WHERE c.pool IS NULL GROUP BY r.number HAVING count(*) <> r.serials LIMIT %s"""
_UNPOOLED = """
SELECT p.reward, p.number, p.count, count(c.serial)
FROM code_pool p LEFT JOIN code c ON c.pool = p.number
WHERE p.place IS NULL AND p.status = 'READY' GROUP BY p.number HAVING count(c.serial) <> p.count
LIMIT %s"""
_RESERVED = """
SELECT r.number, r.reserved, coalesce(sum(p.count), 0)::bigint
FROM reward r LEFT JOIN code_pool p ON p.reward = r.number AND p.status <> 'DELETED'
GROUP BY r.number HAVING coalesce(sum(p.count), 0) <> r.reserved LIMIT %s"""

# Caps may have been higher in an earlier version; whoever used that holds what he was given.
_EXCESS = """
WITH cap AS (
  SELECT c.number AS campaign, c.part, max(v.cap) AS cap,
    bool_or(v.version = c.version AND v.cap IS NOT NULL) AS capped
  FROM campaign c JOIN (
    SELECT campaign, version, (definition::json ->> 'per_customer_max')::bigint AS cap
    FROM campaign_version) v ON v.campaign = c.number
  GROUP BY c.number)
SELECT cap.campaign, j.customer, count(*), cap.cap
FROM cap JOIN journal j ON j.part = cap.part AND j.campaign = cap.campaign AND j.kind = 1
WHERE cap.capped AND NOT EXISTS (SELECT FROM journal g
  WHERE g.part = j.part AND g.reward = j.reward AND g.serial = j.serial AND g.kind = 5)
GROUP BY cap.campaign, j.customer, cap.cap HAVING count(*) > cap.cap LIMIT %s"""
_EXCESS_OF_REWARD = """
WITH cap AS (
  SELECT r.number AS reward, c.part, max((one.value ->> 'per_customer_max')::bigint) AS cap,
    bool_or(v.version = c.version AND one.value ->> 'per_customer_max' IS NOT NULL) AS capped
  FROM campaign c JOIN campaign_version v ON v.campaign = c.number
  CROSS JOIN LATERAL json_array_elements(v.definition::json -> 'rewards') one
  JOIN reward r ON r.campaign = c.number AND r.key = one.value ->> 'key'
  GROUP BY r.number, c.part)
SELECT cap.reward, j.customer, count(*), cap.cap
FROM cap JOIN journal j ON j.part = cap.part AND j.reward = cap.reward AND j.kind = 1
WHERE cap.capped AND NOT EXISTS (SELECT FROM journal g
  WHERE g.part = j.part AND g.reward = j.reward AND g.serial = j.serial AND g.kind = 5)
GROUP BY cap.reward, j.customer, cap.cap HAVING count(*) > cap.cap LIMIT %s"""
_KEYS_TWICE = """
SELECT campaign, customer, key, count(*) FROM journal WHERE kind = 1 AND nth IS NOT NULL
GROUP BY campaign, customer, key HAVING count(*) > 1 LIMIT %s"""


def scrutinise(transaction: Transaction) -> list[Violation]:
    """Places given twice or never taken, units and pools without codes, holders of too much."""
    limit = (FOUND_MAX,)
    wrong = [
        Violation("blocks", reward, f"place {place} is given twice")
        for reward, place in transaction.rows(_OVERLAPS, limit)
    ]
    wrong += [
        Violation("codes", reward, f"{serials} serials have {codes} codes")
        for reward, serials, codes in transaction.rows(_UNCODED, limit)
    ]
    wrong += [
        Violation("pools", reward, f"pool {pool} of {count} has {codes} codes")
        for reward, pool, count, codes in transaction.rows(_UNPOOLED, limit)
    ]
    wrong += [
        Violation("reserved", reward, f"the counter says {counted}, the pools say {pooled}")
        for reward, counted, pooled in transaction.rows(_RESERVED, limit)
    ]
    wrong += [
        Violation("holders", 0, f"{customer!r} has {count} of campaign {campaign}, {cap} at most")
        for campaign, customer, count, cap in transaction.rows(_EXCESS, limit)
    ]
    wrong += [
        Violation("holders", reward, f"{customer!r} has {count}, {cap} at most")
        for reward, customer, count, cap in transaction.rows(_EXCESS_OF_REWARD, limit)
    ]
    wrong += [
        Violation("keys", 0, f"{customer!r} has {count} by the key {key!r} in campaign {campaign}")
        for campaign, customer, key, count in transaction.rows(_KEYS_TWICE, limit)
    ]
    return wrong
