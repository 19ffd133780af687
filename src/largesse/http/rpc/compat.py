"""`couponpb.CouponService`: the older service, for clients of it that cannot be changed.

They send no key and know two refusals, each an unknown error with a text that they compare. All
that they do is done for one tenant, named by the operator.
"""

from largesse.campaigns.model import Saved
from largesse.http.rpc.coupons import Coupons, NewSale, Wanted, total_of
from largesse.http.rpc.described import TRACE
from largesse.http.rpc.generated.couponpb import coupons_pb as pb
from largesse.http.rpc.guard import Context, RefusedError, traced
from largesse.http.rpc.manners import older_refusal
from largesse.http.rpc.refusals import Refusal
from largesse.http.rpc.timestamps import ms_of, timestamp_of
from largesse.kernel.command import Command
from largesse.kernel.errors import NotFoundError
from largesse.tenants.model import Tenant
from largesse.tenants.service import Tenants

ACTOR = "compat"
"""Who these clients are in the audit: they have no key by which to tell them apart."""


class OlderCouponService:
    """The methods, named as in the description of the service."""

    def __init__(self, coupons: Coupons, tenants: Tenants, tenant: Tenant) -> None:
        self._coupons = coupons
        self._tenants = tenants
        self._tenant = tenant

    async def create_campaign(
        self, said: pb.CreateCampaignRequest, context: Context
    ) -> pb.CreateCampaignResponse:
        """Make a campaign that opens by itself."""
        wanted = NewSale(said.name, ms_of(said.start_time), said.total_coupons)
        campaign = await self._coupons.create(self._command("rpc_create_campaign"), wanted)
        return pb.CreateCampaignResponse(campaign_id=campaign.number)

    async def get_campaign(
        self, said: pb.GetCampaignRequest, context: Context
    ) -> pb.GetCampaignResponse:
        """Show a campaign with all its codes in one answer, as these clients expect it."""
        try:
            saved = await self._coupons.campaign(self._tenant.number, said.campaign_id)
        except NotFoundError as error:
            raise RefusedError(_unknown("campaign not found", error)) from error
        codes = await self._coupons.all_codes(saved.campaign)
        return pb.GetCampaignResponse(campaign=_show(saved), coupon_codes=codes)

    async def issue_coupon(
        self, said: pb.IssueCouponRequest, context: Context
    ) -> pb.IssueCouponResponse:
        """Give one coupon to somebody new."""
        try:
            wanted = Wanted(said.campaign_id)
            campaign, answer = await self._coupons.issue(self._tenant.number, wanted)
        except NotFoundError as error:
            raise RefusedError(_unknown("failed to get campaign start time", error)) from error
        if not answer.outcome.success:
            raise RefusedError(older_refusal(answer, campaign, TRACE.get().request_id))
        assert answer.incentive is not None
        return pb.IssueCouponResponse(coupon_code=answer.incentive.code or "")

    def _command(self, operation: str) -> Command:
        return traced(self._tenants.command_by(ACTOR, self._tenant.number, operation))


def _unknown(what: str, error: NotFoundError) -> Refusal:
    return Refusal("unknown", f"{what}: {error}")


def _show(saved: Saved) -> pb.Campaign:
    campaign = saved.campaign
    return pb.Campaign(
        id=campaign.number,
        name=campaign.definition.name,
        start_time=timestamp_of(campaign.definition.starts_at_ms),
        total_coupons=total_of(campaign),
    )
