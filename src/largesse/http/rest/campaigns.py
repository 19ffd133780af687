"""Campaigns over HTTP."""

import re
from functools import partial
from http import HTTPStatus

from msgspec import UNSET

from largesse.campaigns.decide import Verb
from largesse.campaigns.model import CampaignFilter, Saved
from largesse.http.errors import PreconditionRequiredError
from largesse.http.listing import walk_of
from largesse.http.operation import (
    AnyOperation,
    Call,
    KeyUse,
    Operation,
    Reply,
    Shown,
    ok,
    replayed_if,
)
from largesse.http.parsing import Nothing
from largesse.http.shapes.campaigns import (
    CampaignAccepted,
    CampaignInput,
    CampaignList,
    CampaignsQuery,
    CampaignView,
    NewCampaignInput,
    definition,
    show,
)
from largesse.http.shapes.lists import DryRunQuery
from largesse.kernel.command import Done
from largesse.kernel.errors import EditConflictError, NotFoundError
from largesse.tenants.model import Scope

_ETAG = re.compile(rb'"([1-9][0-9]{0,17})"')
_VERSION = re.compile(r"[1-9][0-9]{0,17}")

_EXAMPLE = {
    "name": "Launch",
    "starts_at": "2026-12-01T00:00:00.000Z",
    "per_customer_max": 1,
    "rewards": [
        {
            "key": "STANDARD",
            "kind": "COUPON",
            "value": {"amount": 500, "currency": "KRW"},
            "quota_total": 20_000,
            "code": {"pattern": "가가9999가가99"},
        }
    ],
}


async def create_campaign(call: Call[DryRunQuery, NewCampaignInput]) -> Reply:
    """Make a draft, or an active campaign."""
    dry_run = call.query.dry_run
    done = await call.services.campaigns.create(
        call.command(dry_run=dry_run),
        definition(call.body, call.principal.tenant.time_zone),
        activate=call.body.activate,
    )
    if dry_run:
        return ok(CampaignAccepted(accepted=True, warnings=done.answer.warnings))
    return _saved(HTTPStatus.CREATED, done)


async def list_campaigns(call: Call[CampaignsQuery, Nothing]) -> Reply:
    """List the tenant's campaigns, the newest first."""
    query = call.query
    which = CampaignFilter(
        now_ms=call.services.clocks.now_ms(call.tenant),
        status=None if query.status is UNSET else query.status,
        type=None if query.type is UNSET else query.type,
        name_contains=None if query.name is UNSET else query.name,
    )
    walk = walk_of(call, f"campaigns|{which.status}|{which.type}|{which.name_contains}")
    campaigns = call.services.campaigns
    found = await campaigns.campaigns(call.tenant, which, walk.number, walk.wanted)
    shown, onward = walk.cut(found, lambda saved: saved.campaign.number)
    return ok(CampaignList([show(saved) for saved in shown], onward))


async def list_campaigns_of_tenant(call: Call[CampaignsQuery, Nothing]) -> Reply:
    """As `list_campaigns`, by a path that names the tenant: it must be the caller's own."""
    if call.path["tenant_id"] != call.principal.tenant.id:
        raise NotFoundError("there is no such tenant here")
    return await list_campaigns(call)


async def read_campaign(call: Call[Nothing, Nothing]) -> Reply:
    """Show a campaign."""
    saved = await call.services.campaigns.campaign(call.tenant, call.path["campaign_id"])
    return ok(show(saved), _etag(saved))


async def read_campaign_version(call: Call[Nothing, Nothing]) -> Reply:
    """Show a campaign as one of its versions was."""
    campaign_id, version = call.path["campaign_id"], call.path["version"]
    if not _VERSION.fullmatch(version):
        raise NotFoundError("versions are numbered 1, 2, 3, …")
    saved = await call.services.campaigns.version(call.tenant, campaign_id, int(version))
    return ok(show(saved))


async def edit_campaign(call: Call[Nothing, CampaignInput]) -> Reply:
    """Replace what may be edited, unless somebody else was faster."""
    edited = definition(call.body, call.principal.tenant.time_zone)
    version = _version_read(call.headers.get(b"if-match"))
    campaign_id = call.path["campaign_id"]
    done = await call.services.campaigns.edit(call.command(), campaign_id, version, edited)
    return _saved(HTTPStatus.OK, done)


async def step_campaign(verb: Verb, call: Call[Nothing, Nothing]) -> Reply:
    """Take a campaign a step along its life cycle."""
    done = await call.services.campaigns.step(call.command(), call.path["campaign_id"], verb)
    return _saved(HTTPStatus.OK, done)


async def delete_campaign(call: Call[Nothing, Nothing]) -> Reply:
    """Remove a draft that never issued anything; end any other campaign."""
    done = await call.services.campaigns.remove(call.command(), call.path["campaign_id"])
    ended = done.answer.ended
    return Reply(HTTPStatus.NO_CONTENT) if ended is None else ok(show(ended), _etag(ended))


def _saved(status: int, done: Done[Saved]) -> Reply:
    headers = [_etag(done.answer), *replayed_if(done.replayed)]
    return Reply(status, show(done.answer), headers)


def _etag(saved: Saved) -> tuple[bytes, bytes]:
    return b"etag", b'"%d"' % saved.campaign.version


def _version_read(if_match: bytes | None) -> int:
    """The version that an edit was made from."""
    if if_match is None:
        raise PreconditionRequiredError
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise EditConflictError('If-Match is no ETag of this campaign: they look like "3"')
    return int(found[1])


_ADMIN = (Scope.ADMIN,)
_READ = (Scope.READ,)
_CAMPAIGN = Shown(HTTPStatus.OK, "The campaign.", CampaignView, headers=("etag",))


def _step(verb: Verb, description: str) -> AnyOperation:
    return Operation(
        name=f"{verb}_campaign",
        method="POST",
        path=f"/api/v1/campaigns/{{campaign_id}}:{verb}",
        tag="Campaigns",
        summary=f"{verb.capitalize()} a campaign",
        description=f"{description} A step that changes nothing is answered 200.",
        handler=partial(step_campaign, verb),
        answers=(_CAMPAIGN,),
        refusals=(HTTPStatus.CONFLICT,),
        scopes=_ADMIN,
        key=KeyUse.OPTIONAL,
    )


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="create_campaign",
        method="POST",
        path="/api/v1/campaigns",
        tag="Campaigns",
        summary="Create a campaign",
        description="Makes a draft, or with `activate` an active campaign, which opens by itself "
        "at `starts_at`. A coupon without `code` gets the pattern `##########**`.",
        handler=create_campaign,
        answers=(
            Shown(HTTPStatus.CREATED, "The campaign.", CampaignView, headers=("etag",)),
            Shown(HTTPStatus.OK, "A dry run: it would be accepted.", CampaignAccepted),
        ),
        scopes=_ADMIN,
        query=DryRunQuery,
        body=NewCampaignInput,
        body_example=_EXAMPLE,
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="list_campaigns",
        method="GET",
        path="/api/v1/campaigns",
        tag="Campaigns",
        summary="List campaigns",
        description="The tenant's campaigns, the newest first.",
        handler=list_campaigns,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", CampaignList),),
        scopes=_READ,
        query=CampaignsQuery,
    ),
    Operation(
        name="list_campaigns_of_tenant",
        method="GET",
        path="/api/v1/tenants/{tenant_id}/campaigns",
        tag="Campaigns",
        summary="List a tenant's campaigns",
        description="The same list; the tenant must be the API key's own.",
        handler=list_campaigns_of_tenant,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", CampaignList),),
        scopes=_READ,
        query=CampaignsQuery,
    ),
    Operation(
        name="read_campaign",
        method="GET",
        path="/api/v1/campaigns/{campaign_id}",
        tag="Campaigns",
        summary="Read a campaign",
        description="The campaign with its stock of this moment. Its ETag is its version.",
        handler=read_campaign,
        answers=(_CAMPAIGN,),
        scopes=_READ,
    ),
    Operation(
        name="edit_campaign",
        method="PUT",
        path="/api/v1/campaigns/{campaign_id}",
        tag="Campaigns",
        summary="Edit a campaign",
        description="Replaces all that its author decides, and makes the next version. After "
        "activation these are fixed: the type, the zone, the rewards with their kinds, codes and "
        "uses, whether there is a cap per customer, and `starts_at` once it has passed.",
        handler=edit_campaign,
        answers=(_CAMPAIGN,),
        refusals=(HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED),
        scopes=_ADMIN,
        body=CampaignInput,
        body_example=_EXAMPLE,
        if_match=True,
    ),
    Operation(
        name="delete_campaign",
        method="DELETE",
        path="/api/v1/campaigns/{campaign_id}",
        tag="Campaigns",
        summary="Delete a campaign",
        description="Removes a draft that never issued anything. Any other campaign ends, and its "
        "winners' retries are still answered.",
        handler=delete_campaign,
        answers=(
            Shown(HTTPStatus.NO_CONTENT, "It is gone."),
            Shown(HTTPStatus.OK, "It has ended.", CampaignView, headers=("etag",)),
        ),
        scopes=_ADMIN,
    ),
    Operation(
        name="read_campaign_version",
        method="GET",
        path="/api/v1/campaigns/{campaign_id}/versions/{version}",
        tag="Campaigns",
        summary="Read a version of a campaign",
        description="The campaign as this version of it was, with its stock of this moment.",
        handler=read_campaign_version,
        answers=(Shown(HTTPStatus.OK, "The campaign in that version.", CampaignView),),
        scopes=_READ,
    ),
    _step(
        Verb.ACTIVATE,
        "A draft or paused campaign gives things out from now on, while its window is open.",
    ),
    _step(Verb.PAUSE, "It gives nothing out until it is activated again."),
    _step(Verb.END, "It gives nothing out any more."),
)
