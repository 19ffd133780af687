"""What the rest of the world hears of campaigns."""

from typing import Annotated

from msgspec import Meta, Struct

from largesse.campaigns.model import Campaign
from largesse.kernel.calendar import rfc3339, rfc3339_or_none

CampaignId = Annotated[str, Meta(description="`camp_…`")]
ToldMoment = Annotated[str, Meta(description="RFC 3339 in UTC with milliseconds.")]


class CampaignChanged(Struct, frozen=True, kw_only=True):
    """A campaign was created, edited or taken a step along its life cycle."""

    campaign_id: CampaignId
    number: Annotated[int, Meta(description="Its number, which RPC speaks.")]
    name: Annotated[str, Meta(description="As its author called it, in this version.")]
    version: Annotated[int, Meta(description="Grows with each edit.")]
    status: Annotated[
        str | None,
        Meta(description="What its status became; null in ledgers made before this was kept."),
    ]
    starts_at: ToldMoment
    ends_at: Annotated[ToldMoment | None, Meta(description="Null where it has no end.")]


def changed(campaign: Campaign, status: str | None) -> CampaignChanged:
    """The fact that a campaign, in the version given, has changed and has this status."""
    definition = campaign.definition
    return CampaignChanged(
        campaign_id=campaign.id,
        number=campaign.number,
        name=definition.name,
        version=campaign.version,
        status=status,
        starts_at=rfc3339(definition.starts_at_ms),
        ends_at=rfc3339_or_none(definition.ends_at_ms),
    )
