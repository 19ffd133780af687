"""What the rest of the world hears of incentives and stock."""

import hashlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from largesse.campaigns.facts import CampaignChanged, CampaignId, ToldMoment, changed
from largesse.campaigns.model import Campaign
from largesse.issuance import decide
from largesse.issuance.model import Incentive, IncentiveStatus, Told
from largesse.kernel import ids
from largesse.kernel.calendar import rfc3339, rfc3339_or_none
from largesse.kernel.fact import Fact, FactKind

PREFIX = "fact"
_ID_BYTES = 16


class ToldIncentive(Struct, frozen=True, kw_only=True):
    """An incentive."""

    id: Annotated[str, Meta(description="`inc_…`")]
    campaign_id: CampaignId
    reward: Annotated[str, Meta(description="The key of the reward.")]
    customer_id: Annotated[str, Meta(description="As the tenant named the customer.")]
    code: Annotated[str | None, Meta(description="Null where the reward has no code.")]
    serial: Annotated[int, Meta(description="Its number within its reward, from 1 on.")]
    status: Annotated[str, Meta(description="`ISSUED`, `REDEEMED`, `EXPIRED` or `REVOKED`.")]
    value: Annotated[dict[str, Any], Meta(description="What it is worth.")]
    issued_at: ToldMoment
    expires_at: Annotated[ToldMoment | None, Meta(description="Null where it never does.")]


class IncentiveTold(Struct, frozen=True, kw_only=True):
    """Something happened to an incentive."""

    sequence: Annotated[
        int,
        Meta(description="The place of this fact among those about the incentive, from 1 on."),
    ]
    incentive: Annotated[
        ToldIncentive, Meta(description="As it stood after what the fact is about.")
    ]


class StockExhausted(Struct, frozen=True, kw_only=True):
    """The last unit of a reward was issued, or set aside in a code pool.

    A revoke may bring one back, and this fact again.
    """

    campaign_id: CampaignId
    reward: Annotated[str, Meta(description="The key of the reward.")]
    last_serial: Annotated[
        int | None, Meta(description="The serial of that unit; null where a code pool took it.")
    ]


class DrawMade(Struct, frozen=True, kw_only=True):
    """A customer has drawn. What he won is told as an incentive that was issued, too."""

    campaign_id: CampaignId
    number: Annotated[int, Meta(description="The draw's number in its campaign, without gaps.")]
    customer_id: Annotated[str, Meta(description="As the tenant named the customer.")]
    reward: Annotated[str | None, Meta(description="The key of what was won; null for no win.")]
    serial: Annotated[int | None, Meta(description="The serial of what was won.")]


Payload = IncentiveTold | StockExhausted | CampaignChanged | DrawMade

PAYLOADS: dict[FactKind, type[Payload]] = {
    FactKind.INCENTIVE_ISSUED: IncentiveTold,
    FactKind.INCENTIVE_REDEEMED: IncentiveTold,
    FactKind.INCENTIVE_EXPIRED: IncentiveTold,
    FactKind.INCENTIVE_REVOKED: IncentiveTold,
    FactKind.STOCK_EXHAUSTED: StockExhausted,
    FactKind.CAMPAIGN_CHANGED: CampaignChanged,
    FactKind.DRAW_MADE: DrawMade,
}
"""What each kind of fact brings. The page docs/reference/facts.md is made from these."""

_STATUSES = {
    FactKind.INCENTIVE_ISSUED: IncentiveStatus.ISSUED,
    FactKind.INCENTIVE_REDEEMED: IncentiveStatus.REDEEMED,
    FactKind.INCENTIVE_EXPIRED: IncentiveStatus.EXPIRED,
    FactKind.INCENTIVE_REVOKED: IncentiveStatus.REVOKED,
}


def fact_id(told: Told) -> str:
    """The id of a fact, the same whenever it is told: a digest of its row.

    It speaks of the row's content and not only of its place, because a ledger that was put back
    from a backup gives its places out again.
    """
    row = (told.campaign_id, int(told.kind), *told.position, told.at_ms, told.reward, told.serial)
    text = "|".join(map(str, ("largesse-fact/1", *row)))
    digest = hashlib.blake2b(text.encode(), digest_size=_ID_BYTES).digest()
    return ids.encode(PREFIX, int.from_bytes(digest, "big"))


def fact(told: Told, campaign: Campaign, incentive: Incentive | None) -> Fact:
    """A row of the journal as it is published.

    `campaign` is the campaign in the row's version, `incentive` what the row's incentive was when
    it was issued, or None where it is about none.
    """
    aggregate_id = told.campaign_id if incentive is None else incentive.id
    return Fact(
        id=fact_id(told),
        aggregatetype="campaign" if incentive is None else "incentive",
        aggregateid=aggregate_id,
        type=told.kind.topic,
        payload=msgspec.to_builtins(_payload(told, campaign, incentive)),
        tenant=told.tenant,
        at_ms=told.at_ms,
    )


def _payload(told: Told, campaign: Campaign, incentive: Incentive | None) -> Payload:
    if incentive is not None:
        shown = _shown(incentive, _STATUSES[told.kind])
        return IncentiveTold(sequence=told.sequence, incentive=shown)
    if told.kind is FactKind.STOCK_EXHAUSTED:
        assert told.reward is not None
        return StockExhausted(
            campaign_id=told.campaign_id,
            reward=decide.definition_of(campaign, told.reward).key,
            last_serial=told.serial,
        )
    if told.kind is FactKind.DRAW_MADE:
        return _draw_made(told, campaign)
    assert told.kind is FactKind.CAMPAIGN_CHANGED
    return changed(campaign, told.status)


def _draw_made(told: Told, campaign: Campaign) -> DrawMade:
    assert told.draw is not None
    assert told.customer is not None
    won = None if told.reward is None else decide.definition_of(campaign, told.reward).key
    return DrawMade(
        campaign_id=told.campaign_id,
        number=told.draw,
        customer_id=told.customer,
        reward=won,
        serial=told.serial,
    )


def _shown(incentive: Incentive, status: IncentiveStatus) -> ToldIncentive:
    return ToldIncentive(
        id=incentive.id,
        campaign_id=incentive.campaign_id,
        reward=incentive.reward,
        customer_id=incentive.customer_id,
        code=incentive.code,
        serial=incentive.serial,
        status=status,
        value=incentive.value,
        issued_at=rfc3339(incentive.issued_at_ms),
        expires_at=rfc3339_or_none(incentive.expires_at_ms),
    )
