"""The rules of notifications: plain functions of their arguments."""

from largesse.campaigns.model import Campaign
from largesse.issuance.facts import fact_id
from largesse.issuance.model import Incentive, Told
from largesse.kernel.calendar import rfc3339, rfc3339_or_none
from largesse.notifications.model import Notice
from largesse.tenants.model import Tenant

REST_S_MAX = 60.0
"""A channel that is down is tried again at least so often."""


def worth_telling(row: Told, now_ms: int, late_s_max: int) -> bool:
    """Whether a draw's customer is told at a moment: he has won, and not too long ago."""
    return row.serial is not None and now_ms - row.at_ms <= 1000 * late_s_max


def rest_s(failures: int) -> float:
    """How long a channel is left alone that has failed so often in a row: 1, 2, 4 … seconds."""
    return min(2.0 ** (failures - 1), REST_S_MAX)


def notice_of(
    row: Told, tenant: Tenant, campaign: Campaign, incentive: Incentive, phone: str | None
) -> Notice:
    """What the winner of a draw is told."""
    assert row.draw is not None
    return Notice(
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
