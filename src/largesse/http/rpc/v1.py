"""`largesse.v1.CouponService`: its messages, and who may send them."""

from largesse.campaigns import decide
from largesse.campaigns.model import Saved
from largesse.http.rpc.coupons import (
    PAGE_DEFAULT,
    PAGE_MAX,
    Coupons,
    NewSale,
    Wanted,
    total_of,
)
from largesse.http.rpc.described import TRACE
from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb
from largesse.http.rpc.guard import Context, RefusedError, admit, traced
from largesse.http.rpc.manners import refusal_of_today
from largesse.http.rpc.timestamps import ms_of, timestamp_of
from largesse.kernel.command import Command
from largesse.kernel.errors import InvalidInputError
from largesse.tenants.model import Principal, Scope
from largesse.tenants.service import Tenants


class CouponService:
    """The methods, named as in the description of the service."""

    def __init__(self, coupons: Coupons, tenants: Tenants) -> None:
        self._coupons = coupons
        self._tenants = tenants

    async def create_campaign(
        self, said: pb.CreateCampaignRequest, context: Context
    ) -> pb.CreateCampaignResponse:
        """See the description of the service."""
        command = self._command(self._admit(context, Scope.ADMIN), "rpc_create_campaign")
        wanted = NewSale(
            said.name, ms_of(said.start_time), said.total_coupons, said.idempotency_key
        )
        campaign = await self._coupons.create(command, wanted)
        return pb.CreateCampaignResponse(campaign_id=campaign.number)

    async def get_campaign(
        self, said: pb.GetCampaignRequest, context: Context
    ) -> pb.GetCampaignResponse:
        """See the description of the service."""
        principal = self._admit(context, Scope.READ)
        if not 0 <= said.page_size <= PAGE_MAX:
            raise InvalidInputError(f"page_size is from 0 to {PAGE_MAX}", "/page_size")
        saved = await self._coupons.campaign(principal.tenant.number, said.campaign_id)
        if said.view == pb.CampaignView.BASIC:
            return pb.GetCampaignResponse(campaign=_show(saved))
        count = said.page_size or PAGE_DEFAULT
        page = await self._coupons.codes(saved.campaign, said.page_token, count)
        return pb.GetCampaignResponse(
            campaign=_show(saved), coupon_codes=page.codes, next_page_token=page.onward
        )

    async def issue_coupon(
        self, said: pb.IssueCouponRequest, context: Context
    ) -> pb.IssueCouponResponse:
        """See the description of the service."""
        principal = self._admit(context, Scope.ISSUE)
        wanted = Wanted(said.campaign_id, said.customer_id, said.idempotency_key, said.reward)
        campaign, answer = await self._coupons.issue(principal.tenant.number, wanted)
        if not answer.outcome.success:
            raise RefusedError(refusal_of_today(answer, campaign, TRACE.get().request_id))
        assert answer.incentive is not None
        return pb.IssueCouponResponse(
            coupon_code=answer.incentive.code or "",
            incentive_id=answer.incentive.id,
            replayed=answer.replayed,
        )

    async def delete_campaign(
        self, said: pb.DeleteCampaignRequest, context: Context
    ) -> pb.DeleteCampaignResponse:
        """See the description of the service."""
        command = self._command(self._admit(context, Scope.ADMIN), "rpc_delete_campaign")
        await self._coupons.delete(command, said.campaign_id)
        return pb.DeleteCampaignResponse()

    def _admit(self, context: Context, scope: Scope) -> Principal:
        return admit(self._tenants, context, scope)

    def _command(self, principal: Principal, operation: str) -> Command:
        return traced(self._tenants.command_of(principal, operation))


def _show(saved: Saved) -> pb.Campaign:
    campaign = saved.campaign
    return pb.Campaign(
        id=campaign.number,
        name=campaign.definition.name,
        start_time=timestamp_of(campaign.definition.starts_at_ms),
        total_coupons=total_of(campaign),
        issued_coupons=sum(reward.counters.issued for reward in campaign.rewards),
        phase=decide.phase(campaign, saved.at_ms),
        rest_id=campaign.id,
    )
