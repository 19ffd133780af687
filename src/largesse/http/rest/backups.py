"""Backups over HTTP."""

from http import HTTPStatus
from typing import Annotated

from msgspec import Meta

from largesse.http.operation import AnyOperation, Call, Operation, Reply, Shown
from largesse.http.parsing import Nothing
from largesse.tenants.model import Scope

_TYPE = "application/octet-stream"

Bytes = Annotated[str, Meta(extra_json_schema={"contentMediaType": _TYPE})]
"""As OpenAPI 3.1 tells of a body that is no text."""


async def read_backup(call: Call[Nothing, Nothing]) -> Reply:
    """Send a copy of the ledger as it is now."""
    archive = await call.services.take_backup()
    return Reply(HTTPStatus.OK, archive, content_type=_TYPE.encode("ascii"))


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        name="read_backup",
        method="GET",
        path="/api/v1/backup",
        tag="Backup",
        summary="Take a backup of the ledger",
        description="Sends a copy of the whole installation as it is now: whatever was answered "
        "before is in it. Claims go on meanwhile. `largesse backup` calls this and checks what it "
        "gets; keep what any other client gets only if its last 32 bytes are the SHA-256 of all "
        "before them. Another backup at the same time is refused with `BUSY`.",
        handler=read_backup,
        answers=(Shown(HTTPStatus.OK, "The archive.", Bytes, content_type=_TYPE),),
        scopes=(Scope.OPERATOR,),
    ),
)
