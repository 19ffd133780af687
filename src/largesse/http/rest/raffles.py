"""Raffles over HTTP."""

from http import HTTPStatus

from largesse.campaigns.model import CampaignType
from largesse.customers.decide import check_id
from largesse.draws.dice import seed_of_key
from largesse.draws.model import DrawWish
from largesse.http.auth import customer_of
from largesse.http.draw_desk import known_of_draw
from largesse.http.errors import problem_of_outcome
from largesse.http.operation import (
    AnyOperation,
    Call,
    KeyUse,
    Operation,
    Reply,
    Shown,
    ok,
    refuse,
    replayed_if,
)
from largesse.http.parsing import Nothing
from largesse.http.shapes.claims import Accepted
from largesse.http.shapes.lists import DryRunQuery
from largesse.http.shapes.raffles import (
    EntryBody,
    EntryView,
    RaffleView,
    show_entry,
    show_raffle,
)
from largesse.http.wishes import check_type
from largesse.tenants.model import Scope


async def enter(call: Call[DryRunQuery, EntryBody]) -> Reply:
    """Take a customer's entry."""
    saved = await call.services.campaigns.campaign(call.tenant, call.path["campaign_id"])
    campaign = saved.campaign
    customer = customer_of(call.principal.customer, call.body.customer_id)
    check_id(customer, "/customer_id")
    check_type(campaign, CampaignType.RAFFLE)
    key, dry_run = call.key or "", call.query.dry_run
    wish = DrawWish(call.tenant, campaign.number, customer, key, seed_of_key(key), dry_run=dry_run)
    answer = await call.services.draws.settled(wish)
    outcome = answer.outcome
    if dry_run:
        return ok(Accepted(outcome.success, outcome, outcome.transient))
    if not outcome.success:
        known = known_of_draw(answer, campaign)
        return refuse(problem_of_outcome(outcome, call.request_id, known=known))
    assert answer.draw is not None
    return Reply(HTTPStatus.CREATED, show_entry(answer.draw), replayed_if(answer.replayed))


async def read_raffle(call: Call[Nothing, Nothing]) -> Reply:
    """Show what a raffle closed with."""
    return ok(show_raffle(await call.services.proofs.raffles.seen(call.path["campaign_id"])))


async def pick_winners(call: Call[Nothing, Nothing]) -> Reply:
    """Pick the winners and give them their prizes."""
    seen = await call.services.proofs.raffles.pick(call.tenant, call.path["campaign_id"])
    return ok(show_raffle(seen))


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="enter",
        method="POST",
        path="/api/v1/campaigns/{campaign_id}/entries",
        tag="Raffles",
        summary="Enter a raffle",
        description="A customer's entry into a campaign of the type `RAFFLE`, once per local day "
        "unless its `draws_per` says otherwise; then `ALREADY_DRAWN`. It is on stable storage "
        "before it is answered, and the same key brings it again.",
        handler=enter,
        answers=(
            Shown(
                HTTPStatus.CREATED,
                "The customer takes part.",
                EntryView,
                headers=("idempotency-replayed",),
            ),
            Shown(HTTPStatus.OK, "The answer to a dry run.", Accepted),
        ),
        refusals=(HTTPStatus.CONFLICT, HTTPStatus.GONE),
        scopes=(Scope.ISSUE,),
        customers=True,
        query=DryRunQuery,
        body=EntryBody,
        body_example={"customer_id": "u-1"},
        key=KeyUse.REQUIRED,
    ),
    Operation(
        name="read_raffle",
        method="GET",
        path="/api/v1/campaigns/{campaign_id}/raffle",
        tag="Raffles",
        summary="See what a raffle closed with",
        description="Ten seconds after its end: how many entries there are, and the root of the "
        "Merkle tree over all of them. Once the winners are picked, the numbers of their entries. "
        "Open to everybody; it names nobody.",
        handler=read_raffle,
        answers=(Shown(HTTPStatus.OK, "The raffle.", RaffleView),),
    ),
    Operation(
        name="pick_winners",
        method="POST",
        path="/api/v1/campaigns/{campaign_id}:pick",
        tag="Raffles",
        summary="Pick a raffle's winners",
        description="Ten seconds after its end or later: gives each winner one unit, as of the "
        "raffle's last millisecond. The same winners whenever it is asked, and nothing twice. "
        "`WRONG_STATUS` while it is not over, where it was ended by hand or stood paused at its "
        "end, and while its `beacon` has no value.",
        handler=pick_winners,
        answers=(Shown(HTTPStatus.OK, "The raffle with its winners.", RaffleView),),
        refusals=(HTTPStatus.CONFLICT,),
        scopes=(Scope.ADMIN,),
        key=KeyUse.OPTIONAL,
    ),
)
