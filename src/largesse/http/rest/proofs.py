"""The proof of draws over HTTP."""

from http import HTTPStatus

from largesse.http.operation import AnyOperation, Call, Operation, Reply, Shown, ok
from largesse.http.parsing import Nothing
from largesse.http.pieces import Stream
from largesse.http.shapes.proofs import CommitmentList, ProofKey, show_key, show_promised
from largesse.tenants.model import Scope

LINES = "application/x-ndjson"
"""Proofs and receipts are lines of JSON."""


async def list_commitments(call: Call[Nothing, Nothing]) -> Reply:
    """Show what a draw promised."""
    return ok(show_promised(await call.services.proofs.promised(call.path["campaign_id"])))


async def read_proof(call: Call[Nothing, Nothing]) -> Reply:
    """Send the whole proof of a draw that is over."""
    pieces = await call.services.proofs.bundle(call.tenant, call.path["campaign_id"])
    return Reply(HTTPStatus.OK, Stream(pieces), content_type=LINES.encode("ascii"))


async def read_proof_key(call: Call[Nothing, Nothing]) -> Reply:
    """Show the public key."""
    return ok(show_key(call.services.proofs.public_key))


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="list_commitments",
        method="GET",
        path="/api/v1/campaigns/{campaign_id}/commitments",
        tag="Draws",
        summary="See what a draw promises",
        description="One commitment for each version since the first draw, from the activation on; "
        "keep them, or publish them where you cannot change them later. Ten seconds after the "
        "campaign's end the secrets are told with the terms. Open to everybody.",
        handler=list_commitments,
        answers=(Shown(HTTPStatus.OK, "The commitments.", CommitmentList),),
    ),
    Operation(
        name="read_proof",
        method="GET",
        path="/api/v1/campaigns/{campaign_id}/proof",
        tag="Draws",
        summary="Take the proof of a draw",
        description="Every draw and every change of the stock, in order, with the secrets, signed: "
        "lines of JSON, to be re-checked by `largesse draw verify` or at `/verify`. Customers are "
        "in it as salted hashes. `WRONG_STATUS` until ten seconds after the campaign's end. It is "
        "whole if its last line has a signature.",
        handler=read_proof,
        answers=(Shown(HTTPStatus.OK, "The proof.", str, content_type=LINES),),
        refusals=(HTTPStatus.CONFLICT,),
        scopes=(Scope.READ,),
    ),
    Operation(
        name="read_proof_key",
        method="GET",
        path="/api/v1/proof-key",
        tag="Draws",
        summary="Read the key that proofs are signed with",
        description="The same for the life of the installation. Open to everybody.",
        handler=read_proof_key,
        answers=(Shown(HTTPStatus.OK, "The public key.", ProofKey),),
    ),
)
