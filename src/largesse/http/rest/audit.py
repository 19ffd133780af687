"""The audit over HTTP."""

from http import HTTPStatus

from largesse.http.listing import walk_of
from largesse.http.operation import AnyOperation, Call, Operation, Reply, Shown, ok
from largesse.http.parsing import Nothing
from largesse.http.shapes.audit import (
    AuditEntryList,
    ConservationView,
    ViolationView,
    show_entry,
)
from largesse.http.shapes.lists import ListQuery
from largesse.http.times import rfc3339
from largesse.issuance.model import Violation
from largesse.issuance.offers import Offers
from largesse.tenants.model import Scope


async def read_conservation(call: Call[Nothing, Nothing]) -> Reply:
    """Show the last proof: all of it to an operator, to others what concerns their tenant."""
    proof = call.services.last_proof()
    if proof is None:
        return ok(ConservationView(None, 0, []))
    offers = call.services.issuance.offers
    tenant = None if call.principal.may(Scope.OPERATOR) else call.tenant
    shown = (_show(violation, offers, tenant) for violation in proof.violations)
    campaigns = proof.campaigns if tenant is None else offers.count(tenant)
    violations = [violation for violation in shown if violation is not None]
    return ok(ConservationView(rfc3339(proof.checked_at_ms), campaigns, violations))


async def list_audit_entries(call: Call[ListQuery, Nothing]) -> Reply:
    """List who changed what in the caller's tenant, the newest first."""
    walk = walk_of(call, "audit")
    found = await call.services.tenants.audit_entries(call.tenant, walk.number, walk.wanted)
    shown, onward = walk.cut(found, lambda numbered: numbered[0])
    return ok(AuditEntryList([show_entry(entry) for _, entry in shown], onward))


def _show(violation: Violation, offers: Offers, tenant: int | None) -> ViolationView | None:
    """A violation, unless it is in the ledger of another tenant than the one asked for."""
    campaign = offers.campaign_of_reward(violation.reward)
    if tenant is not None and (campaign is None or campaign.tenant != tenant):
        return None
    rewards = () if campaign is None else campaign.rewards
    reward = next((one.definition.key for one in rewards if one.number == violation.reward), None)
    campaign_id = None if campaign is None else campaign.id
    return ViolationView(violation.rule, campaign_id, reward, violation.detail)


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="read_conservation",
        method="GET",
        path="/api/v1/audit/conservation",
        tag="Audit",
        summary="Whether the ledger adds up",
        description="The last proof that `quota = left + reserved + issued` and that issued equals "
        "the counted rows. It is made in the background; operators see the whole installation.",
        handler=read_conservation,
        answers=(Shown(HTTPStatus.OK, "The last proof.", ConservationView),),
        scopes=(Scope.READ, Scope.OPERATOR),
    ),
    Operation(
        name="list_audit_entries",
        method="GET",
        path="/api/v1/audit/entries",
        tag="Audit",
        summary="List who changed what",
        description="Changes of the tenant, its keys and its campaigns, the newest first. "
        "The times in `before` and `after` are written like all others.",
        handler=list_audit_entries,
        answers=(Shown(HTTPStatus.OK, "A piece of the list.", AuditEntryList),),
        scopes=(Scope.ADMIN,),
        query=ListQuery,
    ),
)
