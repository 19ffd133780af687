"""`largesse draw …`: what a customer's turn of the wheel would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from largesse.cli.options import CampaignId, CustomerId, Piece, Remote
from largesse.cli.shown import Shown, facts, judged, table
from largesse.client import draws
from largesse.client.draw_model import Draw
from largesse.client.model import Incentive


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a draw is put."""

    client_seed: str | None = None
    """Goes into the number; by default it is made of the key."""

    idempotency_key: str | None = None
    """The same key brings the same draw; by default a new one."""

    dry_run: Annotated[bool, Parameter(negative=())] = False
    """Only ask whether the customer may draw."""


_LOCAL = Remote()
_FIRST = Piece()
_PLAIN = Wording()


def make(
    campaign: CampaignId,
    customer: CustomerId,
    /,
    *,
    wording: Wording = _PLAIN,
    remote: Remote = _LOCAL,
) -> Shown:
    """Draw for a customer; a draw that wins nothing is a success, too."""
    if wording.dry_run:
        verdict = remote.ask(draws.would_draw(campaign, customer))
        return judged(verdict, "may draw", "may not draw")
    wish = draws.draw(campaign, customer, seed=wording.client_seed, key=wording.idempotency_key)
    answer = remote.have(wish)
    return Shown(answer, [facts(_told(answer.draw, answer.incentive))])


def list_all(
    campaign: CampaignId,
    customer: CustomerId,
    /,
    *,
    piece: Piece = _FIRST,
    remote: Remote = _LOCAL,
) -> Shown:
    """List a customer's draws, newest first, and tell whether he may draw now."""
    call = draws.list_all(campaign, customer, limit=piece.limit, cursor=piece.cursor)
    found = remote.ask(call)
    columns = ("id", "number", "date", "won")
    rows = (
        [
            *(getattr(one.draw, column) for column in columns),
            None if one.incentive is None else one.incentive.reward,
        ]
        for one in found.items
    )
    now = Text(f"now: {found.outcome}", style="green" if found.may_draw else "yellow")
    more = [] if found.next is None else [Text(f"There is more: --cursor {found.next}")]
    return Shown(found, [table((*columns, "reward"), rows), now, *more])


def show(
    draw: Annotated[str, Parameter(help="The id of the draw.")], /, *, remote: Remote = _LOCAL
) -> Shown:
    """Show a draw, and what it won as that stands now."""
    found = remote.ask(draws.show(draw))
    return Shown(found, [facts(_told(found.draw, found.incentive))])


def _told(draw: Draw, incentive: Incentive | None) -> Sequence[tuple[str, object]]:
    names = ("id", "customer_id", "number", "date", "client_seed", "won", "drawn_at")
    told: list[tuple[str, object]] = [(name, getattr(draw, name)) for name in names]
    if incentive is not None:
        told += [(name, getattr(incentive, name)) for name in ("reward", "code", "status")]
    return told
