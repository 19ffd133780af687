"""The rules of notifications: plain functions of their arguments."""

from largesse.campaigns.model import Campaign, CampaignType
from largesse.issuance.facts import fact_id
from largesse.issuance.model import Incentive, Told
from largesse.kernel.calendar import rfc3339, rfc3339_or_none
from largesse.kernel.fact import FactKind
from largesse.notifications.model import DRAW_WON, RAFFLE_WON, Lateness, Notice
from largesse.tenants.model import Tenant

REST_S_MAX = 60.0
"""A channel that is down is tried again at least so often."""


def worth_telling(row: Told, campaign: Campaign, now_ms: int, lateness: Lateness) -> bool:
    """Whether a fact is told at a moment: somebody has won by it, and not too long ago.

    A draw's winner is told of the draw, a raffle's of what he was given once winners were picked.
    Such a gift is as old as the raffle's end.
    """
    if row.kind is FactKind.DRAW_MADE:
        return row.serial is not None and now_ms - row.at_ms <= 1000 * lateness.draw_s_max
    is_raffle = campaign.definition.type is CampaignType.RAFFLE
    return is_raffle and now_ms - row.at_ms <= 1000 * lateness.raffle_s_max


def tells_of_raffle(campaign: Campaign, now_ms: int, lateness: Lateness) -> bool:
    """Whether a campaign is a raffle whose winners may still have to be told."""
    ends_at_ms = campaign.definition.ends_at_ms
    if campaign.definition.type is not CampaignType.RAFFLE or ends_at_ms is None:
        return False
    return now_ms - ends_at_ms <= 1000 * lateness.raffle_s_max


def rest_s(failures: int) -> float:
    """How long a channel is left alone that has failed so often in a row: 1, 2, 4 … seconds."""
    return min(2.0 ** (failures - 1), REST_S_MAX)


def notice_of(
    row: Told, tenant: Tenant, campaign: Campaign, incentive: Incentive, phone: str | None
) -> Notice:
    """What a winner is told."""
    return Notice(
        type=DRAW_WON if row.kind is FactKind.DRAW_MADE else RAFFLE_WON,
        id=fact_id(row),
        tenant_id=tenant.id,
        test_mode=tenant.test_mode,
        customer_id=incentive.customer_id,
        phone=phone,
        campaign_id=campaign.id,
        campaign_name=campaign.definition.name,
        draw_number=row.draw,
        incentive_id=incentive.id,
        reward=incentive.reward,
        value=incentive.value,
        code=incentive.code,
        won_at=rfc3339(row.at_ms),
        expires_at=rfc3339_or_none(incentive.expires_at_ms),
    )
