"""The columns of campaigns, which stand in three tables."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from largesse.campaigns.model import (
    Campaign,
    CampaignDefinition,
    Counters,
    Reward,
    RewardDefinition,
    Status,
)


class CampaignRow(NamedTuple):
    """A campaign in one of its versions, whose definition is JSON; without its rewards."""

    number: int
    id: str
    tenant: int
    status: str
    version: int
    created_at_ms: int
    definition: str


def campaign_of(row: CampaignRow, known: Mapping[str, Sequence[int]]) -> Campaign:
    """Puts a campaign together. `known` has each reward's number and counters, by its key.

    A reward that an edit of the draft took away is not known; it has number 0.
    """
    definition = msgspec.json.decode(row.definition, type=CampaignDefinition)
    return Campaign(
        number=row.number,
        id=row.id,
        tenant=row.tenant,
        status=Status(row.status),
        version=row.version,
        definition=definition,
        rewards=tuple(_reward(reward, known.get(reward.key)) for reward in definition.rewards),
        created_at_ms=row.created_at_ms,
    )


def columns_of(campaign: Campaign) -> dict[str, Any]:
    """A campaign's own columns, with copies of what lists are narrowed by."""
    definition = campaign.definition
    return {
        "number": campaign.number,
        "id": campaign.id,
        "tenant": campaign.tenant,
        "status": campaign.status,
        "version": campaign.version,
        "created_at_ms": campaign.created_at_ms,
        "type": definition.type,
        "name": definition.name.casefold(),
        "ends_at_ms": definition.ends_at_ms,
    }


def _reward(definition: RewardDefinition, known: Sequence[int] | None) -> Reward:
    if known is None:
        return Reward(0, definition)
    number, *counters = known
    return Reward(number, definition, Counters(*counters))
