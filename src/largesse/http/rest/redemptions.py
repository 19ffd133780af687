"""Redemptions over HTTP."""

from http import HTTPStatus

from largesse.http.operation import AnyOperation, Call, KeyUse, Operation, Reply, Shown, of_desk
from largesse.http.shapes.claims import Accepted
from largesse.http.shapes.lists import DryRunQuery
from largesse.http.shapes.redemptions import RedemptionBody, RedemptionView
from largesse.tenants.model import Scope


async def redeem(call: Call[DryRunQuery, bytes]) -> Reply:
    """Use a coupon, with the same bytes as in the lane."""
    desk = call.backing.desks.redemptions
    return of_desk(await desk.answer(call.headers, call.body, dry_run=call.query.dry_run))


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
        body=bytes,
        body_shown=RedemptionBody,
        body_example={"customer_id": "u-1", "code": "나사 4831-바코 07"},
        key=KeyUse.REQUIRED,
    ),
)
