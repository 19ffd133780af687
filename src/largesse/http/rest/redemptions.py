"""Redemptions over HTTP."""

from http import HTTPStatus

from largesse.customers.decide import check_id
from largesse.http.errors import problem_of_outcome
from largesse.http.guessing import Guess
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
from largesse.http.shapes.claims import Accepted
from largesse.http.shapes.lists import DryRunQuery
from largesse.http.shapes.redemptions import RedemptionBody, RedemptionView, show_redemption
from largesse.kernel.outcome import Outcome
from largesse.redemption.decide import check
from largesse.redemption.model import RedemptionWish
from largesse.redemption.service import RedemptionRefusedError
from largesse.tenants.model import Scope


async def redeem(call: Call[DryRunQuery, RedemptionBody]) -> Reply:
    """Use a coupon; a customer's wrong codes are counted, and soon too many."""
    said = call.body
    check_id(said.customer_id, "/customer_id")
    wish = RedemptionWish(customer=said.customer_id, code=said.code, incentive_id=said.incentive_id)
    check(wish)
    guess = None if wish.code is None else Guess.of_customer(call, wish.customer)
    reply, known = await _used(call, wish)
    if guess is not None and known:
        guess.forgive()
    return reply


async def _used(
    call: Call[DryRunQuery, RedemptionBody], wish: RedemptionWish
) -> tuple[Reply, bool]:
    """How the use ended, and whether the coupon was the customer's."""
    dry_run = call.query.dry_run
    try:
        done = await call.services.redemptions.redeem(call.command(dry_run=dry_run), wish)
    except RedemptionRefusedError as refusal:
        outcome, known = refusal.outcome, refusal.outcome is not Outcome.UNKNOWN_CODE
        if dry_run:
            return ok(Accepted(accepted=False, outcome=outcome, transient=False)), known
        return refuse(problem_of_outcome(outcome, call.request_id)), known
    if dry_run:
        return ok(Accepted(accepted=True, outcome=Outcome.REDEEMED, transient=False)), True
    return ok(show_redemption(done.answer), *replayed_if(done.replayed)), True


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="redeem",
        method="POST",
        path="/api/v1/redemptions",
        tag="Redemptions",
        summary="Redeem a coupon",
        description="Uses a coupon, once: of any number of calls at the same time one is told so, "
        "and it is on stable storage before the answer is sent. In this order it is refused with "
        "`UNKNOWN_CODE` (another customer's code, too), `REVOKED`, `EXHAUSTED`, `EXPIRED`.",
        handler=redeem,
        answers=(
            Shown(
                HTTPStatus.OK,
                "The coupon is used; or the answer to a dry run.",
                (RedemptionView, Accepted),
                headers=("idempotency-replayed",),
            ),
        ),
        refusals=(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.GONE,
            HTTPStatus.TOO_MANY_REQUESTS,
        ),
        scopes=(Scope.REDEEM,),
        query=DryRunQuery,
        body=RedemptionBody,
        body_example={"customer_id": "u-1", "code": "나사 4831-바코 07"},
        key=KeyUse.REQUIRED,
    ),
)
