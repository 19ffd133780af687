"""What a winner is told, and how a channel may take it."""

from enum import Enum, auto
from typing import Any

from msgspec import Struct

DRAW_WON = "draw.won"
RAFFLE_WON = "raffle.won"


class Notice(Struct, frozen=True, kw_only=True):
    """Somebody has won. `id` is the same whenever he is told again: receivers tell him once.

    `type` is DRAW_WON or RAFFLE_WON; `draw_number` is None for a raffle. `phone` is None where the
    tenant never said it; `won_at` and `expires_at` are RFC 3339.
    """

    type: str
    id: str
    tenant_id: str
    test_mode: bool
    customer_id: str
    phone: str | None
    campaign_id: str
    campaign_name: str
    draw_number: int | None
    incentive_id: str
    reward: str
    value: dict[str, Any]
    code: str | None
    won_at: str
    expires_at: str | None


class Lateness(Struct, frozen=True):
    """How long after it somebody is told that he has won; in a raffle, after the raffle's end."""

    draw_s_max: int
    raffle_s_max: int


class Heard(Enum):
    """What became of a notice: taken, refused for good, or to be tried again later."""

    TAKEN = auto()
    REFUSED = auto()
    LATER = auto()
