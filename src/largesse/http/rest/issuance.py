"""Claims and incentives over HTTP."""

from http import HTTPStatus

from msgspec import UNSET, Struct, UnsetType

from largesse.http.desk import How
from largesse.http.errors import problem_of_outcome
from largesse.http.guessing import Guess
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
    refuse,
    replayed_if,
)
from largesse.http.parsing import Nothing
from largesse.http.shapes.claims import Accepted, BatchBody, ClaimBody, Claimed
from largesse.http.shapes.incentives import IncentiveView, show
from largesse.http.shapes.lists import DryRunQuery, ListQuery, Next
from largesse.http.times import ShownMoment
from largesse.issuance.model import IncentiveStatus, Place
from largesse.kernel.errors import NotFoundError
from largesse.kernel.outcome import Outcome
from largesse.tenants.model import Scope


class IncentiveList(Struct, frozen=True):
    """A piece of the list of incentives, by reward and serial."""

    items: list[IncentiveView]
    next: Next


class BatchResult(Struct, frozen=True, kw_only=True):
    """One of a batch: `incentive` when it was given, `accepted` in a dry run, else a refusal."""

    outcome: str
    incentive: IncentiveView | UnsetType = UNSET
    replayed: bool | UnsetType = UNSET
    accepted: bool | UnsetType = UNSET
    title: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    transient: bool | UnsetType = UNSET
    opens_at: ShownMoment | UnsetType = UNSET
    retry_after: int | UnsetType = UNSET
    incentive_id: str | UnsetType = UNSET


class BatchResults(Struct, frozen=True):
    """One result for each wish, in their order: `claims.BatchAnswer` as one schema."""

    results: list[BatchResult]


async def claim(call: Call[DryRunQuery, bytes]) -> Reply:
    """Settle one wish, with the same bytes as in the lane."""
    return await _at_desk(call, How(dry_run=call.query.dry_run))


async def claim_batch(call: Call[DryRunQuery, bytes]) -> Reply:
    """Settle many wishes, with the same bytes as in the lane."""
    return await _at_desk(call, How(batch=True, dry_run=call.query.dry_run))


async def list_incentives(call: Call[ListQuery, Nothing]) -> Reply:
    """List a campaign's incentives by (reward, serial)."""
    saved = await call.services.campaigns.campaign(call.tenant, call.path["campaign_id"])
    walk = walk_of(call, f"incentives|{saved.campaign.number}")
    after = Place(*map(int, walk.seen)) if walk.seen else None
    found, last = await call.services.issuance.incentives(saved.campaign, after, walk.limit)
    return ok(IncentiveList([show(incentive) for incentive in found], walk.onward(last)))


async def read_incentive(call: Call[Nothing, Nothing]) -> Reply:
    """Show an incentive."""
    incentive_id = call.path["incentive_id"]
    found = await call.services.issuance.incentive(call.tenant, incentive_id)
    if not call.principal.may_see(found.customer_id):
        raise NotFoundError(f"there is no incentive {incentive_id!r} here")
    return ok(show(found))


async def revoke_incentive(call: Call[DryRunQuery, Nothing]) -> Reply:
    """Take an incentive back; what has expired or was used stays as it is."""
    dry_run = call.query.dry_run
    command = call.command(dry_run=dry_run)
    done = await call.services.issuance.revoke(command, call.path["incentive_id"])
    refused = _KEPT.get(done.answer.status)
    if dry_run:
        outcome = refused or IncentiveStatus.REVOKED
        return ok(Accepted(accepted=refused is None, outcome=outcome, transient=False))
    if refused is not None:
        return refuse(problem_of_outcome(refused, call.request_id))
    return Reply(HTTPStatus.OK, show(done.answer), replayed_if(done.replayed))


async def find_code(call: Call[Nothing, Nothing]) -> Reply:
    """Show the incentive that has a code; wrong guesses are counted, and soon too many."""
    guess = Guess.of_caller(call)
    incentive = await call.services.issuance.incentive_of_code(call.tenant, call.path["code"])
    if incentive is None:
        return refuse(problem_of_outcome(Outcome.UNKNOWN_CODE, call.request_id))
    guess.forgive()
    return ok(show(incentive), *guess.headers())


async def _at_desk(call: Call[DryRunQuery, bytes], how: How) -> Reply:
    campaign_id = call.path["campaign_id"]
    return of_desk(
        await call.backing.desks.claims.answer(campaign_id, how, call.headers, call.body)
    )


_KEPT = {
    IncentiveStatus.EXPIRED: Outcome.EXPIRED,
    IncentiveStatus.REDEEMED: Outcome.ALREADY_REDEEMED,
}
"""How an incentive stands that is not taken back, and what who tries is told."""

_REFUSALS_OF_CLAIMS = (HTTPStatus.CONFLICT, HTTPStatus.GONE)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="claim",
        method="POST",
        path="/api/v1/campaigns/{campaign_id}/claims",
        tag="Claims",
        summary="Claim an incentive",
        description="A customer's wish for one unit of a reward. The answer is on stable storage "
        "before it is sent; the same key brings it again, whatever has happened since. A refusal "
        "leaves no trace: the same key is decided afresh. `code` of a refusal is the outcome.",
        handler=claim,
        answers=(
            Shown(
                HTTPStatus.CREATED,
                "The customer is given a new incentive.",
                Claimed,
                headers=("idempotency-replayed",),
            ),
            Shown(
                HTTPStatus.OK,
                "The customer is given what he already holds; or the answer to a dry run.",
                (Claimed, Accepted),
            ),
        ),
        refusals=_REFUSALS_OF_CLAIMS,
        scopes=(Scope.ISSUE,),
        customers=True,
        query=DryRunQuery,
        body=bytes,
        body_shown=ClaimBody,
        body_example={"customer_id": "u-1", "reward": "STANDARD"},
        key=KeyUse.REQUIRED,
    ),
    Operation(
        name="claim_batch",
        method="POST",
        path="/api/v1/campaigns/{campaign_id}/claims:batch",
        tag="Claims",
        summary="Claim many incentives",
        description="Up to 1,000 wishes, each under a key of its own, settled in their order. The "
        "answer has one result for each; a refused one does not refuse the others.",
        handler=claim_batch,
        answers=(Shown(HTTPStatus.OK, "One result for each wish, in their order.", BatchResults),),
        scopes=(Scope.ISSUE,),
        customers=True,
        query=DryRunQuery,
        body=bytes,
        body_shown=BatchBody,
        body_example={
            "claims": [
                {"customer_id": "u-1", "key": "order-1"},
                {"customer_id": "u-2", "key": "order-2"},
            ]
        },
    ),
    Operation(
        name="list_incentives",
        method="GET",
        path="/api/v1/campaigns/{campaign_id}/incentives",
        tag="Incentives",
        summary="List a campaign's incentives",
        description="By reward and serial: each that is there at the start appears once, and new "
        "ones at the end.",
        handler=list_incentives,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", IncentiveList),),
        scopes=(Scope.READ,),
        query=ListQuery,
    ),
    Operation(
        name="read_incentive",
        method="GET",
        path="/api/v1/incentives/{incentive_id}",
        tag="Incentives",
        summary="Read an incentive",
        description="The incentive as it stands now.",
        handler=read_incentive,
        answers=(Shown(HTTPStatus.OK, "The incentive.", IncentiveView),),
        scopes=(Scope.READ,),
        customers=True,
    ),
    Operation(
        name="revoke_incentive",
        method="POST",
        path="/api/v1/incentives/{incentive_id}:revoke",
        tag="Incentives",
        summary="Revoke an incentive",
        description="Takes an incentive back. Its unit returns to the stock, once; its serial is "
        "never used again. One that has expired (410) or was used (409 `ALREADY_REDEEMED`) stays "
        "as it is.",
        handler=revoke_incentive,
        answers=(
            Shown(
                HTTPStatus.OK,
                "The incentive, revoked; or the answer to a dry run.",
                (IncentiveView, Accepted),
                headers=("idempotency-replayed",),
            ),
        ),
        refusals=(HTTPStatus.CONFLICT, HTTPStatus.GONE),
        scopes=(Scope.ISSUE,),
        query=DryRunQuery,
        key=KeyUse.REQUIRED,
    ),
    Operation(
        name="find_code",
        method="GET",
        path="/api/v1/codes/{code}",
        tag="Incentives",
        summary="Find an incentive by its code",
        description="The code as somebody typed it: case, spaces, dashes and dots do not matter. "
        "Whatever is no code of the tenant's is answered with one and the same 404.",
        handler=find_code,
        answers=(
            Shown(
                HTTPStatus.OK,
                "The incentive.",
                IncentiveView,
                headers=("ratelimit", "ratelimit-policy"),
            ),
        ),
        refusals=(HTTPStatus.TOO_MANY_REQUESTS,),
        scopes=(Scope.READ, Scope.REDEEM),
    ),
)
