"""The columns of code pools."""

from typing import Any

import msgspec

from largesse.campaigns.model import CodeFormat
from largesse.pools.model import Pool, PoolStatus

_NAMES = (
    *("number", "id", "tenant", "campaign", "campaign_id", "reward", "reward_key", "name"),
    *("status", "count", "format", "pattern", "place"),
    *("created_at_ms", "exports", "exported_at_ms"),
)


def pool_of(row: tuple[Any, ...]) -> Pool:
    """A pool by its columns, in the order of its fields."""
    fields = dict(zip(_NAMES, row, strict=True))
    fields["status"] = PoolStatus(fields["status"])
    fields["format"] = msgspec.json.decode(fields["format"], type=CodeFormat)
    return Pool(**fields)
