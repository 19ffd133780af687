"""Things as a server shows them, made without one."""

from collections.abc import Sequence

from largesse.client.model import Campaign, Incentive, Reward, Stock

OPENS = "2026-12-01T00:00:00.000Z"


def campaign(number: int, rewards: Sequence[Reward] = ()) -> Campaign:
    """A campaign that is open."""
    return Campaign(
        id=f"camp_{number}",
        number=number,
        name="Load test",
        type="CLAIM",
        status="ACTIVE",
        phase="OPEN",
        version=1,
        starts_at=OPENS,
        ends_at=None,
        time_zone="UTC",
        per_customer_max=1,
        on_repeat="REFUSE",
        revoke_keeps_cap=False,
        metadata={},
        customers="ANY",
        requires=[],
        draws_per=None,
        on_exhausted=None,
        fallback_reward=None,
        beacon=None,
        created_at=OPENS,
        rewards=list(rewards),
    )


def reward(stock: Stock) -> Reward:
    """A reward with a stock."""
    return Reward(
        key="LOAD",
        kind="COUPON",
        value={},
        quota_total=stock.total,
        quota_daily=None,
        per_customer_max=None,
        code=None,
        uses_max=1,
        expires_at=None,
        expires_after_s=None,
        weight_ppm=None,
        metadata={},
        stock=stock,
    )


def incentive(number: int) -> Incentive:
    """What the customer `run-N` was given for claim N of campaign 1."""
    return Incentive(
        id=f"inc_{number}",
        campaign_id="camp_1",
        reward="LOAD",
        customer_id=f"run-{number}",
        code=f"CODE-{number}",
        serial=number + 1,
        status="ISSUED",
        value={},
        issued_at=OPENS,
        expires_at=None,
    )
