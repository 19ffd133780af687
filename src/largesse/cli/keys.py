"""`largesse key …`: API keys of a tenant."""

from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from largesse.cli.options import Piece, Remote
from largesse.cli.shown import KEEP, Shown, facts, fields, onward, table
from largesse.client import keys

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
    made = remote.ask(keys.create(name, scope, expires_at=expires_at))
    return Shown(made, [facts(fields(made)), KEEP])


def list_all(*, piece: Piece = _FIRST, remote: Remote = _LOCAL) -> Shown:
    """List the tenant's keys, revoked ones included; no secret is shown."""
    found = remote.ask(keys.list_all(limit=piece.limit, cursor=piece.cursor))
    columns = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at")
    rows = ([getattr(key, column) for column in columns] for key in found.items)
    return Shown(found, [table(columns, rows), *onward(found)])


def revoke(
    key_id: Annotated[str, Parameter(help="Its id, as `largesse key list` shows it.")],
    /,
    *,
    remote: Remote = _LOCAL,
) -> Shown:
    """Make a key useless at once and for ever."""
    revoked = remote.ask(keys.revoke(key_id))
    return Shown(revoked, [Text(f"{key_id} opens nothing any more.")])
