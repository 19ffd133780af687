"""Draws over HTTP."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct

from largesse.draws.model import SEED_CHARACTERS_MAX, Draw, DrawAnswer, ShownDraw
from largesse.http.shapes.customers import WishedFor
from largesse.http.shapes.incentives import IncentiveView, show
from largesse.http.shapes.lists import ListQuery, Next
from largesse.http.times import ShownMoment
from largesse.kernel.calendar import iso_date, rfc3339

ShownDate = Annotated[
    str, Meta(description="A day of the campaign's zone.", examples=["2026-12-01"])
]


class DrawBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer's wish for a draw."""

    customer_id: WishedFor = UNSET
    client_seed: Annotated[
        str | None,
        Meta(
            description="Goes into the number, so that nobody can have chosen it beforehand; at "
            f"most {SEED_CHARACTERS_MAX} characters, none of them a control character. Left out, "
            "it is the SHA-256 of the Idempotency-Key in hexadecimal."
        ),
    ] = None


class DrawView(Struct, frozen=True):
    """One draw. `number` counts the campaign's draws without gaps."""

    id: str
    campaign_id: str
    customer_id: str
    number: int
    date: ShownDate
    version: int
    client_seed: str
    won: bool
    drawn_at: ShownMoment


class DrawnView(Struct, frozen=True):
    """The customer has drawn. `incentive` is what he won, or null."""

    outcome: str
    won: bool
    draw: DrawView
    incentive: IncentiveView | None


class ShownDrawView(Struct, frozen=True):
    """A draw, and what it won as that stands now."""

    draw: DrawView
    incentive: IncentiveView | None


class DrawsQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose draws to list."""

    customer_id: WishedFor = UNSET


class DrawList(Struct, frozen=True):
    """A piece of a customer's draws, the newest first, and whether he may draw now.

    `outcome` is what he would be told who draws now: DRAWN, or why not.
    """

    items: list[ShownDrawView]
    next: Next
    may_draw: bool
    outcome: str
    proof_salt: Annotated[
        str, Meta(description="With it the customer finds his draws in the campaign's proof.")
    ]


def show_draw(draw: Draw) -> DrawView:
    """The view of a draw."""
    return DrawView(
        draw.id,
        draw.campaign_id,
        draw.customer_id,
        draw.number,
        iso_date(draw.day),
        draw.version,
        draw.seed,
        draw.won,
        rfc3339(draw.drawn_at_ms),
    )


def show_drawn(answer: DrawAnswer) -> DrawnView:
    """The answer to a wish that was granted."""
    assert answer.draw is not None
    incentive = None if answer.incentive is None else show(answer.incentive)
    return DrawnView(answer.outcome, answer.draw.won, show_draw(answer.draw), incentive)


def show_shown(shown: ShownDraw) -> ShownDrawView:
    """A draw among others."""
    incentive = None if shown.incentive is None else show(shown.incentive)
    return ShownDrawView(show_draw(shown.draw), incentive)
