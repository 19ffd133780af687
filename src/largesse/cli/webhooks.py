"""`largesse webhook …`: webhooks and what was sent to them."""

from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from largesse.cli.options import Piece, Remote
from largesse.cli.shown import Shown, facts, fields, onward, table
from largesse.client import webhooks
from largesse.client.model import Delivery

WebhookId = Annotated[str, Parameter(help="Its id, as `largesse webhook list` shows it.")]
DeliveryId = Annotated[str, Parameter(help="As `largesse webhook deliveries` shows it.")]
Types = Annotated[
    tuple[str, ...],
    Parameter(
        name="--type",
        negative=(),
        help="A type of fact, like incentive.issued; give the option again for more.",
    ),
]
Status = Literal["WAITING", "DELIVERED", "FAILED"]

KEEP_SECRET = Text("Keep the secret now: it is not shown again.", style="yellow")

_LOCAL = Remote()
_FIRST = Piece()


def create(
    url: Annotated[str, Parameter(help="Where to send facts, over https.")],
    /,
    *,
    types: Types = (),
    description: Annotated[str, Parameter(help="What it is for.")] = "",
    remote: Remote = _LOCAL,
) -> Shown:
    """Have facts sent to an address from now on; the secret is shown this once."""
    call = webhooks.create(url, types=types or None, description=description)
    made = remote.ask(call)
    return Shown(made, [facts(fields(made)), KEEP_SECRET])


def list_all(*, piece: Piece = _FIRST, remote: Remote = _LOCAL) -> Shown:
    """List the tenant's webhooks, the oldest first."""
    found = remote.ask(webhooks.list_all(limit=piece.limit, cursor=piece.cursor))
    columns = ("id", "url", "types", "enabled", "waiting", "failing_since")
    rows = ([getattr(one, column) for column in columns] for one in found.items)
    return Shown(found, [table(columns, rows), *onward(found)])


def show(webhook_id: WebhookId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Show a webhook and how it is doing."""
    found = remote.ask(webhooks.show(webhook_id))
    return Shown(found, [facts(fields(found))])


def change(
    webhook_id: WebhookId,
    /,
    *,
    url: Annotated[str | None, Parameter(help="Another address.")] = None,
    types: Types = (),
    description: Annotated[str | None, Parameter(help="Another description.")] = None,
    remote: Remote = _LOCAL,
) -> Shown:
    """Change what is named and leave the rest."""
    changed = remote.ask(
        webhooks.change(webhook_id, url=url, types=types or None, description=description)
    )
    return Shown(changed, [facts(fields(changed))])


def enable(webhook_id: WebhookId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Send to a webhook again; it gets what it missed."""
    changed = remote.ask(webhooks.change(webhook_id, enabled=True))
    return Shown(changed, [facts(fields(changed))])


def disable(webhook_id: WebhookId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Send nothing to a webhook until it is enabled."""
    changed = remote.ask(webhooks.change(webhook_id, enabled=False))
    return Shown(changed, [facts(fields(changed))])


def delete(webhook_id: WebhookId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Take a webhook away, with all that waits for it."""
    remote.ask(webhooks.delete(webhook_id))
    return Shown({"id": webhook_id}, [Text(f"{webhook_id} gets nothing any more.")])


def rotate(
    webhook_id: WebhookId,
    /,
    *,
    overlap_s: Annotated[
        int, Parameter(help="So many seconds the old secret signs beside the new one.")
    ] = 86_400,
    remote: Remote = _LOCAL,
) -> Shown:
    """Give a webhook a new secret, which is shown this once."""
    made = remote.ask(webhooks.rotate(webhook_id, overlap_s=overlap_s))
    return Shown(made, [facts(fields(made)), KEEP_SECRET])


def ping(webhook_id: WebhookId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Send a message about nothing."""
    return _shown(remote.ask(webhooks.ping(webhook_id)))


def deliveries(
    webhook_id: WebhookId,
    /,
    *,
    status: Annotated[Status | None, Parameter(help="Only those that stand so.")] = None,
    piece: Piece = _FIRST,
    remote: Remote = _LOCAL,
) -> Shown:
    """List what was sent to a webhook or is to be, the newest first."""
    found = remote.ask(
        webhooks.deliveries(webhook_id, status=status, limit=piece.limit, cursor=piece.cursor)
    )
    columns = ("id", "type", "status", "created_at", "due_at", "attempts", "last")
    rows = (
        [one.id, one.type, one.status, one.created_at, one.due_at, len(one.attempts), _last(one)]
        for one in found.items
    )
    return Shown(found, [table(columns, rows), *onward(found)])


def delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, /, *, remote: Remote = _LOCAL
) -> Shown:
    """Show a delivery with its attempts."""
    return _shown(remote.ask(webhooks.delivery(webhook_id, delivery_id)))


def resend(webhook_id: WebhookId, delivery_id: DeliveryId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Send a message again, under the id that it had."""
    return _shown(remote.ask(webhooks.resend(webhook_id, delivery_id)))


def _shown(found: Delivery) -> Shown:
    known = [(name, value) for name, value in fields(found) if name != "attempts"]
    columns = ("at", "took_ms", "status", "error", "answer")
    rows = ([getattr(one, column) for column in columns] for one in found.attempts)
    return Shown(found, [facts(known), table(columns, rows)])


def _last(found: Delivery) -> str:
    """What the last attempt came to."""
    if not found.attempts:
        return ""
    last = found.attempts[-1]
    return last.error or str(last.status)
