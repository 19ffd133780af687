"""Draws over HTTP."""

from collections.abc import Sequence
from http import HTTPStatus

from largesse.campaigns.model import Campaign
from largesse.draws.model import ShownDraw
from largesse.draws.ports import Before
from largesse.http.auth import customer_of
from largesse.http.listing import walk_of
from largesse.http.operation import (
    AnyOperation,
    Call,
    KeyUse,
    Operation,
    Reply,
    Shown,
    of_desk,
    ok,
)
from largesse.http.parsing import Nothing
from largesse.http.rest.proofs import LINES
from largesse.http.services import Services
from largesse.http.shapes.claims import Accepted
from largesse.http.shapes.draws import (
    DrawBody,
    DrawList,
    DrawnView,
    DrawsQuery,
    ShownDrawView,
    show_shown,
)
from largesse.http.shapes.lists import DryRunQuery
from largesse.kernel.errors import NotFoundError, UnknownCustomerError
from largesse.kernel.outcome import Outcome
from largesse.tenants.model import Scope


async def draw(call: Call[DryRunQuery, bytes]) -> Reply:
    """Settle one wish for a draw, with the same bytes as in the lane."""
    campaign_id, dry_run = call.path["campaign_id"], call.query.dry_run
    desk = call.backing.desks.draws
    return of_desk(await desk.answer(campaign_id, call.headers, call.body, dry_run=dry_run))


async def list_draws(call: Call[DrawsQuery, Nothing]) -> Reply:
    """List a customer's draws in a campaign, and say whether he may draw now."""
    draws = call.services.draws
    saved = await call.services.campaigns.campaign(call.tenant, call.path["campaign_id"])
    campaign = saved.campaign
    customer = customer_of(call.principal.customer, call.query.customer_id, "customer_id")
    walk = walk_of(call, f"draws|{campaign.number}|{customer}")
    outcome = await draws.may_draw(campaign, customer)
    if outcome is Outcome.UNKNOWN_CUSTOMER:
        raise UnknownCustomerError
    before = Before(*map(int, walk.seen)) if walk.seen else None
    shown, last = await draws.draws_of(campaign, customer, before, walk.limit)
    items = [show_shown(one) for one in await _with_given(call.services, campaign, shown)]
    salt = call.services.proofs.salt(campaign, customer)
    onward = walk.onward(last)
    return ok(DrawList(items, onward, may_draw=outcome.success, outcome=outcome, proof_salt=salt))


async def read_draw(call: Call[Nothing, Nothing]) -> Reply:
    """Show a draw."""
    draw_id = call.path["draw_id"]
    shown = await call.services.draws.draw(call.tenant, draw_id)
    if not call.principal.may_see(shown.draw.customer_id):
        raise NotFoundError(f"there is no draw {draw_id!r} here")
    campaign = call.services.issuance.offers.campaign(shown.draw.campaign_id)
    assert campaign is not None, "a draw's campaign is known"
    [shown] = await _with_given(call.services, campaign, [shown])
    return ok(show_shown(shown))


async def _with_given(
    services: Services, campaign: Campaign, shown: Sequence[ShownDraw]
) -> Sequence[ShownDraw]:
    """Draws as they are; entries of a raffle with what they won once winners were picked."""
    given = await services.proofs.raffles.given(campaign)
    return await services.draws.with_given(campaign, shown, given) if given else shown


async def read_receipt(call: Call[Nothing, Nothing]) -> Reply:
    """Give a draw's customer what he may keep of it."""
    draw_id = call.path["draw_id"]
    drawn = await call.services.draws.drawn(call.tenant, draw_id)
    if not call.principal.may_see(drawn.customer):
        raise NotFoundError(f"there is no draw {draw_id!r} here")
    receipt = await call.services.proofs.receipt(drawn)
    named = f'attachment; filename="{draw_id}.receipt"'.encode("ascii")
    return Reply(HTTPStatus.OK, receipt, [(b"content-disposition", named)], LINES.encode("ascii"))


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="draw",
        method="POST",
        path="/api/v1/campaigns/{campaign_id}/draws",
        tag="Draws",
        summary="Draw",
        description="A customer's chance at the rewards of a campaign of the type `DRAW`. A draw "
        "that wins nothing is a success, too: `won` is false. It is on stable storage before it is "
        "answered, and the same key brings it again. Once his draws of the period are used up "
        "(`ALREADY_DRAWN`), `draw_id` names the earliest. A dry run tells whether he may draw, and "
        "nothing of what he would win.",
        handler=draw,
        answers=(
            Shown(
                HTTPStatus.CREATED,
                "The customer has drawn.",
                DrawnView,
                headers=("idempotency-replayed",),
            ),
            Shown(HTTPStatus.OK, "The answer to a dry run.", Accepted),
        ),
        refusals=(HTTPStatus.CONFLICT, HTTPStatus.GONE),
        scopes=(Scope.ISSUE,),
        customers=True,
        query=DryRunQuery,
        body=bytes,
        body_shown=DrawBody,
        body_example={"customer_id": "u-1", "client_seed": "rolled on my own"},
        key=KeyUse.REQUIRED,
    ),
    Operation(
        name="list_draws",
        method="GET",
        path="/api/v1/campaigns/{campaign_id}/draws",
        tag="Draws",
        summary="List a customer's draws",
        description="The newest first, with what they won, and whether the customer may draw now; "
        "of a raffle his entries. "
        "`UNKNOWN_CUSTOMER` where the campaign takes registered ones only and he is none.",
        handler=list_draws,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", DrawList),),
        scopes=(Scope.READ,),
        customers=True,
        query=DrawsQuery,
    ),
    Operation(
        name="read_draw",
        method="GET",
        path="/api/v1/draws/{draw_id}",
        tag="Draws",
        summary="Read a draw",
        description="The draw, and what it won as that stands now.",
        handler=read_draw,
        answers=(Shown(HTTPStatus.OK, "The draw.", ShownDrawView),),
        scopes=(Scope.READ,),
        customers=True,
    ),
    Operation(
        name="read_receipt",
        method="GET",
        path="/api/v1/draws/{draw_id}/receipt",
        tag="Draws",
        summary="Take the receipt of a draw",
        description="The draw, or the entry in a raffle, as it will stand in the proof, with the "
        "commitment that it was made under, signed: lines of JSON, to be kept by the customer and "
        "checked by `largesse draw verify` or at `/verify`, by itself and against the proof.",
        handler=read_receipt,
        answers=(Shown(HTTPStatus.OK, "The receipt.", str, content_type=LINES),),
        scopes=(Scope.READ,),
        customers=True,
    ),
)
