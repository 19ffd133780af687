"""The sweep for incentives that have expired."""

from collections.abc import Mapping
from typing import NamedTuple

from largesse.kernel.fact import FactKind
from largesse.storage.postgres.ledger import end
from largesse.storage.postgres.rows import Span, read_span
from largesse.storage.postgres.transaction import Transaction

FACTS_MAX = 256
"""Facts of one transaction: claims that wait behind it hardly notice."""

_TENANTS = "SELECT DISTINCT tenant FROM expiry"
# What another process sweeps now is left to it.
_DUE = """
SELECT reward, version, serial, due_ms, after_ms FROM expiry WHERE tenant = %s AND due_ms <= %s
ORDER BY reward, version FOR UPDATE SKIP LOCKED"""
_MOVE = "UPDATE expiry SET serial = %s, due_ms = %s WHERE reward = %s AND version = %s"
_END = "DELETE FROM expiry WHERE reward = %s AND version = %s"


class Cursor(NamedTuple):
    """Where the sweep stands in the incentives of one reward and version; at its end serial 0."""

    reward: int
    version: int
    serial: int
    due_ms: int
    after_ms: int | None


class Swept(NamedTuple):
    """What a sweep did: facts told, and cursors moved."""

    told: int = 0
    moved: int = 0


def read_tenants(transaction: Transaction) -> list[int]:
    """The tenants that have something which can expire."""
    return [tenant for (tenant,) in transaction.rows(_TENANTS)]


def sweep(transaction: Transaction, moments_ms: Mapping[int, int]) -> Swept:
    """Write the facts of what has expired by each tenant's moment, at most `FACTS_MAX`.

    Within a reward and version incentives expire in the order of their serials, because they were
    issued in it. What was revoked or used is passed over: the reward is held, so that neither
    happens meanwhile.
    """
    told = moved = 0
    for tenant in sorted(moments_ms):
        transaction.stand_before(tenant)
        for due in transaction.rows(_DUE, (tenant, moments_ms[tenant])):
            if told == FACTS_MAX:
                return Swept(told, moved)
            cursor = Cursor(*due)
            after, count = _sweep_on(transaction, cursor, moments_ms[tenant], FACTS_MAX - told)
            told += count
            if after != cursor:
                _move(transaction, after)
                moved += 1
    return Swept(told, moved)


def _sweep_on(
    transaction: Transaction, cursor: Cursor, now_ms: int, limit: int
) -> tuple[Cursor, int]:
    """Tell what expired of one cursor; where it stands afterwards, and how many facts it were."""
    transaction.hold_reward(cursor.reward)
    entries = read_span(transaction, Span(cursor.reward, cursor.serial, limit))
    told, serial = 0, cursor.serial
    for issued, *ended_at_ms in entries:
        if issued.version != cursor.version:
            return cursor._replace(serial=0), told  # later serials have later versions only
        due_ms = cursor.due_ms if cursor.after_ms is None else issued.at_ms + cursor.after_ms
        if due_ms > now_ms:
            return cursor._replace(serial=issued.serial, due_ms=due_ms), told
        if not any(ended_at_ms):
            end(transaction, FactKind.INCENTIVE_EXPIRED, now_ms, issued)
            told += 1
        serial = issued.serial + 1
    if len(entries) < limit and cursor.after_ms is not None:
        # All of them were looked at, and what is issued from now on has its time before it.
        return cursor._replace(serial=serial, due_ms=now_ms + cursor.after_ms), told
    return cursor._replace(serial=serial), told


def _move(transaction: Transaction, after: Cursor) -> None:
    if after.serial:
        transaction.execute(_MOVE, (after.serial, after.due_ms, after.reward, after.version))
    else:
        transaction.execute(_END, (after.reward, after.version))
