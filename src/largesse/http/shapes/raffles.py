"""Raffles over HTTP."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct

from largesse.draws.model import Draw
from largesse.draws.raffles import Seen
from largesse.http.shapes.customers import WishedFor
from largesse.http.shapes.draws import ShownDate
from largesse.http.times import ShownMoment
from largesse.kernel.calendar import iso_date, rfc3339


class EntryBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer's wish to take part."""

    customer_id: WishedFor = UNSET


class EntryView(Struct, frozen=True):
    """One entry. `number` counts the raffle's entries without gaps.

    Its `id` is that of a draw: `/draws/{draw_id}` and its `/receipt` know it.
    """

    id: str
    campaign_id: str
    customer_id: str
    number: int
    date: ShownDate
    seed: str
    entered_at: ShownMoment


class WinnerView(Struct, frozen=True):
    """A winning entry, by its number, and what it won."""

    entry: int
    reward: str


class RaffleView(Struct, frozen=True):
    """A raffle. `entries` and `root` are null until it is over, `winners` until they are picked."""

    campaign_id: str
    name: str
    closed: bool
    entries: int | None
    root: Annotated[
        str | None,
        Meta(description="The root of the Merkle tree over all entries (RFC 6962, SHA-256)."),
    ]
    winners: list[WinnerView] | None
    cancelled: Annotated[
        bool,
        Meta(description="It was ended by hand before its winners were picked: none ever are."),
    ]


def show_entry(draw: Draw) -> EntryView:
    """The view of an entry."""
    moment = rfc3339(draw.drawn_at_ms)
    date = iso_date(draw.day)
    return EntryView(
        draw.id, draw.campaign_id, draw.customer_id, draw.number, date, draw.seed, moment
    )


def show_raffle(seen: Seen) -> RaffleView:
    """The view of a raffle; it names no customer."""
    campaign, closing = seen.campaign, seen.closing
    picks = closing.picks if closing is not None and seen.picked else None
    return RaffleView(
        campaign_id=campaign.id,
        name=campaign.definition.name,
        closed=closing is not None,
        entries=None if closing is None else closing.entries,
        root=None if closing is None else closing.root,
        winners=None if picks is None else [WinnerView(one.entry, one.reward) for one in picks],
        cancelled=seen.cancelled,
    )
