"""Who may ask a hot route for something, and of which campaign."""

from collections.abc import Callable, Mapping
from functools import partial

from largesse.campaigns.model import Campaign
from largesse.campaigns.service import Campaigns
from largesse.http.auth import Callers, authenticate, authorize
from largesse.http.errors import UnauthenticatedError
from largesse.issuance.offers import Offers
from largesse.kernel.errors import NotFoundError
from largesse.tenants.model import Principal, Scope
from largesse.tenants.service import Tenants

Admitted = tuple[Campaign, str | None]
"""What is asked of, and the customer who asks by a token of his own; None for a caller by a key."""

Offered = Callable[[], Campaign | None]
"""Finds the campaign that a route is about, as it is now."""

_SCOPES = (Scope.ISSUE,)


class Admission:
    """Lets callers in who may give something to customers, to campaigns of their own.

    Customers with a token are let in, too, each for himself.
    """

    def __init__(self, tenants: Tenants, campaigns: Campaigns, offers: Offers) -> None:
        self._tenants = tenants
        self._callers = Callers(tenants, _check)
        self._campaigns = campaigns
        self.offers = offers

    def admit(self, offered: Offered, headers: Mapping[bytes, bytes]) -> Admitted:
        """The campaign, for a caller who may give of it, or for a customer of its tenant."""
        principal = self._callers.admit(headers)
        campaign = offered()
        if campaign is None or campaign.tenant != principal.tenant.number:
            raise NotFoundError("there is no such campaign here")
        return campaign, principal.customer

    async def find(self, campaign_id: str, headers: Mapping[bytes, bytes]) -> Offered:
        """Where a campaign is found; drafts, which nobody is offered, are looked up."""
        offered = partial(self.offers.campaign, campaign_id)
        return await self._draft(headers, campaign_id) if offered() is None else offered

    async def _draft(self, headers: Mapping[bytes, bytes], campaign_id: str) -> Offered:
        try:
            tenant = authenticate(self._tenants, headers).tenant
            saved = await self._campaigns.campaign(tenant.number, campaign_id)
        except (UnauthenticatedError, NotFoundError):
            return lambda: None  # what is wrong will be said in its turn
        return lambda: saved.campaign


def _check(principal: Principal) -> None:
    if principal.customer is None:
        authorize(principal, _SCOPES)
