"""`couponpb.CouponService`: the older service, for clients of it that cannot be changed.

They send no key and know two refusals, each an unknown error with a text that they compare. All
that they do is done for one tenant, named by the operator.
"""

from msgspec.structs import replace

from largesse.campaigns.model import Saved
from largesse.http.errors import OUTCOMES, problem_of_outcome
from largesse.http.rpc.coupons import Coupons, NewSale, Wanted
from largesse.http.rpc.described import TRACE
from largesse.http.rpc.generated.couponpb import coupons_pb as pb
from largesse.http.rpc.guard import Context, RefusedError
from largesse.http.rpc.refusals import Refusal, of_outcome
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
            _, answer = await self._coupons.issue(self._tenant.number, Wanted(said.campaign_id))
        except NotFoundError as error:
            raise RefusedError(_unknown("failed to get campaign start time", error)) from error
        if not answer.outcome.success:
            problem = problem_of_outcome(answer.outcome, TRACE.get().request_id)
            refusal = of_outcome(answer.outcome, problem)
            raise RefusedError(replace(refusal, message=OUTCOMES[answer.outcome].older))
        assert answer.incentive is not None
        return pb.IssueCouponResponse(coupon_code=answer.incentive.code or "")

    def _command(self, operation: str) -> Command:
        command = self._tenants.command_by(ACTOR, self._tenant.number, operation)
        return replace(command, request_id=TRACE.get().request_id)


def _unknown(what: str, error: NotFoundError) -> Refusal:
    return Refusal("unknown", f"{what}: {error}")


def _show(saved: Saved) -> pb.Campaign:
    campaign = saved.campaign
    quotas = [reward.definition.quota_total for reward in campaign.rewards]
    return pb.Campaign(
        id=campaign.number,
        name=campaign.definition.name,
        start_time=timestamp_of(campaign.definition.starts_at_ms),
        total_coupons=0 if None in quotas else sum(quota or 0 for quota in quotas),
    )
