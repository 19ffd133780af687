"""Code pools over HTTP, and what is known of codes."""

from http import HTTPStatus

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
from largesse.http.shapes.jobs import JobView, show_job
from largesse.http.shapes.lists import ListQuery
from largesse.http.shapes.pools import (
    CheckInput,
    ExportInput,
    Findings,
    NewPoolInput,
    PoolList,
    PoolView,
    show_finding,
    show_pool,
)
from largesse.jobs.model import Job
from largesse.kernel.command import Done
from largesse.pools.model import PoolWish
from largesse.pools.service import Exporting
from largesse.tenants.model import Scope


async def create_pool(call: Call[Nothing, NewPoolInput]) -> Reply:
    """Set units aside and have codes made for them."""
    body = call.body
    wish = PoolWish(
        campaign_id=call.path["campaign_id"], reward=body.reward, name=body.name, count=body.count
    )
    return _accepted(await call.services.pools.generate(call.command(), wish))


async def export_pool(call: Call[Nothing, ExportInput]) -> Reply:
    """Have a pool's codes written to a file."""
    wish = Exporting(call.body.format, call.body.again)
    return _accepted(await call.services.pools.export(call.command(), call.path["pool_id"], wish))


async def list_pools(call: Call[ListQuery, Nothing]) -> Reply:
    """List the tenant's code pools, newest first."""
    walk = walk_of(call, "code pools")
    found = await call.services.pools.pools(call.tenant, walk.number, walk.wanted)
    shown, onward = walk.cut(found, lambda pool: pool.number)
    return ok(PoolList([show_pool(pool) for pool in shown], onward))


async def read_pool(call: Call[Nothing, Nothing]) -> Reply:
    """Show a code pool."""
    return ok(show_pool(await call.services.pools.pool(call.tenant, call.path["pool_id"])))


async def delete_pool(call: Call[Nothing, Nothing]) -> Reply:
    """Take a code pool back."""
    done = await call.services.pools.delete(call.command(), call.path["pool_id"])
    return ok(show_pool(done.answer))


async def check_codes(call: Call[Nothing, CheckInput]) -> Reply:
    """Tell what is known of codes."""
    found = await call.services.checking.check(call.tenant, call.body.codes)
    return ok(Findings([show_finding(finding) for finding in found]))


def _accepted(done: Done[Job]) -> Reply:
    return Reply(HTTPStatus.ACCEPTED, show_job(done.answer), replayed_if(done.replayed))


_JOB = (
    Shown(
        HTTPStatus.ACCEPTED,
        "The job, which is done when its status is DONE.",
        JobView,
        headers=("idempotency-replayed",),
    ),
)
_BUSY = (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="create_code_pool",
        method="POST",
        path="/api/v1/campaigns/{campaign_id}/code-pools",
        tag="Code pools",
        summary="Generate codes for somebody else to hand out",
        description="Sets units of a reward aside, which claims cannot have any more, and makes a "
        "code for each: for a printer, or for a partner. The units are reserved with the answer; "
        "the job that makes the codes has the pool's id as its `subject`. No claim ever gives one "
        "of these codes.",
        handler=create_pool,
        answers=_JOB,
        refusals=_BUSY,
        scopes=(Scope.ADMIN,),
        body=NewPoolInput,
        body_example={"count": 1000, "name": "Printer, spring"},
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="list_code_pools",
        method="GET",
        path="/api/v1/code-pools",
        tag="Code pools",
        summary="List code pools",
        description="The tenant's code pools, the newest first, those taken back included.",
        handler=list_pools,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", PoolList),),
        scopes=(Scope.ADMIN,),
        query=ListQuery,
    ),
    Operation(
        name="read_code_pool",
        method="GET",
        path="/api/v1/code-pools/{pool_id}",
        tag="Code pools",
        summary="Read a code pool",
        description="What it is, not its codes: these are exported.",
        handler=read_pool,
        answers=(Shown(HTTPStatus.OK, "The code pool.", PoolView),),
        scopes=(Scope.ADMIN,),
    ),
    Operation(
        name="export_code_pool",
        method="POST",
        path="/api/v1/code-pools/{pool_id}:export",
        tag="Code pools",
        summary="Export a pool's codes",
        description="Writes the codes, numbered from 1 on, to a file; `result_url` of the job is "
        "where it is read. Codes that were exported before are exported again only when `again` "
        "says so.",
        handler=export_pool,
        answers=_JOB,
        refusals=_BUSY,
        scopes=(Scope.ADMIN,),
        body=ExportInput,
        body_example={"format": "csv"},
        key=KeyUse.OPTIONAL,
    ),
    Operation(
        name="delete_code_pool",
        method="DELETE",
        path="/api/v1/code-pools/{pool_id}",
        tag="Code pools",
        summary="Take a code pool back",
        description="Returns its units to the stock. Its codes are good for nothing from then on, "
        "and are never made again; taking it back again changes nothing.",
        handler=delete_pool,
        answers=(Shown(HTTPStatus.OK, "The code pool, deleted.", PoolView),),
        refusals=(HTTPStatus.CONFLICT,),
        scopes=(Scope.ADMIN,),
    ),
    Operation(
        name="check_codes",
        method="POST",
        path="/api/v1/codes:check",
        tag="Code pools",
        summary="Check many codes",
        description="What is known of up to 1,000 codes, however they were typed. It tells what "
        "strangers must not learn, so only a tenant's `admin` may ask, and about his own codes.",
        handler=check_codes,
        answers=(Shown(HTTPStatus.OK, "One finding for each.", Findings),),
        scopes=(Scope.ADMIN,),
        body=CheckInput,
        body_example={"codes": ["7KQM-2W9X-HD4T", "hello"]},
        key=KeyUse.OPTIONAL,
    ),
)
