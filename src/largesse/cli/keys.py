"""`largesse key …`: API keys of a tenant."""

from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from largesse.cli.client import path_of
from largesse.cli.options import Piece, Remote
from largesse.cli.shown import KEEP, Shown, facts, onward, table

Scope = Literal["admin", "issue", "redeem", "read", "ingest"]

_SCOPE = "What it may do; give the option again for more."
_EXPIRES_AT = "When it stops opening anything, like 2027-01-01T00:00:00Z; by default never."
_LOCAL = Remote()
_FIRST = Piece()


def create(
    name: Annotated[str, Parameter(help="What it is called.")],
    /,
    *,
    scope: Annotated[tuple[Scope, ...], Parameter(negative=(), help=_SCOPE)] = ("issue",),
    expires_at: Annotated[str | None, Parameter(help=_EXPIRES_AT)] = None,
    remote: Remote = _LOCAL,
) -> Shown:
    """Make a key, whose secret is shown this once."""
    body = {"name": name, "scopes": scope, "expires_at": expires_at}
    made = remote.client().post(path_of("keys"), body)
    return Shown(made, [facts(made.items()), KEEP])


def list_all(*, piece: Piece = _FIRST, remote: Remote = _LOCAL) -> Shown:
    """List the tenant's keys, revoked ones included; no secret is shown."""
    found = remote.client().get(path_of("keys"), piece.query())
    columns = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at")
    rows = ([key[column] for column in columns] for key in found["items"])
    return Shown(found, [table(columns, rows), *onward(found)])


def revoke(
    key_id: Annotated[str, Parameter(help="Its id, as `largesse key list` shows it.")],
    /,
    *,
    remote: Remote = _LOCAL,
) -> Shown:
    """Make a key useless at once and for ever."""
    revoked = remote.client().delete(path_of("keys", key_id))
    return Shown(revoked, [Text(f"{key_id} opens nothing any more.")])
